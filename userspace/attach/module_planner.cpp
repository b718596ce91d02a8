#include "attach/module_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "attach/call_shape.h"
#include "attach/candidates.h"
#include "attach/probe_placement.h"
#include "runtime/native/allocators.h"

namespace whoholds {
namespace {

constexpr std::string_view kLibcMark = "__libc_start_main";
constexpr std::string_view kLoaderHook = "_dl_debug_state";
constexpr std::string_view kPlainNew = "_Znwm";
constexpr std::string_view kReleasesAlone = "; releases alone would say nothing";
constexpr std::string_view kGoRefusal =
    "Go module: a return probe would crash the process when a goroutine's stack moves; releases alone would say "
    "nothing";

constexpr std::string_view kGoHeap =
    "a Go program: its heap is the Go runtime's own, which this version does not read yet; functions of a C library "
    "would be traced";

constexpr uint64_t kUnknownSizeBytes = 4096;      // of a function whose symbol has no size
constexpr uint64_t kMaxFunctionBytes = 64 << 10;  // allocator functions are far smaller
// operator new of libstdc++ and libc++ is a loop around malloc of some 70 bytes. One that has the allocator's fast path
// inlined is larger, and a call of malloc in it is no more than its slow path.
constexpr uint64_t kMaxWrapperBytes = 96;

struct Traits {
    AllocatorFamily family = AllocatorFamily::kLibc;  // by an unprefixed mark: whose malloc this module's malloc is
    bool has_own_names = false;                       // any mark, prefixed ones too
    bool is_libc = false;
    bool is_loader = false;
    bool exports_malloc = false;
    const ElfSymbol* malloc = nullptr;
    const ElfSymbol* free = nullptr;
    const ElfSymbol* plain_new = nullptr;
    std::vector<std::string_view> prefixes = {"je_"};
};

Traits traits_of(const ModuleCode& code, std::string_view path) {
    Traits traits;
    for (const ElfSymbol& symbol : code.symbols) {
        const std::string_view name = symbol.name;
        if (name == kLibcMark) traits.is_libc = true;
        if (name == "malloc") {
            traits.malloc = &symbol;
            traits.exports_malloc = traits.exports_malloc || std::string_view(symbol.table) == ".dynsym";
        }
        if (name == "free") traits.free = &symbol;
        if (name == kPlainNew) traits.plain_new = &symbol;
        const std::string_view prefix = jemalloc_prefix(name);
        if (!prefix.empty()) traits.prefixes.push_back(prefix);
        const AllocatorFamily mark = allocator_marked_by(name);
        if (mark == AllocatorFamily::kLibc) continue;
        traits.has_own_names = true;
        if (prefix.empty() && name != "je_malloc") traits.family = mark;
    }
    traits.is_loader = is_loader_path(path) && !traits.is_libc;  // musl's is libc at the same time
    return traits;
}

const AllocatorFunction* function_named(std::string_view name, const Traits& traits) {
    if (const AllocatorFunction* function = find_allocator_function(name)) return function;
    for (const std::string_view prefix : traits.prefixes) {
        if (const AllocatorFunction* function = find_jemalloc_function(name, prefix)) return function;
    }
    return nullptr;
}

uint64_t known_size(const ElfSymbol& symbol) {
    return symbol.size == 0 ? kUnknownSizeBytes : std::min(symbol.size, kMaxFunctionBytes);
}

// operator new and delete are probed where they are the allocator's own. Elsewhere they call malloc and free, which are
// probed already: counted once all the same, but paid for twice.
bool wants_operators(const ModuleCode& code, const Traits& traits) {
    const bool replaces_malloc = traits.malloc != nullptr && !traits.is_libc;
    if (!traits.has_own_names && !replaces_malloc) return false;
    if (traits.plain_new == nullptr || traits.malloc == nullptr || known_size(*traits.plain_new) > kMaxWrapperBytes)
        return true;
    const auto body = code.code_at(traits.plain_new->address, known_size(*traits.plain_new));
    return !reaches_directly(body, traits.plain_new->address, traits.malloc->address);
}

// Why a function of the table is not probed in this module; "" if it is.
std::string refusal_of(const Candidate& candidate, const ModuleCode& code, const Traits& traits, bool operators,
                       const PlanOptions& options) {
    const bool is_c_name = candidate.function->family == AllocatorFamily::kLibc;
    if (traits.is_loader) return "the dynamic linker's own: it serves the linker before libc takes over";
    if (candidate.function->family == AllocatorFamily::kCppOperator && !operators)
        return "operator new and delete call malloc and free, which are probed";
    // A hidden malloc of a library is an allocator like any other; a lone static function of such a name is something else.
    if (is_c_name && candidate.symbol->binding == ElfBinding::kLocal &&
        (traits.malloc == nullptr || traits.free == nullptr))
        return "a local function that happens to have this name";
    if (code.is_go) return std::string(kGoRefusal);
    if (!options.return_probes_allowed) {
        const std::string why =
            options.return_probes_refusal.empty() ? "return probes are not allowed" : options.return_probes_refusal;
        return why + std::string(kReleasesAlone);
    }
    return {};
}

bool is_kind_wanted(const AllocatorFunction& function, const PlanOptions& options) {
    return unpack(function.shape).kind == WH_KIND_MAPPING ? options.mappings : options.heap;
}

CandidatesByAddress select(const ModuleCode& code, const Traits& traits, const PlanOptions& options, Skips& skips) {
    const bool operators = wants_operators(code, traits);
    CandidatesByAddress selected;
    for (const ElfSymbol& symbol : code.symbols) {
        const Candidate candidate{&symbol, function_named(symbol.name, traits)};
        if (candidate.function == nullptr || !is_kind_wanted(*candidate.function, options)) continue;
        if (const std::string why = refusal_of(candidate, code, traits, operators, options); !why.empty()) {
            skips.add(symbol.name, why);
        } else if (!code.offset_of(symbol.address)) {
            skips.add(symbol.name, "not in the code of the file");
        } else {
            selected[symbol.address].push_back(candidate);
        }
    }
    for (const ElfSymbol& symbol : code.ifuncs) {
        const AllocatorFunction* function = function_named(symbol.name, traits);
        if (function == nullptr || !is_kind_wanted(*function, options)) continue;
        skips.add(symbol.name,
                  "an IFUNC: the symbol is that of a resolver, the function is chosen when the program starts");
    }
    for (auto& [address, candidates] : selected) {
        std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
            return preference_of(*a.function) < preference_of(*b.function);
        });
    }
    return selected;
}

