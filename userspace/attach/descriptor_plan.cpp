#include "attach/descriptor_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "attach/syscall_sites.h"

namespace whoholds {
namespace {

constexpr std::string_view kLibcMark = "__libc_start_main";
constexpr std::string_view kSitesSuffice = "its modules make system calls for descriptors at places that can be probed";
constexpr std::string_view kNotLoadedYet = "the C library is not loaded yet: it is decided when it is";
constexpr std::string_view kDecidedBefore = "as decided when the process was attached to";

// Exported, as a static program has it too.
bool is_shared_libc(const ModuleCode& code) {
    return std::any_of(code.symbols.begin(), code.symbols.end(), [](const ElfSymbol& symbol) {
        return symbol.name == kLibcMark && std::string_view(symbol.table) == ".dynsym";
    });
}

std::string place_of(const UnusableSite& site) {
    return site.function.empty() ? fmt::format("at {:#x}", site.address) : "in " + site.function;
}

// Why a module's sites do not do; "" if they do.
std::string reason_against_sites(const SyscallSites& found, const std::string& path, bool is_libc, bool is_musl) {
    if (!found.complete) return path + " has more code that looks like system calls than can be looked at";
    if (!found.any_number.empty()) {
        if (is_libc)
            return fmt::format(
                "libc makes cancellable system calls at one place, with numbers known at run time only{}",
                is_musl ? " (musl)" : "");
        return fmt::format("{} makes system calls with numbers known at run time only ({})", path,
                           place_of(found.any_number.front()));
    }
    if (found.unprovable.size() > found.sites.size())
        return fmt::format("most system calls of {} stand where no probe is safe ({}: {})", path,
                           place_of(found.unprovable.front()), found.unprovable.front().why);
    return {};
}

// One or two in a C library, a close whose result nobody looks at. What they open or close is found when a report is made: the
// price of the tracepoint, which every process pays, would be too high for that.
std::string unseen_calls(const SyscallSites& found) {
    std::string text;
    for (const UnusableSite& site : found.unprovable)
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", place_of(site), site.why);
    return text;
}

void add_sites(const ModuleCode& code, const std::vector<SyscallSite>& sites, ModulePlan& module) {
    for (const SyscallSite& site : sites) {
        const auto offset = code.offset_of(site.probe_address);
        if (!offset) continue;
        module.sites.push_back({.number = site.call->number,
                                .name = std::string(site.call->name),
                                .function = site.function,
                                .address = site.address,
                                .probe_offset = *offset,
                                .shape = site.shape,
                                .emulated = site.emulated,
                                .instruction = site.instruction,
                                .why = site.why});
    }
}

void take_out_sites(AttachPlan& plan) {
    for (ModulePlan& module : plan.modules) module.sites.clear();
    std::erase_if(plan.modules, [](const ModulePlan& module) { return module.is_empty(); });
}

}  // namespace

std::string_view descriptor_method_name(DescriptorMethod method) {
    switch (method) {
        case DescriptorMethod::kNone: return "none";
        case DescriptorMethod::kSites: return "sites";
        case DescriptorMethod::kTracepoint: return "tracepoint";
    }
    return "?";
}

void DescriptorPlanner::add(const ModuleCode& code, ModulePlan& module) {
    if (!options_.descriptors) return;
    const DescriptorMethod so_far = options_.descriptor_method_so_far.value_or(DescriptorMethod::kSites);
    if (so_far != DescriptorMethod::kSites) return;
    const bool is_libc = is_shared_libc(code);
    ++modules_;
    has_libc_ = has_libc_ || is_libc;
    // musl's libc is the dynamic linker too.
    const bool is_musl = is_libc && loader_hook(code, module.path).has_value();
    has_loader_ = has_loader_ || is_musl || is_loader_path(module.path);
    has_go_ = has_go_ || code.is_go;
    if (code.is_go) {  // its system calls are made in one function, for all numbers: nothing to look for in all that code
        unseen_.push_back({"system calls of " + module.path,
                           "a Go module makes them with numbers known at run time "
                           "only: its descriptors are found when a report is made"});
        return;
    }
    const SyscallSites found = find_syscall_sites(code);
    add_sites(code, found.sites, module);
    add_sites(code, found.through_wrapper, module);
    const std::string reason = reason_against_sites(found, module.path, is_libc, is_musl);
    if (against_sites_.empty()) against_sites_ = reason;
    if (!reason.empty()) {
        unseen_.push_back({"system calls of " + module.path, reason});
    } else if (!found.unprovable.empty()) {
        unseen_.push_back({fmt::format("{} in {}",
                                       found.unprovable.size() == 1
                                           ? "a system call for descriptors"
                                           : fmt::format("{} system calls for descriptors", found.unprovable.size()),
                                       module.path),
                           unseen_calls(found)});
    }
}

// A program that is just starting, or about to: there is its file, and the dynamic linker that is going to load the rest.
bool DescriptorPlanner::libraries_follow() const {
    return !options_.descriptor_method_so_far && has_loader_ && !has_libc_ && !has_go_ && modules_ <= 2;
}

std::string DescriptorPlanner::reason_for_tracepoint(const AttachPlan& plan) const {
    if (has_go_) return "the program makes its system calls itself (Go), with numbers known at run time only";
    if (modules_ == 0) return "none of its modules can be read";
    if (!has_libc_)
        return has_loader_ ? "no libc was found among its modules"
                           : "a static program: it makes its system calls itself";
    if (!against_sites_.empty()) return against_sites_;
    const size_t sites = plan.site_count();
    if (!options_.cheap_detach && sites > kMaxSitesDearDetach)
        return fmt::format("without uprobe_multi links, taking away {} probes would take seconds", sites);
    return {};
}

void DescriptorPlanner::decide(AttachPlan& plan) {
    if (!options_.descriptors) return;
    if (libraries_follow()) {
        plan.descriptor_why = kNotLoadedYet;
        take_out_sites(plan);
        return;
    }
    if (options_.descriptor_method_so_far) {
        plan.descriptor_method = *options_.descriptor_method_so_far;
        plan.descriptor_why = kDecidedBefore;
        if (plan.descriptor_method == DescriptorMethod::kSites)
            plan.skipped.insert(plan.skipped.end(), unseen_.begin(), unseen_.end());
        return;
    }
    plan.descriptor_why = reason_for_tracepoint(plan);
    if (plan.descriptor_why.empty()) {
        plan.descriptor_method = DescriptorMethod::kSites;
        plan.descriptor_why = kSitesSuffice;
        plan.skipped.insert(plan.skipped.end(), unseen_.begin(), unseen_.end());
        return;
    }
    plan.descriptor_method = DescriptorMethod::kTracepoint;
    take_out_sites(plan);
}

}  // namespace whoholds
