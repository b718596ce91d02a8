#include "attach/candidate_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "attach/call_shape.h"
#include "attach/probe_placement.h"
#include "runtime/native/allocators.h"
#include "runtime/native/threads.h"

namespace whoholds {
namespace {

constexpr std::string_view kReleasesAlone = "; releases alone would say nothing";
constexpr std::string_view kGoRefusal =
    "Go module: a return probe would crash the process when a goroutine's stack moves; releases alone would say "
    "nothing";
constexpr std::string_view kGoPair =
    "Go module: a return probe would crash the process when a goroutine's stack moves; this version follows pairs of "
    "functions in other modules only";
constexpr std::string_view kIfunc =
    "an IFUNC: the symbol is that of a resolver, the function is chosen when the program starts";
constexpr std::string_view kNamesake = "a local function that happens to have this name";
constexpr std::string_view kNotInCode = "not in the code of the file";

// operator new of libstdc++ and libc++ is a loop around malloc of some 70 bytes. One that has the allocator's fast path
// inlined is larger, and a call of malloc in it is no more than its slow path.
constexpr uint64_t kMaxWrapperBytes = 96;

std::string return_probe_refusal(const PlanOptions& options) {
    if (options.return_probes_allowed) return {};
    return options.return_probes_refusal.empty() ? "return probes are not allowed" : options.return_probes_refusal;
}

void sort_by_preference(CandidatesByAddress& selected) {
    for (auto& [address, candidates] : selected) {
        std::stable_sort(candidates.begin(), candidates.end(),
                         [](const Candidate& a, const Candidate& b) { return a.preference < b.preference; });
    }
}

const AllocatorFunction* function_named(std::string_view name, const ModuleTraits& traits) {
    if (const AllocatorFunction* function = find_allocator_function(name)) return function;
    for (const std::string_view prefix : traits.prefixes) {
        if (const AllocatorFunction* function = find_jemalloc_function(name, prefix)) return function;
    }
    return nullptr;
}

// operator new and delete are probed where they are the allocator's own. Elsewhere they call malloc and free, which are
// probed already: counted once all the same, but paid for twice.
bool wants_operators(const ModuleToPlan& module) {
    const ModuleTraits& traits = module.traits;
    const bool replaces_malloc = traits.malloc != nullptr && !traits.is_libc;
    if (!traits.has_own_names && !replaces_malloc) return false;
    if (traits.plain_new == nullptr || traits.malloc == nullptr || known_size(*traits.plain_new) > kMaxWrapperBytes)
        return true;
    const auto body = module.code.code_at(traits.plain_new->address, known_size(*traits.plain_new));
    return !reaches_directly(body, traits.plain_new->address, traits.malloc->address);
}

// Why a function of the table is not probed in this module; "" if it is.
std::string allocator_refusal(const ElfSymbol& symbol, AllocatorFamily family, const ModuleToPlan& module,
                              bool operators) {
    const ModuleTraits& traits = module.traits;
    if (traits.is_loader) return "the dynamic linker's own: it serves the linker before libc takes over";
    if (family == AllocatorFamily::kCppOperator && !operators)
        return "operator new and delete call malloc and free, which are probed";
    // A hidden malloc of a library is an allocator like any other; a lone static function of such a name is something else.
    if (family == AllocatorFamily::kLibc && symbol.binding == ElfBinding::kLocal &&
        (traits.malloc == nullptr || traits.free == nullptr))
        return std::string(kNamesake);
    if (module.code.is_go) return std::string(kGoRefusal);
    const std::string why = return_probe_refusal(module.options);
    return why.empty() ? why : why + std::string(kReleasesAlone);
}

bool is_kind_wanted(const AllocatorFunction& function, const PlanOptions& options) {
    return unpack(function.shape).kind == WH_KIND_MAPPING ? options.mappings : options.heap;
}

Candidate allocator_candidate(const ElfSymbol& symbol, const AllocatorFunction& function, const ModuleTraits& traits) {
    const bool borrowed_name =
        function.family == AllocatorFamily::kLibc || function.family == AllocatorFamily::kCppOperator;
    return {.symbol = &symbol,
            .shape = function.shape,
            .may_throw = function.may_throw,
            .family = std::string(family_name(borrowed_name ? traits.family : function.family)),
            .preference = preference_of(function)};
}

// Why no thread function of this module is probed; "" if they are.
std::string thread_refusal(const ElfSymbol& symbol, const ModuleToPlan& module) {
    if (symbol.binding == ElfBinding::kLocal) return std::string(kNamesake);
    if (module.traits.is_musl)
        return "musl keeps the attributes of a thread in another way than glibc: threads that are never joined are not "
               "told apart";
    if (module.code.is_go) return std::string(kGoRefusal);
    const std::string why = return_probe_refusal(module.options);
    return why.empty() ? why : why + "; threads are followed without their joins";
}

// A library may keep its functions to itself; then acquire and release are there. A static function of another one that only
// has such a name comes alone.
bool has_both_sides(const ModuleToPlan& module, PairSearch& search, size_t pair) {
    bool acquires = false;
    bool releases = false;
    for (const ElfSymbol& symbol : module.code.symbols) {
        const PairFunction* function = search.find(pair, symbol, module.path);
        if (function == nullptr) continue;
        acquires |= function->role == PairFunction::Role::kAcquire;
        releases |= function->role == PairFunction::Role::kRelease;
    }
    return acquires && releases;
}

std::string pair_refusal(const ModuleToPlan& module) {
    if (module.traits.is_loader) return "the dynamic linker's own: what it takes is not the program's";
    if (module.code.is_go) return std::string(kGoPair);
    const std::string why = return_probe_refusal(module.options);
    return why.empty() ? why : why + std::string(kReleasesAlone);
}

// What hides other calls runs the program's callbacks in them, which may be C++ even if the library is not.
bool may_throw(const PairFunction& function, const ModuleCode& code) {
    return code.may_unwind || function.role == PairFunction::Role::kHide;
}

uint64_t shape_of_pair(uint64_t packed, size_t pair) {
    CallShape shape = unpack(packed);
    shape.kind = static_cast<wh_resource_kind>(WH_KIND_PAIR_FIRST + pair);
    return pack(shape);
}

}  // namespace

CandidatesByAddress select_allocators(const ModuleToPlan& module, Skips& skips) {
    const bool operators = wants_operators(module);
    CandidatesByAddress selected;
    for (const ElfSymbol& symbol : module.code.symbols) {
        const AllocatorFunction* function = function_named(symbol.name, module.traits);
        if (function == nullptr || !is_kind_wanted(*function, module.options)) continue;
        if (const std::string why = allocator_refusal(symbol, function->family, module, operators); !why.empty()) {
            skips.add(symbol.name, why);
        } else if (!module.code.offset_of(symbol.address)) {
            skips.add(symbol.name, kNotInCode);
        } else {
            selected[symbol.address].push_back(allocator_candidate(symbol, *function, module.traits));
        }
    }
    for (const ElfSymbol& symbol : module.code.ifuncs) {
        const AllocatorFunction* function = function_named(symbol.name, module.traits);
        if (function != nullptr && is_kind_wanted(*function, module.options)) skips.add(symbol.name, kIfunc);
    }
    sort_by_preference(selected);
    return selected;
}

CandidatesByAddress select_threads(const ModuleToPlan& module, Skips& skips) {
    CandidatesByAddress selected;
    if (!module.options.threads) return selected;
    for (const ElfSymbol& symbol : module.code.symbols) {
        const ThreadFunction* function = find_thread_function(symbol.name);
        if (function == nullptr) continue;
        if (const std::string why = thread_refusal(symbol, module); !why.empty()) {
            skips.add(symbol.name, why);
        } else if (!module.code.offset_of(symbol.address)) {
            skips.add(symbol.name, kNotInCode);
        } else {
            selected[symbol.address].push_back(
                {.symbol = &symbol, .shape = function->shape, .may_throw = function->may_throw, .family = "threads"});
        }
    }
    return selected;
}

CandidatesByAddress select_pair(const ModuleToPlan& module, PairSearch& search, size_t pair, Skips& skips) {
    CandidatesByAddress selected;
    const std::string why = pair_refusal(module);
    const bool takes_locals = search.names_module(pair, module.path) || has_both_sides(module, search, pair);
    for (const ElfSymbol& symbol : module.code.symbols) {
        const PairFunction* function = search.find(pair, symbol, module.path);
        if (function == nullptr) continue;
        if (!why.empty()) {
            skips.add(symbol.name, why);
        } else if (symbol.binding == ElfBinding::kLocal && !takes_locals) {
            skips.add(symbol.name,
                      fmt::format("{}; name its module if it is meant (MODULE!{})", kNamesake, symbol.name));
        } else if (!module.code.offset_of(symbol.address)) {
            skips.add(symbol.name, kNotInCode);
        } else {
            selected[symbol.address].push_back({.symbol = &symbol,
                                                .shape = shape_of_pair(function->shape, pair),
                                                .may_throw = may_throw(*function, module.code),
                                                .family = "pair " + search.pairs()[pair].name});
        }
    }
    for (const ElfSymbol& symbol : module.code.ifuncs) {
        if (search.find(pair, symbol, module.path) != nullptr) skips.add(symbol.name, kIfunc);
    }
    return selected;
}

}  // namespace whoholds
