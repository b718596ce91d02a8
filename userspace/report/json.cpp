#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/formats.h"

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
    return {{"held", amount(kind.held)},
            {"acquired", amount(kind.acquired)},
            {"released", amount(kind.released)},
            {"before_attach", amount_or_null(kind.before_attach)},
            {"lost", amount(kind.lost)},
            {"released_unknown", kind.released_unknown},
            {"oldest_s", number_or_null(kind.oldest_s)},
            {"growth_per_min", rate_or_null(kind.growth_per_min)},
            {"stack_count", kind.stack_count == 0 ? Json() : Json(kind.stack_count)},
            {"title", kind.title},
            {"note", text_or_null(kind.note)}};
}

Json frame(const Frame& frame) {
    const bool placed = !frame.module.empty();
    return {{"function", text_or_null(frame.function)},
            {"file", text_or_null(frame.file)},
            {"line", frame.line > 0 ? Json(frame.line) : Json()},
            {"module", text_or_null(frame.module)},
            {"build_id", text_or_null(frame.build_id)},
            {"address", fmt::format("0x{:x}", frame.address)},
            {"inlined", frame.inlined},
            {"module_address", placed ? Json(fmt::format("0x{:x}", frame.module_address)) : Json()},
            {"raw_function", text_or_null(frame.raw_function)}};
}

Json stack(const StackReport& stack) {
    Json frames = Json::array();
    for (const Frame& each : stack.frames) frames.push_back(frame(each));
    return {{"kind", stack.kind},
            {"id", fmt::format("{:016x}", stack.id)},
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
            {"frames", std::move(frames)},
            {"items", Json::array()}};
}

Json process(const ProcessReport& process) {
    Json kinds = Json::object();
    for (const KindReport& each : process.kinds) kinds[each.kind] = kind(each);
    Json stacks = Json::array();
    for (const StackReport& each : process.stacks) stacks.push_back(stack(each));
    return {{"pid", process.pid},
            {"host_pid", process.host_pid > 0 ? Json(process.host_pid) : Json()},
            {"start_time", text_or_null(process.start_time)},
            {"command", process.command},
            {"exe", text_or_null(process.exe)},
            {"runtime", process.runtime},
            {"runtime_version", text_or_null(process.runtime_version)},
            {"container", container_or_null(process.container)},
            {"uptime_s", number(process.uptime_s)},
            {"exited", process.exited},
            {"memory", memory(process)},
            {"kinds", std::move(kinds)},
            {"stacks", std::move(stacks)},
            {"stack_count", process.stack_count},
            {"types", Json::array()},
            {"findings", Json::array()}};
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
    Json processes = Json::array();
    for (const ProcessReport& each : report.processes) processes.push_back(process(each));
    const Json json = {{"schema", "whoholds/1"},
                       {"seq", report.seq},
                       {"time", text_or_null(report.time)},
                       {"attached_s", number(report.attached_s)},
                       {"final", report.final},
                       {"end_reason", text_or_null(report.end_reason)},
                       {"sorted_by", report.sorted_by},
                       {"selection", text_or_null(report.selection)},
                       {"processes", std::move(processes)},
                       {"coverage", coverage(report.coverage)}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace whoholds