// The rule for names that share an address: the row that stands first in the table has it. Names whose rows say the same are
// aliases; one that says something else (identical code folded, or a name reused) is noted.
PlannedProbe merge(const std::vector<Candidate>& candidates, const Traits& traits, Skips& skips) {
    const Candidate& chosen = candidates.front();
    PlannedProbe probe;
    probe.symbol = chosen.symbol->name;
    probe.table = chosen.symbol->table;
    probe.address = chosen.symbol->address;
    probe.shape = chosen.function->shape;
    const bool borrowed_name =
        chosen.function->family == AllocatorFamily::kLibc || chosen.function->family == AllocatorFamily::kCppOperator;
    probe.family = family_name(borrowed_name ? traits.family : chosen.function->family);
    for (const Candidate& candidate : candidates) {
        const std::string& name = candidate.symbol->name;
        if (candidate.function->shape != probe.shape) {
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

}  // namespace

bool is_loader_path(std::string_view path) {
    const std::string_view base = path.substr(path.rfind('/') + 1);
    return base.starts_with("ld-linux") || base.starts_with("ld-musl") || base.starts_with("ld.so") ||
           (base.starts_with("ld-") && base.ends_with(".so"));  // ld-2.31.so
}

bool is_planned_symbol(std::string_view name) {
    return find_allocator_function(name) != nullptr || allocator_marked_by(name) != AllocatorFamily::kLibc ||
           find_jemalloc_function(name, "je_") != nullptr || name == kLibcMark || name == kLoaderHook;
}

std::optional<uint64_t> loader_hook(const ModuleCode& code, std::string_view path) {
    const ElfSymbol* hook = nullptr;
    bool is_libc = false;
    for (const ElfSymbol& symbol : code.symbols) {
        if (symbol.name == kLoaderHook) hook = &symbol;
        is_libc = is_libc || symbol.name == kLibcMark;
    }
    if (hook == nullptr) return std::nullopt;
    // musl's libc.so is the dynamic linker too. A static program has the function and never calls it.
    const bool is_musl = is_libc && code.is_library && std::string_view(hook->table) == ".dynsym";
    return is_loader_path(path) || is_musl ? code.offset_of(hook->address) : std::nullopt;
}

void plan_module(const ModuleCode& code, const PlanOptions& options, ModulePlan& module,
                 std::vector<Skipped>& skipped) {
    const Traits traits = traits_of(code, module.path);
    // Not for a program that brings its own malloc: its mmap calls may well be the program's.
    module.is_allocator = traits.exports_malloc && !traits.is_libc && !traits.is_loader && code.is_library;

    Skips skips;
    CandidatesByAddress selected = select(code, traits, options, skips);
    if (code.is_go && selected.empty() && skips.empty()) skipped.push_back({module.path, std::string(kGoHeap)});
    const auto throwing_returns = find_throwing_returns(code, selected, skips);
    for (auto it = selected.begin(); it != selected.end(); ++it) {
        const Candidate& chosen = it->second.front();
        if (const Candidate* covering = covering_function(code, selected, chosen)) {
            skips.add(chosen.symbol->name, fmt::format("only jumps to {}, which is probed", covering->symbol->name));
            continue;
        }
        PlannedProbe probe = merge(it->second, traits, skips);
        if (const auto found = throwing_returns.find(it->first); found != throwing_returns.end())
            probe.return_offsets = found->second;
        const auto next = std::next(it);
        place(code, *chosen.symbol, next == selected.end() ? UINT64_MAX : next->first, probe);
        module.probes.push_back(std::move(probe));
    }
    skips.move_to(module.path, skipped);
}

}  // namespace whoholds
