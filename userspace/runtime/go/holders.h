// Who holds the objects of a type: the way from a goroutine or a global variable to them, over objects with their types and fields.
// Used by reports, for the types that grow or are large, and for those that the user names.
// Invariant: each step of a way that is told was read again in the process just before; the runtime's own records (goroutines,
// threads, processors) are never part of one. A way is a shortest one; others may exist. Words that look like pointers count as
// such, as not every function's stack is known by type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/go/data_symbols.h"
#include "runtime/go/heap_model.h"
#include "runtime/go/heap_scan.h"
#include "runtime/go/roots.h"

namespace whoholds {

struct GoHolder {
    std::string way;     // "goroutine main.worker, started by main.main -> *main.job.next -> *main.result"
    uint64_t count = 0;  // of the objects looked at, how many are held in this way
    uint64_t looked_at = 0;
};

class GoHolders {
public:
    // Follows all pointers from the roots once. All are kept by reference. kLimit when the time is over.
    static Result<GoHolders> find(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots,
                                  const GoHeapScan& scan, GoTypes& types, const DataSymbols& symbols,
                                  const GoOn& go_on);

    // The most common ways to objects with this name (GoHeapScan::name), at most `limit` of them.
    std::vector<GoHolder> of(std::string_view name, size_t limit);

private:
    friend class GoHolderSearch;
    struct Step {  // a word in `from` (or among the roots) that leads to `to`
        uint64_t address = 0;
        GoObject to;
    };
    struct Way {
        std::string text;
        std::vector<Step> steps;
    };
    struct Root {
        uint64_t address = 0;  // of the word
        uint32_t goroutine = GoRoot::kGlobals;
    };

    GoHolders(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots, const GoHeapScan& scan,
              GoTypes& types, const DataSymbols& symbols)
        : process_(process), model_(model), roots_(roots), scan_(scan), types_(types), symbols_(symbols) {}

    void begin_at(const GoRoot& root, bool of_runtime);
    Result<void> follow(const GoOn& go_on);
    void reach(uint64_t word, uint32_t parent, uint32_t root);
    [[nodiscard]] bool is_of_runtime(GoObject object) const;
    [[nodiscard]] Way way_to(GoObject object);
    [[nodiscard]] bool is_still_so(const Way& way) const;
    [[nodiscard]] std::string text_of_root(const Root& root) const;
    [[nodiscard]] std::string text_of(GoObject object, uint64_t offset) const;
    [[nodiscard]] std::string field_at(const GoType& type, uint64_t offset, int depth) const;
    [[nodiscard]] std::string function_name(uint64_t address, bool is_call) const;

    static constexpr uint32_t kNotReached = UINT32_MAX;
    static constexpr uint32_t kFromRoot = UINT32_MAX - 1;

    const GoProcess& process_;
    const GoHeapModel& model_;
    const GoRoots& roots_;
    const GoHeapScan& scan_;
    GoTypes& types_;
    const DataSymbols& symbols_;
    std::vector<Root> root_words_;   // those that lead to an object first
    std::vector<uint32_t> parents_;  // by number of the object: the one that leads to it
    std::vector<uint32_t> root_of_;  // by number of the object, in root_words_
    std::vector<GoObject> open_;
    std::vector<GoObject> put_off_;  // until what is known leads no further
    bool follows_unknown_ = false;
};

}  // namespace whoholds
