#include "attach/module_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "attach/call_shape.h"
#include "attach/candidate_tables.h"
#include "attach/candidates.h"
#include "attach/module_traits.h"
#include "attach/probe_placement.h"
#include "runtime/native/allocators.h"
#include "runtime/native/threads.h"

namespace whoholds {
namespace {

constexpr std::string_view kGoHeap =
    "a Go program: its heap is the Go runtime's own, which is read from its memory and not traced; functions of a C "
    "library would be traced";

// The rule for names that share an address: the row that stands first in the table has it. Names whose rows say the same are
// aliases; one that says something else (identical code folded, or a name reused) is noted.
PlannedProbe merge(const std::vector<Candidate>& candidates, Skips& skips) {
    const Candidate& chosen = candidates.front();
    PlannedProbe probe;
    probe.symbol = chosen.symbol->name;
    probe.table = chosen.symbol->table;
    probe.address = chosen.symbol->address;
    probe.shape = chosen.shape;
    probe.family = chosen.family;
    for (const Candidate& candidate : candidates) {
        const std::string& name = candidate.symbol->name;
        if (candidate.shape != probe.shape) {
            skips.add(name, fmt::format("shares the address of {}, whose arguments mean something else: taken for {}",
                                        probe.symbol, probe.symbol));
        } else if (name != probe.symbol &&
                   std::find(probe.aliases.begin(), probe.aliases.end(), name) == probe.aliases.end()) {
            probe.aliases.push_back(name);
        }
    }
    return probe;
}

// The shape with its arguments read from where they are at the probe.
uint64_t shape_at(uint64_t packed, const Placement& placement) {
    CallShape shape = unpack(packed);
    for (unsigned* arg : {&shape.size_arg, &shape.size_factor_arg, &shape.key_arg, &shape.old_key_arg,
                          &shape.old_size_arg, &shape.flags_arg}) {
        if (*arg != 0) *arg = placement.argument_at[*arg - 1];
    }
    shape.pushed_words = placement.pushed_words;
    return pack(shape);
}

void place(const ModuleCode& code, const ElfSymbol& symbol, uint64_t next_address, PlannedProbe& probe) {
    CallShape shape = unpack(probe.shape);
    shape.by_ret = !probe.return_offsets.empty();
    probe.entry_offset = code.offset_of(probe.address).value_or(0);
    probe.needs_return = needs_return(shape);
    // Never past the next function: that one is entered from elsewhere.
    const auto body = code.code_at(probe.address, std::min(known_size(symbol), next_address - probe.address));
    probe.placement = choose_placement({.code = body,
                                        .address = probe.address,
                                        .argument_mask = argument_mask(shape),
                                        .has_return_probe = probe.needs_return && !shape.by_ret});
    if (!code.offset_of(probe.address + probe.placement.delta))
        probe.placement = {.why = "end of the segment: stepped"};
    probe.shape = shape_at(pack(shape), probe.placement);
}

// Where functions begin that are known, those of all tables.
using Entries = std::set<uint64_t>;

void plan_table(const ModuleCode& code, CandidatesByAddress selected, const Entries& entries, ModulePlan& module,
                Skips& skips) {
    const auto throwing_returns = find_throwing_returns(code, selected, skips);
    for (const auto& [address, candidates] : selected) {
        const Candidate& chosen = candidates.front();
        if (const Candidate* covering = covering_function(code, selected, chosen)) {
            skips.add(chosen.symbol->name, fmt::format("only jumps to {}, which is probed", covering->symbol->name));
            continue;
        }
        PlannedProbe probe = merge(candidates, skips);
        if (const auto found = throwing_returns.find(address); found != throwing_returns.end())
            probe.return_offsets = found->second;
        const auto next = entries.upper_bound(address);
        place(code, *chosen.symbol, next == entries.end() ? UINT64_MAX : *next, probe);
        module.probes.push_back(std::move(probe));
    }
}

// Threads that are joined must not look as if they were not.
void drop_threads_without_join(std::vector<PlannedProbe>& probes, Skips& skips) {
    const auto is_thread = [](const PlannedProbe& probe) { return unpack(probe.shape).kind == WH_KIND_JOINABLE; };
    const auto joins = [&](const PlannedProbe& probe) {
        return is_thread(probe) && unpack(probe.shape).operation == WH_OPERATION_TRY_RELEASE;
    };
    const auto creates = [&](const PlannedProbe& probe) { return is_thread(probe) && !joins(probe); };
    if (std::ranges::none_of(probes, creates) || std::ranges::any_of(probes, [&](const PlannedProbe& probe) {
            return joins(probe) && probe.symbol == "pthread_join";
        }))
        return;
    for (const PlannedProbe& probe : probes) {
        if (is_thread(probe))
            skips.add(probe.symbol, "pthread_join is not probed: every thread would seem to be unjoined");
    }
    std::erase_if(probes, is_thread);
}

}  // namespace

bool is_planned_symbol(std::string_view name) {
    return find_allocator_function(name) != nullptr || allocator_marked_by(name) != AllocatorFamily::kLibc ||
           find_jemalloc_function(name, "je_") != nullptr || find_thread_function(name) != nullptr || is_landmark(name);
}

void plan_module(const ModuleCode& code, const PlanOptions& options, ModulePlan& module, std::vector<Skipped>& skipped,
                 PairSearch& search) {
    const ModuleTraits traits = traits_of(code, module.path);
    // Not for a program that brings its own malloc: its mmap calls may well be the program's.
    module.is_allocator = traits.exports_malloc && !traits.is_libc && !traits.is_loader && code.is_library;

    Skips skips;
    const ModuleToPlan to_plan{code, module.path, traits, options};
    std::vector<CandidatesByAddress> tables = {select_allocators(to_plan, skips)};
    if (code.is_go && tables.front().empty() && skips.empty()) skipped.push_back({module.path, std::string(kGoHeap)});
    tables.push_back(select_threads(to_plan, skips));
    for (size_t pair = 0; pair < search.pairs().size(); ++pair)
        tables.push_back(select_pair(to_plan, search, pair, skips));

    Entries entries;
    for (const CandidatesByAddress& table : tables) {
        for (const auto& [address, candidates] : table) entries.insert(address);
    }
    for (CandidatesByAddress& table : tables) plan_table(code, std::move(table), entries, module, skips);
    drop_threads_without_join(module.probes, skips);
    std::ranges::stable_sort(module.probes, {}, &PlannedProbe::address);
    skips.move_to(module.path, skipped);
}

}  // namespace whoholds
