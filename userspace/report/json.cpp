#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/formats.h"
#include "report/suppressed_words.h"

namespace whoholds {
namespace {

using Json = nlohmann::ordered_json;  // the order of the contract, so that people find their way

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

// Milliseconds and thousandths are as exact as anything here is measured; more digits would only be noise.
Json number(double value) {
    constexpr double kStep = 1000;
    if (!std::isfinite(value)) return {};
    if (std::fabs(value) < 1e12) value = std::round(value * kStep) / kStep;
    return value == 0 ? 0.0 : value;  // never -0
}

template <class T>
Json value_or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json();
}

Json number_or_null(const std::optional<double>& value) { return value ? number(*value) : Json(); }

Json amount(const Amount& amount) { return {{"count", amount.count}, {"bytes", amount.bytes}}; }

Json amount_or_null(const std::optional<Amount>& value) { return value ? amount(*value) : Json(); }

Json rate_or_null(const std::optional<Rate>& rate) {
    if (!rate) return {};
    return {{"count", number(rate->count)}, {"bytes", number(rate->bytes)}};
}

Json container_or_null(const std::optional<Container>& container) {
    if (!container) return {};
    return {{"id", text_or_null(container->id)},
            {"pod", text_or_null(container->pod)},
            {"namespace", text_or_null(container->pod_namespace)},
            {"name", text_or_null(container->name)},
            {"pod_uid", text_or_null(container->pod_uid)}};
}

Json memory(const ProcessReport& process) {
    const MemoryUse& use = process.memory;
    // Every process has an address space: without one, nothing was read (it is gone).
    const bool known = use.virtual_bytes != 0 || use.rss_bytes != 0;
    const auto known_or_null = [&](auto value) { return known ? Json(value) : Json(); };
    return {{"rss_bytes", known_or_null(use.rss_bytes)},
            {"pss_bytes", value_or_null(use.pss_bytes)},
            {"anon_bytes", known_or_null(use.anon_bytes)},
            {"virtual_bytes", known_or_null(use.virtual_bytes)},
            {"limit_bytes", value_or_null(use.limit_bytes)},
            {"rss_growth_bytes_per_min", number_or_null(process.rss_growth_bytes_per_min)},
            {"file_bytes", known_or_null(use.file_bytes)},
            {"shmem_bytes", known_or_null(use.shmem_bytes)},
            {"rss_change_bytes", known_or_null(process.rss_change_bytes)},
            {"limit_source", text_or_null(use.limit_source)}};
}

Json kind(const KindReport& kind) {
    Json json = {{"held", amount(kind.held)},
                 {"acquired", amount(kind.acquired)},
                 {"released", amount(kind.released)},
                 {"before_attach", amount_or_null(kind.before_attach)},
                 {"lost", amount(kind.lost)},
                 {"released_unknown", kind.released_unknown},
                 {"oldest_s", number_or_null(kind.oldest_s)},
                 {"growth_per_min", rate_or_null(kind.growth_per_min)},
                 {"acquired_per_min", rate_or_null(kind.acquired_per_min)},
                 {"released_per_min", rate_or_null(kind.released_per_min)},
                 {"stack_count", kind.stack_count == 0 ? Json() : Json(kind.stack_count)},
                 {"title", kind.title},
                 {"note", text_or_null(kind.note)}};
    if (kind.oldest_is_at_least) json["oldest_is_at_least"] = true;
    return json;
}

Json frame(const Frame& frame) {
    const bool placed = !frame.module.empty();
    Json json = {{"function", text_or_null(frame.function)},
                 {"file", text_or_null(frame.file)},
                 {"line", frame.line > 0 ? Json(frame.line) : Json()},
                 {"module", text_or_null(frame.module)},
                 {"build_id", text_or_null(frame.build_id)},
                 {"address", fmt::format("0x{:x}", frame.address)},
                 {"inlined", frame.inlined},
                 {"module_address", placed ? Json(fmt::format("0x{:x}", frame.module_address)) : Json()},
                 {"raw_function", text_or_null(frame.raw_function)}};
    if (frame.created_by) json["created_by"] = true;
    return json;
}

Json descriptor(const ItemReport& item) {
    Json json = {{"fd", item.key},
                 {"local", text_or_null(item.local)},
                 {"remote", text_or_null(item.remote)},
                 {"state", text_or_null(item.state)},
                 {"age_s", number_or_null(item.age_s)},
                 {"type", text_or_null(item.type)},
                 {"name", text_or_null(item.name)},
                 {"direction", text_or_null(item.direction)},
                 {"receive_bytes", value_or_null(item.receive_bytes)},
                 {"send_bytes", value_or_null(item.send_bytes)},
                 {"waiting", value_or_null(item.waiting)},
                 {"backlog", value_or_null(item.backlog)},
                 {"size_bytes", value_or_null(item.size_bytes)},
                 {"deleted", item.deleted},
                 {"registered_files", value_or_null(item.registered_files)},
                 {"inode", value_or_null(item.inode)}};
    if (!item.held_by.empty()) json["held_by"] = item.held_by;
    return json;
}

Json thread(const ItemReport& item) {
    return {{"tid", item.key},
            {"name", text_or_null(item.name)},
            {"state", text_or_null(item.state)},
            {"wait_channel", text_or_null(item.wait_channel)},
            {"cpu_s", number_or_null(item.cpu_s)},
            {"age_s", number_or_null(item.age_s)},
            {"start_routine", text_or_null(item.start_routine)},
            {"stack_bytes", value_or_null(item.size_bytes)},
            {"type", text_or_null(item.type)}};
}

Json handle(const ItemReport& item) {
    return {{"handle", fmt::format("0x{:x}", item.key)}, {"name", text_or_null(item.name)},
            {"state", text_or_null(item.state)},         {"age_s", number_or_null(item.age_s)},
            {"type", text_or_null(item.type)},           {"size_bytes", value_or_null(item.size_bytes)}};
}

Json goroutine(const ItemReport& item) {
    return {{"goid", item.key},
            {"name", Json()},
            {"state", text_or_null(item.state)},
            {"wait_reason", text_or_null(item.wait_reason)},
            {"blocked_s", number_or_null(item.blocked_s)},
            {"function", text_or_null(item.function)},
            {"channel", item.channel != 0 ? Json(fmt::format("0x{:x}", item.channel)) : Json()},
            {"age_s", number_or_null(item.age_s)},
            {"stack_bytes", value_or_null(item.size_bytes)},
            {"type", text_or_null(item.type)}};
}

Json item(const ItemReport& item) {
    if (item.is_goroutine) return goroutine(item);
    if (item.is_descriptor) return descriptor(item);
    return item.is_thread ? thread(item) : handle(item);
}

Json forecast_or_null(const std::optional<Forecast>& forecast) {
    if (!forecast) return {};
    return {{"limit", forecast->limit},
            {"in_s", number(forecast->in_s)},
            {"low_s", number(forecast->low_s)},
            {"high_s", number(forecast->high_s)},
            {"limit_value", forecast->limit_value},
            {"now_value", forecast->now_value}};
}

Json finding(const Finding& finding) {
    Json kinds = Json::array();
    Json parts = Json::array();
    Rate growth;
    for (const FindingPart& part : finding.parts) {
        kinds.push_back(part.kind);
        growth.count += part.growth_per_min.count;
        growth.bytes += part.growth_per_min.bytes;
        parts.push_back(
            {{"kind", part.kind}, {"held", amount(part.held)}, {"growth_per_min", rate_or_null(part.growth_per_min)}});
    }
    Json ids = Json::array();
    for (const uint64_t id : finding.stack_ids) ids.push_back(fmt::format("{:016x}", id));
    return {{"verdict", finding.verdict},
            {"headline", finding.headline},
            {"file", text_or_null(finding.file)},
            {"line", finding.line > 0 ? Json(finding.line) : Json()},
            {"reason", finding.reason},
            {"kinds", std::move(kinds)},
            {"growth_per_min", rate_or_null(growth)},
            {"forecast", forecast_or_null(finding.forecast)},
            {"stack_ids", std::move(ids)},
            {"interim", text_or_null(finding.interim)},
            {"rule", finding.rule},
            {"evidence", finding.evidence},
            {"parts", std::move(parts)}};
}

Json states(const std::vector<std::pair<std::string, uint64_t>>& states) {
    Json json = Json::object();
    for (const auto& [state, count] : states) json[state] = count;
    return json;
}

Json item_group(const ItemGroup& group) {
    return {{"what", text_or_null(group.what)},
            {"count", group.count},
            {"states", states(group.states)},
            {"size_bytes", value_or_null(group.size_bytes)},
            {"cpu_s", number_or_null(group.cpu_s)}};
}

std::string stack_id(uint64_t id) { return fmt::format("{:016x}", id); }

Json connection(const ConnectionGroup& group) {
    Json ids = Json::array();
    for (const uint64_t id : group.stack_ids) ids.push_back(stack_id(id));
    return {{"protocol", text_or_null(group.protocol)},
            {"direction", text_or_null(group.direction)},
            {"remote", text_or_null(group.remote)},
            {"count", group.count},
            {"states", states(group.states)},
            {"before_attach", group.before_attach},
            {"oldest_s", number_or_null(group.oldest_s)},
            {"receive_bytes", group.receive_bytes},
            {"send_bytes", group.send_bytes},
            {"waiting", value_or_null(group.waiting)},
            {"backlog", value_or_null(group.backlog)},
            {"growth_per_min", number_or_null(group.growth_per_min)},
            {"stack_ids", std::move(ids)}};
}

Json connect_failure(const ConnectFailure& failure) {
    return {{"error", text_or_null(failure.error)},
            {"headline", text_or_null(failure.headline)},
            {"stack_id", failure.stack_id != 0 ? Json(stack_id(failure.stack_id)) : Json()},
            {"count", failure.count}};
}

template <class T, class Write>
Json array(const std::vector<T>& values, Write write) {
    Json json = Json::array();
    for (const T& value : values) json.push_back(write(value));
    return json;
}

Json holder(const HolderReport& holder) {
    return {{"way", holder.way}, {"count", holder.count}, {"looked_at", holder.looked_at}};
}

Json place(const Frame& frame) {
    return {{"function", frame.function}, {"file", text_or_null(frame.file)}, {"line", frame.line}};
}

Json stack(const StackReport& stack) {
    Json json = {{"kind", stack.kind},
                 {"id", stack_id(stack.id)},
                 {"held", amount(stack.held)},
                 {"acquired", amount(stack.acquired)},
                 {"released", amount(stack.released)},
                 {"before_attach", stack.before_attach},
                 {"oldest_s", number_or_null(stack.oldest_s)},
                 {"median_age_s", number_or_null(stack.median_age_s)},
                 {"growth_per_min", rate_or_null(stack.growth_per_min)},
                 {"complete", stack.complete},
                 {"why_incomplete", text_or_null(stack.why_incomplete)},
                 {"headline", text_or_null(stack.headline)},
                 {"frames", array(stack.frames, frame)},
                 {"items", array(stack.items, item)},
                 {"items_omitted", stack.items_omitted},
                 {"item_groups", array(stack.item_groups, item_group)},
                 {"item_groups_of", stack.item_groups_of}};
    if (stack.oldest_is_at_least) json["oldest_is_at_least"] = true;
    if (stack.samples) json["samples"] = *stack.samples;
    if (!stack.held_by.empty()) {
        json["holders"] = array(stack.held_by, holder);
        json["holders_not_known"] = stack.held_by_unknown;
    }
    if (stack.not_judged) json["not_judged"] = *stack.not_judged;
    if (stack.kept_at) {
        Json kept = place(stack.kept_at->line);
        kept["count"] = stack.kept_at->count;
        kept["looked_at"] = stack.kept_at->looked_at;
        kept["functions"] = stack.kept_at->functions;
        json["kept_at"] = std::move(kept);
    }
    return json;
}

Json go_size(const GoSizeReport& size) {
    return {{"element_bytes", size.element_bytes == 0 ? Json() : Json(size.element_bytes)},
            {"has_pointers", size.has_pointers},
            {"spans", size.spans},
            {"span_bytes", size.span_bytes},
            {"held", amount(size.held)},
            {"since_collection", amount(size.since)}};
}

Json go(const GoReport& go) {
    const GoRuntimeFacts& facts = go.facts;
    Json json = {{"max_procs", facts.max_procs},
                 {"heap_in_use_bytes", facts.heap_in_use_bytes},
                 {"heap_idle_bytes", facts.heap_idle_bytes},
                 {"heap_released_bytes", facts.heap_released_bytes},
                 {"heap_live_bytes", facts.heap_live_bytes},
                 {"heap_goal_bytes", value_or_null(facts.heap_goal_bytes)},
                 {"goroutine_stack_bytes", facts.goroutine_stack_bytes},
                 {"runtime_bytes", facts.other_bytes},
                 {"memory_limit_bytes", value_or_null(facts.memory_limit_bytes)},
                 {"gc_percent", value_or_null(facts.gc_percent)},
                 {"collections", facts.gc_count},
                 {"forced_collections", facts.gc_forced_count},
                 {"collections_per_min", number_or_null(go.collections_per_min)},
                 {"gc_pause_s", number(static_cast<double>(facts.gc_pause_ns) / 1e9)},
                 {"spans", facts.span_count},
                 {"profile_rate_bytes", facts.profile_rate_bytes},
                 {"goroutines", go.goroutines},
                 {"system_goroutines", go.system_goroutines},
                 {"torn_goroutines", go.torn_goroutines},
                 {"outside_bytes_at_least", value_or_null(go.outside_bytes_at_least)}};
    if (!go.sizes.empty()) json["heap_sizes"] = array(go.sizes, go_size);
    return json;
}

Json type(const TypeReport& type) {
    Json held_by = Json::array();
    for (const HolderReport& holder : type.held_by) held_by.push_back(holder.way);
    Json json = {{"name", type.name},
                 {"known", type.is_known},
                 {"count", type.held.count},
                 {"bytes", type.held.bytes},
                 {"growth_per_min", rate_or_null(type.growth_per_min)},
                 {"grows", type.grows},
                 {"held_by", std::move(held_by)},
                 {"holders", array(type.held_by, holder)}};
    if (type.reached) {
        json["reached"] = amount(type.reached->amount);
        json["reached_whole_bytes"] = type.reached->whole_bytes;
    }
    if (!type.made_at.empty()) json["made_at"] = array(type.made_at, place);
    return json;
}

Json types_census(const TypesReport& types) {
    return {{"all", amount(types.all)},
            {"not_known", amount(types.unknown)},
            {"changed_meanwhile", amount(types.changed)},
            {"omitted", types.omitted},
            {"read_bytes", types.read_bytes},
            {"took_s", number(types.took_s)},
            {"age_s", number(types.age_s)},
            {"looks", types.looks},
            {"reached", types.reached ? amount(*types.reached) : Json()}};
}

Json process(const ProcessReport& process) {
    Json kinds = Json::object();
    for (const KindReport& each : process.kinds) kinds[each.kind] = kind(each);
    Json json = {{"pid", process.pid},
                 {"host_pid", process.host_pid > 0 ? Json(process.host_pid) : Json()},
                 {"start_time", text_or_null(process.start_time)},
                 {"command", process.command},
                 {"exe", text_or_null(process.exe)},
                 {"runtime", process.runtime},
                 {"runtime_version", text_or_null(process.runtime_version)},
                 {"container", container_or_null(process.container)},
                 {"uptime_s", number(process.uptime_s)},
                 {"attached_s", number(process.attached_s)},
                 {"missed_start_ms", process.missed_start ? number(process.missed_start->ms) : Json()},
                 {"missed_start_after",
                  process.missed_start ? Json(process.missed_start->after_exec ? "exec" : "fork") : Json()},
                 {"namespace_pid", process.inner_pid > 0 ? Json(process.inner_pid) : Json()},
                 {"exited", process.exited},
                 {"memory", memory(process)},
                 {"kinds", std::move(kinds)},
                 {"stacks", array(process.stacks, stack)},
                 {"stack_count", process.stack_count},
                 {"connections", array(process.connections, connection)},
                 {"connection_groups_omitted", process.connection_groups_omitted},
                 {"connect_failures", array(process.connect_failures, connect_failure)},
                 {"types", process.types ? array(process.types->types, type) : Json::array()},
                 {"findings", array(process.findings, finding)},
                 {"why_no_verdict", text_or_null(process.why_no_verdict)},
                 {"memory_forecast", forecast_or_null(process.memory_forecast)}};
    if (process.go) json["go"] = go(*process.go);
    if (process.js_sample_bytes > 0)
        json["js_heap_samples"] = {{"each_bytes", process.js_sample_bytes},
                                   {"not_judged_elsewhere", process.js_not_judged_elsewhere}};
    if (process.types) json["types_census"] = types_census(*process.types);
    return json;
}

Json coverage(const Coverage& coverage) {
    Json probes = Json::array();
    for (const ProbeReport& probe : coverage.probes) {
        probes.push_back({{"symbol", probe.symbol},
                          {"module", text_or_null(probe.module)},
                          {"offset", probe.offset},
                          {"hits", probe.hits},
                          {"how", text_or_null(probe.how)},
                          {"pid", probe.pid > 0 ? Json(probe.pid) : Json()}});
    }
    Json skipped = Json::array();
    for (const SkippedReport& each : coverage.skipped) skipped.push_back({{"what", each.what}, {"why", each.why}});
    Json losses = Json::array();
    for (const LossCounter& loss : coverage.losses) {
        losses.push_back(
            {{"name", loss.name}, {"count", loss.value}, {"loses", loss.loses}, {"sentence", loss.sentence}});
    }
    return {{"events", {{"seen", coverage.events_seen}, {"lost", coverage.events_lost}}},
            {"stacks", {{"complete", coverage.stacks_complete}, {"incomplete", coverage.stacks_incomplete}}},
            {"probes", std::move(probes)},
            {"skipped", std::move(skipped)},
            {"events_per_s", number(coverage.events_per_s)},
            {"cost_core_percent", number_or_null(coverage.cost_core_percent)},
            {"losses", std::move(losses)},
            {"notes", coverage.notes},
            {"warnings", coverage.warnings}};
}

}  // namespace

std::string write_json(const Report& report, const FormatOptions& /*options*/) {
    Json json = {{"schema", "whoholds/1"},
                 {"seq", report.seq},
                 {"time", text_or_null(report.time)},
                 {"attached_s", number(report.attached_s)},
                 {"final", report.final},
                 {"end_reason", text_or_null(report.end_reason)},
                 {"sorted_by", report.sorted_by},
                 {"selection", text_or_null(report.selection)},
                 {"processes", array(report.processes, process)},
                 {"coverage", coverage(report.coverage)}};
    if (!report.reasons.empty()) json["reasons"] = report.reasons;
    if (report.suppressed) json["suppressed"] = suppressed_as_json(*report.suppressed);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace whoholds
