// An AttachPlan for people, and for programs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "attach/attach_plan.h"
#include "attach/call_shape.h"
#include "base/printable.h"

namespace whoholds {
namespace {

std::string plural(size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// Measured on x86 (T41): about 0.5 µs against 5 µs.
const char* price(const Placement& placement) { return placement.emulated ? "cheap" : "10x"; }

bool is_by_ret(const PlannedProbe& probe) { return unpack(probe.shape).by_ret; }

// A ret is never emulated.
std::string returns(const PlannedProbe& probe) {
    if (!probe.needs_return) return "-";
    return is_by_ret(probe) ? fmt::format("at {} ret, 10x", probe.return_offsets.size()) : "yes";
}

std::string place(const Placement& placement) {
    if (placement.delta == 0) return "entry " + placement.instruction;
    return fmt::format("+{} {}", placement.delta, placement.instruction);
}

constexpr size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

std::string aligned(const std::vector<Row>& rows) {
    std::array<size_t, kColumns> widths{};
    for (const Row& row : rows) {
        for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const Row& row : rows) {
        std::string line = " ";
        for (size_t i = 0; i < kColumns; ++i) line += fmt::format(" {:<{}} ", row[i], widths[i]);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string module_to_text(const ModulePlan& module) {
    std::string text =
        fmt::format("{}{}{}\n", printable(module.path), module.build_id.empty() ? "" : "  build id " + module.build_id,
                    module.is_allocator ? "  (an allocator: its own mappings are not the program's)" : "");
    std::vector<Row> rows = {{"function", "found in", "where", "price", "return", "what the call does"}};
    for (const PlannedProbe& probe : module.probes) {
        rows.push_back({printable(probe.symbol), probe.family + " " + probe.table, place(probe.placement),
                        price(probe.placement), returns(probe), shape_to_text(probe.shape)});
    }
    text += aligned(rows);
    for (const PlannedProbe& probe : module.probes) {
        std::string names;
        for (const std::string& alias : probe.aliases) names += (names.empty() ? "" : ", ") + printable(alias);
        if (!names.empty()) text += fmt::format("  {} is also {}\n", printable(probe.symbol), names);
        if (!probe.placement.emulated) text += fmt::format("  {}: {}\n", printable(probe.symbol), probe.placement.why);
    }
    return text + "\n";
}

// "openat 5, close 4"
std::string site_names(const ModulePlan& module) {
    std::map<std::string_view, size_t> counts;
    for (const PlannedSite& site : module.sites) ++counts[site.name];
    std::string text;
    for (const auto& [name, count] : counts)
        text += fmt::format("{}{}{}", text.empty() ? "" : ", ", name, count == 1 ? "" : fmt::format(" {}", count));
    return text;
}

std::string sites_to_text(const ModulePlan& module) {
    const auto emulated =
        std::count_if(module.sites.begin(), module.sites.end(), [](const PlannedSite& site) { return site.emulated; });
    std::string text = fmt::format("  {}: {}, {} emulated\n      {}\n", printable(module.path),
                                   plural(module.sites.size(), "site"), emulated, site_names(module));
    for (const PlannedSite& site : module.sites) {
        if (!site.emulated)
            text += fmt::format("      {} in {}: {}\n", site.name,
                                site.function.empty() ? fmt::format("{:#x}", site.address) : printable(site.function),
                                site.why);
    }
    return text;
}

const char* role_text(PlannedGoProbe::Role role) {
    switch (role) {
        case PlannedGoProbe::Role::kGoroutineCreated: return "goroutine created";
        case PlannedGoProbe::Role::kGoroutineEnded: return "goroutine ended";
        case PlannedGoProbe::Role::kAcquired: return "acquired";
        case PlannedGoProbe::Role::kReleased: return "released";
    }
    return "?";
}

std::string go_role_text(const PlannedGoProbe& probe) {
    const auto word = WH_SHAPE_GET(probe.shape, KEY_ARG);
    switch (probe.role) {
        case PlannedGoProbe::Role::kAcquired: return fmt::format("acquired key=ret{}", word);
        case PlannedGoProbe::Role::kReleased: return fmt::format("released key=arg{}", word);
        default: return role_text(probe.role);
    }
}

std::string go_to_text(const ModulePlan& module) {
    if (module.go_probes.empty()) return "";
    std::string text = fmt::format("{}: Go code\n", printable(module.path));
    std::vector<Row> rows;
    for (const PlannedGoProbe& probe : module.go_probes) {
        const GoProbeSite& first = probe.sites.front();
        rows.push_back({printable(probe.symbol), go_role_text(probe),
                        fmt::format("{} at {:#x}", first.instruction, first.address),
                        probe.sites.size() == 1 ? "" : fmt::format("and {} more", probe.sites.size() - 1),
                        first.emulated ? "emulated" : "stepped"});
    }
    return text + aligned(rows) + "\n";
}

std::string descriptors_to_text(const AttachPlan& plan) {
    switch (plan.descriptor_method) {
        case DescriptorMethod::kNone:
            return plan.descriptor_why.empty() ? "" : fmt::format("descriptors: {}\n\n", plan.descriptor_why);
        case DescriptorMethod::kTracepoint:
            return fmt::format("descriptors: by the tracepoint at the end of every system call\n  {}\n\n",
                               printable(plan.descriptor_why));
        case DescriptorMethod::kSites: break;
    }
    std::string text = fmt::format("descriptors: by probes right behind {}\n  {}\n",
                                   plural(plan.site_count(), "system call"), printable(plan.descriptor_why));
    for (const ModulePlan& module : plan.modules) {
        if (!module.sites.empty()) text += sites_to_text(module);
    }
    return text + "\n";
}

std::string summary(const AttachPlan& plan) {
    size_t cheap = 0;
    size_t return_probes = 0;
    size_t by_ret = 0;
    size_t modules = 0;
    for (const ModulePlan& module : plan.modules) {
        modules += module.probes.empty() ? 0 : 1;
        for (const PlannedProbe& probe : module.probes) {
            cheap += probe.placement.emulated ? 1 : 0;
            return_probes += probe.needs_return && !is_by_ret(probe) ? 1 : 0;
            by_ret += is_by_ret(probe) ? 1 : 0;
        }
    }
    if (plan.modules.empty()) {
        const bool has_tracepoint = plan.descriptor_method == DescriptorMethod::kTracepoint;
        return fmt::format("pid {}: NOTHING TO ATTACH TO{}; {} skipped\n", plan.pid,
                           has_tracepoint ? " but the tracepoint" : "", plan.skipped.size());
    }
    return fmt::format(
        "pid {}: {} in {} ({} cheap: the kernel emulates the instruction; {} single-stepped, about 10x dearer), {}, "
        "{}{} "
        "skipped; {}\n",
        plan.pid, plural(plan.probe_count(), "function"), plural(modules, "module"), cheap, plan.probe_count() - cheap,
        plural(return_probes, "return probe"),
        by_ret == 0 ? "" : fmt::format("{} by their ret instructions as they may throw, ", by_ret), plan.skipped.size(),
        plan.loader_offset == 0 ? "no dynamic linker to watch" : "the dynamic linker is watched for new libraries");
}

nlohmann::json probe_to_json(const PlannedProbe& probe) {
    return {{"symbol", probe.symbol},
            {"aliases", probe.aliases},
            {"family", probe.family},
            {"table", probe.table},
            {"address", probe.address},
            {"entry_offset", probe.entry_offset},
            {"probe_offset", probe.probe_offset()},
            {"shape", shape_to_text(probe.shape)},
            {"shape_bits", fmt::format("{:#x}", probe.shape)},
            {"return_probe", probe.needs_return && !is_by_ret(probe)},
            {"return_offsets", probe.return_offsets},
            {"placement",
             {{"delta", probe.placement.delta},
              {"pushed_words", probe.placement.pushed_words},
              {"emulated", probe.placement.emulated},
              {"instruction", probe.placement.instruction},
              {"why", probe.placement.why}}}};
}

nlohmann::json go_probe_to_json(const PlannedGoProbe& probe) {
    nlohmann::json offsets = nlohmann::json::array();
    for (const GoProbeSite& site : probe.sites) offsets.push_back(site.offset);
    return {{"symbol", probe.symbol},
            {"role", role_text(probe.role)},
            {"key_word", WH_SHAPE_GET(probe.shape, KEY_ARG)},
            {"address", probe.address},
            {"offsets", std::move(offsets)},
            {"instruction", probe.sites.front().instruction},
            {"emulated", probe.sites.front().emulated}};
}

nlohmann::json site_to_json(const PlannedSite& site) {
    return {{"name", site.name},
            {"number", site.number},
            {"function", site.function},
            {"address", site.address},
            {"probe_offset", site.probe_offset},
            {"shape", shape_to_text(site.shape)},
            {"shape_bits", fmt::format("{:#x}", site.shape)},
            {"emulated", site.emulated},
            {"instruction", site.instruction},
            {"why", site.why}};
}

}  // namespace

std::string plan_to_text(const AttachPlan& plan) {
    std::string text;
    for (const ModulePlan& module : plan.modules) {
        if (!module.probes.empty()) text += module_to_text(module);
        text += go_to_text(module);
    }
    text += descriptors_to_text(plan);
    if (!plan.skipped.empty()) text += "skipped\n";
    for (const Skipped& skipped : plan.skipped) {
        text += fmt::format("  {}\n      {}\n", printable(skipped.what), printable(skipped.why));
    }
    if (!plan.skipped.empty()) text += "\n";
    return text + summary(plan);
}

std::string plan_to_json(const AttachPlan& plan) {
    nlohmann::json modules = nlohmann::json::array();
    for (const ModulePlan& module : plan.modules) {
        nlohmann::json probes = nlohmann::json::array();
        for (const PlannedProbe& probe : module.probes) probes.push_back(probe_to_json(probe));
        nlohmann::json sites = nlohmann::json::array();
        for (const PlannedSite& site : module.sites) sites.push_back(site_to_json(site));
        nlohmann::json go_probes = nlohmann::json::array();
        for (const PlannedGoProbe& probe : module.go_probes) go_probes.push_back(go_probe_to_json(probe));
        modules.push_back({{"path", module.path},
                           {"open_path", module.open_path},
                           {"device", fmt::format("{:x}:{:x}", module.device_major, module.device_minor)},
                           {"inode", module.inode},
                           {"build_id", module.build_id},
                           {"is_allocator", module.is_allocator},
                           {"first_address", module.first_address},
                           {"end_address", module.end_address},
                           {"probes", std::move(probes)},
                           {"sites", std::move(sites)},
                           {"go_probes", std::move(go_probes)}});
    }
    nlohmann::json skipped = nlohmann::json::array();
    for (const Skipped& each : plan.skipped) skipped.push_back({{"what", each.what}, {"why", each.why}});
    const nlohmann::json json = {{"pid", plan.pid},
                                 {"modules", std::move(modules)},
                                 {"descriptors",
                                  {{"method", descriptor_method_name(plan.descriptor_method)},
                                   {"why", plan.descriptor_why},
                                   {"sites", plan.site_count()}}},
                                 {"skipped", std::move(skipped)},
                                 {"loader", {{"open_path", plan.loader_open_path}, {"offset", plan.loader_offset}}}};
    // Names are bytes of the target's files: what is no UTF-8 is replaced, not thrown at.
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace whoholds
