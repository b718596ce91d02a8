#include "attach/pair_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "attach/call_shape.h"
#include "runtime/pairs/pair_grammar.h"
#include "symbolize/symbolizer.h"

namespace whoholds {
namespace {

using NameKind = PairFunction::NameKind;
using Role = PairFunction::Role;

// Beyond it we say "more than". A name is at most 32 KiB long.
constexpr size_t kMaxNamesCounted = 1000;
constexpr size_t kNamesShown = 3;
constexpr std::string_view kNowhere =
    "in no module of the process (yet): looked for again whenever libraries are loaded";

std::string_view file_name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// "Foo" and "open" of "Foo::open": the mangled name spells them out. Operators and templates have other spellings.
std::vector<std::string> plain_words(std::string_view name) {
    std::vector<std::string> words;
    const size_t end = std::min(name.find('<'), name.size());
    for (size_t start = 0; start < end;) {
        const size_t colons = std::min(name.find("::", start), end);
        const std::string_view word = name.substr(start, colons - start);
        const bool is_plain = std::ranges::all_of(word, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
        if (is_plain && !word.empty() && word != "std" && word != "string") words.emplace_back(word);
        start = colons + 2;
    }
    return words;
}

std::string names_text(const std::set<std::string, std::less<>>& names) {
    std::string text;
    size_t shown = 0;
    for (const std::string& name : names) {
        if (shown++ == kNamesShown) return text + ", …";
        text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

}  // namespace

bool PairSearch::Search::too_many() const {
    switch (function->name_kind) {
        case NameKind::kGlob: return names.size() > kMaxGlobMatches;
        // The same function may be in several modules, and under several names at one address (constructors).
        case NameKind::kCppName: {
            std::set<std::string_view> modules;
            for (const Place& place : places) modules.insert(place.path);
            return places.size() > modules.size() || names.size() > kMaxGlobMatches;
        }
        case NameKind::kSymbol:
        case NameKind::kGoName: return false;
    }
    return false;
}

PairSearch::PairSearch(std::span<const Pair> pairs) : pairs_(pairs) {
    for (size_t i = 0; i < pairs.size(); ++i) {
        for (const PairFunction& function : pairs[i].functions) {
            Search search{.pair = i, .function = &function};
            if (function.name_kind == NameKind::kSymbol) symbols_.insert(function.symbol);
            if (function.name_kind == NameKind::kCppName) search.cpp_words = plain_words(function.symbol);
            searches_.push_back(std::move(search));
        }
    }
}

bool PairSearch::matches(Search& search, std::string_view symbol, std::string_view file_name) const {
    const PairFunction& function = *search.function;
    if (!function.module.empty() && !matches_glob(function.module, file_name)) return false;
    if (function.name_kind == NameKind::kSymbol) return symbol == function.symbol;
    if (function.name_kind == NameKind::kGoName) return false;  // symbols of Go are found in its own table
    if (symbol.find('.') != std::string_view::npos)
        return false;  // a clone or a cold part, with a calling convention of its own
    if (function.name_kind == NameKind::kGlob) {
        if (!matches_glob(function.symbol, symbol)) return false;
    } else {
        const bool may_be = std::ranges::all_of(
            search.cpp_words, [&](const std::string& word) { return symbol.find(word) != std::string_view::npos; });
        if (!may_be || demangle_short(std::string(symbol)) != function.symbol) return false;
    }
    if (search.names.size() <= kMaxNamesCounted) search.names.emplace(symbol);
    return true;
}

std::function<bool(std::string_view symbol)> PairSearch::wanted_in(const std::string& path) {
    return [this, file_name = std::string(file_name_of(path))](std::string_view symbol) {
        bool wanted = symbols_.contains(symbol);
        for (Search& search : searches_) {
            if (search.function->name_kind != NameKind::kSymbol)
                wanted |= matches(search, symbol, file_name) && !search.too_many();
        }
        return wanted;
    };
}

const PairFunction* PairSearch::find(size_t pair, const ElfSymbol& symbol, const std::string& path) {
    for (Search& search : searches_) {
        if (search.pair != pair || !matches(search, symbol.name, file_name_of(path))) continue;
        search.places.insert({path, symbol.address});
        return search.function;
    }
    return nullptr;
}

std::vector<const PairFunction*> PairSearch::go_functions(size_t pair, const std::string& path) const {
    std::vector<const PairFunction*> found;
    for (const Search& search : searches_) {
        const PairFunction& function = *search.function;
        if (search.pair != pair || function.name_kind != NameKind::kGoName) continue;
        if (function.module.empty() || matches_glob(function.module, file_name_of(path))) found.push_back(&function);
    }
    return found;
}

void PairSearch::note_go_function(const PairFunction& function, const std::string& path, uint64_t address) {
    for (Search& search : searches_)
        if (search.function == &function) search.places.insert({path, address});
}

void PairSearch::note_inlined(const PairFunction& function, std::string_view into) {
    for (Search& search : searches_)
        if (search.function == &function && search.inlined_into.size() <= kNamesShown)
            search.inlined_into.emplace(into);
}

bool PairSearch::names_module(size_t pair, const std::string& path) const {
    return std::ranges::any_of(pairs_[pair].functions, [&](const PairFunction& function) {
        return !function.module.empty() && matches_glob(function.module, file_name_of(path));
    });
}

std::string PairSearch::refusal_of(const Search& search) const {
    const bool uncounted = search.names.size() > kMaxNamesCounted;
    if (search.function->name_kind == NameKind::kGlob)
        return fmt::format("matches {}{} functions ({}), and at most {} are allowed: give more of the name",
                           uncounted ? "more than " : "", uncounted ? kMaxNamesCounted : search.names.size(),
                           names_text(search.names), kMaxGlobMatches);
    return fmt::format("is the name of several functions ({}): give the mangled name of the one that is meant",
                       names_text(search.names));
}

void PairSearch::take_out(const Search& search, AttachPlan& plan) const {
    const auto kind = static_cast<wh_resource_kind>(WH_KIND_PAIR_FIRST + search.pair);
    for (ModulePlan& module : plan.modules) {
        std::erase_if(module.probes, [&](const PlannedProbe& probe) {
            return unpack(probe.shape).kind == kind && search.places.contains({module.path, probe.address});
        });
    }
    std::erase_if(plan.modules, [](const ModulePlan& module) { return module.is_empty(); });
}

void PairSearch::tell_found_from_missing(const PlanOptions& options, AttachPlan& plan) const {
    for (const Search& search : searches_) {
        if (!search.places.empty() || search.inlined_into.empty() || !options.whole_process) continue;
        plan.skipped.push_back({search.function->symbol + " of pair " + pairs_[search.pair].name,
                                "the compiler has put it into its callers (" + names_text(search.inlined_into) +
                                    "): it has no code of its own that could be probed"});
    }
    const auto tell = [&](const std::string& what, bool found) {
        if (found) plan.found.push_back(what);
        if (!found && options.whole_process) plan.skipped.push_back({what, std::string(kNowhere)});
    };
    for (size_t i = 0; i < pairs_.size(); ++i) {
        bool acquires = false;
        for (const Search& search : searches_) {
            if (search.pair != i) continue;
            const bool found = !search.places.empty() || search.too_many() || !search.inlined_into.empty();
            acquires = acquires || (found && search.function->role == Role::kAcquire);
            if (!pairs_[i].is_ready_made) tell(search.function->symbol, found);
        }
        // Of a ready pair some functions are in some versions of the library only.
        if (pairs_[i].is_ready_made) tell("the functions of pair " + pairs_[i].name, acquires);
    }
}

void PairSearch::settle(const PlanOptions& options, AttachPlan& plan) const {
    for (const Search& search : searches_) {
        if (!search.too_many()) continue;
        take_out(search, plan);
        plan.skipped.push_back({search.function->symbol + " of pair " + pairs_[search.pair].name, refusal_of(search)});
    }
    tell_found_from_missing(options, plan);
}

}  // namespace whoholds
