#include "attach/go_plan.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "attach/call_shape.h"
#include "attach/go_pairs.h"
#include "attach/go_value_sites.h"
#include "attach/module_planner.h"
#include "runtime/go/layout.h"

namespace whoholds {
namespace {

using Role = PlannedGoProbe::Role;

constexpr std::string_view kWhat = "goroutines";
constexpr std::string_view kCreates = "runtime.newproc1";
// What a goroutine that begins in the runtime's code begins with, but is the program's all the same: iter.Pull, Go 1.23.
constexpr std::string_view kCoroutineStart = "runtime.corostart";
// Foreign functions between those of package runtime: what it gives to other packages by linkname.
constexpr size_t kMostForeign = 64;

// Arguments and results in registers, so that probes find them. (amd64, Go 1.17.)
constexpr unsigned kFirstRegisterAbi = 17;

CodeRange code_of(const GoFunction& function) { return {function.entry, function.end}; }

// Package runtime lies in one piece, in which some functions have other packages' names. Assembly and generated methods lie elsewhere.
CodeRange runtime_code(const GoLineTable& table, uint64_t inside) {
    CodeRange found;
    CodeRange piece;
    size_t foreign = 0;
    for (size_t i = 0; i < table.function_count(); ++i) {
        const auto function = table.function(i);
        if (!function) continue;
        if (!table.name_of(*function).starts_with("runtime.")) {
            if (++foreign > kMostForeign) piece = {};
            continue;
        }
        foreign = 0;
        if (piece.end == 0) piece.start = function->entry;
        piece.end = function->end;
        if (inside >= piece.start && inside < piece.end) found = piece;
    }
    return found;
}

Result<wh_go_process> describe(const ElfImage& image, const GoCode& code, uint64_t creates) {
    const GoLineTable& table = code.table();
    const auto layout = go_layout(code.minor_version());
    if (!layout) return Error{ErrorCode::kUnsupported, "made by a version of Go that is too old"};
    const auto at_switch = table.find_name("runtime.systemstack_switch");
    if (!at_switch) return Error{ErrorCode::kNotFound, "there is no function runtime.systemstack_switch"};
    const auto coroutine = table.find_name(kCoroutineStart);
    const CodeRange runtime = runtime_code(table, creates);
    constexpr unsigned kWithoutSyscallReturn = 25;  // gobuf lost a field
    const bool is_smaller = code.minor_version() >= kWithoutSyscallReturn;
    wh_go_process process{};
    process.switch_start = code_of(*at_switch).start;
    process.switch_end = code_of(*at_switch).end;
    process.runtime_start = runtime.start;
    process.runtime_end = runtime.end;
    process.coroutine_start = coroutine ? coroutine->entry : 0;
    // The word below the thread pointer, where the program has no other thread-local data; else it leads to no goroutine, which is
    // seen. The dynamic linker chooses a place for that of libraries.
    const bool is_program = !image.is_position_independent() || !image.interpreter().empty();
    process.tls_offset = is_program ? -8 : 0;
    process.g_saved_bp = is_smaller ? 96 : 104;
    process.g_id = layout->goroutine.id;
    process.g_creator = layout->goroutine.creator;
    process.g_start = layout->goroutine.start;
    process.m_current = is_smaller ? 184 : 192;
    process.is_known = 1;
    return process;
}

PlannedGoProbe probe_of(Role role, const GoFunctionSites& function, const GoValueSite& place) {
    return {.role = role,
            .symbol = function.name,
            .address = function.entry,
            .sites = {place.site},
            .shape = WH_SHAPE_PUT(KIND, WH_KIND_GOROUTINE) | WH_SHAPE_PUT(KEY_ARG, place.in_rbx)};
}

// Where the callers of what creates a goroutine have its result, most of them at an instruction that is emulated; else at its own
// RET instructions.
std::vector<PlannedGoProbe> creation_probes(const ElfImage& image, const GoCode& code, const GoFunctionSites& creates) {
    std::vector<PlannedGoProbe> probes;
    const auto places = go_results_of_calls(image, code, runtime_code(code.table(), creates.entry), kCreates);
    if (places)
        for (const GoValueSite& place : *places) probes.push_back(probe_of(Role::kGoroutineCreated, creates, place));
    if (!probes.empty()) return probes;
    PlannedGoProbe at_ret = probe_of(Role::kGoroutineCreated, creates, {});
    at_ret.sites = creates.returns;
    at_ret.shape |= WH_SHAPE_PUT(BY_RET, 1);
    return {at_ret};
}

Result<void> plan_goroutines(const ElfImage& image, const GoCode& code, ModulePlan& module) {
    WH_TRY(const GoFunctionSites creates, go_function_sites(image, code, kCreates));
    if (creates.returns.empty()) return Error{ErrorCode::kUnsupported, "runtime.newproc1 does not return"};
    // From Go 1.22 on goexit0 is not the only one that ends a goroutine; before, what it calls was inlined into it.
    const bool has_destroy = code.table().find_name("runtime.gdestroy").has_value();
    WH_TRY(const GoFunctionSites ends,
           go_function_sites(image, code, has_destroy ? "runtime.gdestroy" : "runtime.goexit0"));
    WH_TRY(const wh_go_process process, describe(image, code, creates.entry));
    module.go = PlannedGoProcess{.process = process,
                                 .address_minus_offset = creates.start.address - creates.start.offset,
                                 .needs_check = code.minor_version() > kNewestGoMinor};
    WH_TRY(const GoValueSite at_end, go_first_argument(image, code, ends));
    module.go_probes.push_back(probe_of(Role::kGoroutineEnded, ends, at_end));
    for (PlannedGoProbe& probe : creation_probes(image, code, creates)) module.go_probes.push_back(std::move(probe));
    return {};
}

}  // namespace

void plan_go_module(const ElfImage& image, const PlanOptions& options, ModulePlan& module,
                    std::vector<Skipped>& skipped, PairSearch& search) {
    if (!options.go_tracing && options.pairs.empty()) return;
    const auto code = GoCode::open(image);
    if (!code) {
        skipped.push_back({fmt::format("{} of {}", kWhat, module.path), code.error().message});
        return;
    }
    if (code->minor_version() < kFirstRegisterAbi) {
        skipped.push_back({fmt::format("{} of {}", kWhat, module.path),
                           fmt::format("made by {}, which passes arguments and results in another way",
                                       code->build_info().go_version)});
        return;
    }
    if (options.go_tracing) {
        if (auto planned = plan_goroutines(image, *code, module); !planned)
            skipped.push_back({fmt::format("{} of {}", kWhat, module.path), planned.error().message});
    }
    plan_go_pairs(image, *code, search, module, skipped);
}

}  // namespace whoholds
