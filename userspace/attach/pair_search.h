// Looks for the functions of the user's pairs in the modules of one process. Used while one plan is made: module by module the
// planner asks which symbols are meant, at the end settle() takes out what turned out to be ambiguous and says what is missing.
// Invariant: however many functions a glob matches, only a few of them are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "attach/attach_plan.h"
#include "elf/elf_image.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

class PairSearch {
public:
    // What a glob may match in a process: enough for a family of functions, too few for a slip.
    static constexpr size_t kMaxGlobMatches = 8;

    // The pairs must outlive the search.
    explicit PairSearch(std::span<const Pair> pairs);

    // Whether a symbol of the module may be one of the functions.
    [[nodiscard]] std::function<bool(std::string_view symbol)> wanted_in(const std::string& path);

    // The function of this pair that the symbol of this module is, or null; it counts as found.
    const PairFunction* find(size_t pair, const ElfSymbol& symbol, const std::string& path);

    // Those that are named as Go's tracebacks do, of this pair: the function is found by go_pairs.h, which says where.
    [[nodiscard]] std::vector<const PairFunction*> go_functions(size_t pair, const std::string& path) const;
    void note_go_function(const PairFunction& function, const std::string& path, uint64_t address);
    // It has no code of its own there, but was inlined into this one.
    void note_inlined(const PairFunction& function, std::string_view into);

    // Whether the module is named by one of the pair's functions.
    [[nodiscard]] bool names_module(size_t pair, const std::string& path) const;

    [[nodiscard]] std::span<const Pair> pairs() const { return pairs_; }

    // Takes the functions that are refused out of the plan, and says so; likewise, what was not found.
    void settle(const PlanOptions& options, AttachPlan& plan) const;

private:
    struct Place {
        std::string path;
        uint64_t address = 0;
        auto operator<=>(const Place&) const = default;
    };
    struct Search {
        size_t pair = 0;
        const PairFunction* function = nullptr;
        std::vector<std::string> cpp_words;        // each is part of every mangled form of the name
        std::set<std::string, std::less<>> names;  // that matched; for globs and C++ names
        std::set<Place> places;
        std::set<std::string, std::less<>> inlined_into;  // a few of them
        [[nodiscard]] bool too_many() const;
    };

    bool matches(Search& search, std::string_view symbol, std::string_view file_name) const;
    [[nodiscard]] std::string refusal_of(const Search& search) const;
    void take_out(const Search& search, AttachPlan& plan) const;
    void tell_found_from_missing(const PlanOptions& options, AttachPlan& plan) const;

    std::span<const Pair> pairs_;
    std::vector<Search> searches_;
    absl::flat_hash_set<std::string_view> symbols_;  // of the functions that are named exactly: nearly all
};

}  // namespace whoholds
