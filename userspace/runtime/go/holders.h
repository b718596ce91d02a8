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
#include "runtime/go/heap_model.h"
#include "runtime/go/heap_scan.h"
#include "runtime/go/root_names.h"
#include "runtime/go/roots.h"
#include "runtime/go/type_plan.h"

namespace whoholds {

// A word of the process that proves a step of a way: it leads into an object, as long as its value is in this range.
struct GoProof {
    uint64_t address = 0;
    uint64_t low = 0;
    uint64_t high = 0;  // behind the last one
};

struct GoWay {
    std::string text;
    std::vector<GoProof> proofs;  // from the object on
    // Its last steps alone, "... -> http.conn.rwc -> *net.TCPConn", and how many proofs they take; 0: it has no more than these.
    std::string near_text;
    uint64_t near_proofs = 0;
};

struct GoHolder {
    std::string way;     // "goroutine main.worker, started by main.main -> *main.job.next -> *main.result"
    uint64_t count = 0;  // of the objects looked at, how many are held in this way
    uint64_t looked_at = 0;
};

class GoHolders {
public:
    // Follows all pointers from the roots once: from variables first, as words of stacks may be left over, then from the user's
    // goroutines, then from those of libraries; the runtime's own come last. All are kept by reference. kLimit when the time is over.
    static Result<GoHolders> find(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots,
                                  const GoHeapScan& scan, GoTypes& types, GoRootNames& names, const GoOn& go_on);

    // The most common ways to objects with this name (GoHeapScan::name), at most `limit` of them.
    std::vector<GoHolder> of(std::string_view name, size_t limit);
    // Garbage, or what the runtime's own records alone lead to, is not.
    [[nodiscard]] bool is_held(GoObject object) const { return parents_[object.number] != kNotReached; }
    // By number of the kind in the scan. Each object that is held is part of one alone: of the nearest one on the way to it (itself,
    // if it is) that has a type of the user's, else of the first one on that way. So whole_bytes add up to all that is held.
    // kLimit when the time is over.
    [[nodiscard]] Result<std::vector<GoReached>> reached(std::string_view main_module, const GoOn& go_on) const;
    // To an object that is held; not read again yet.
    [[nodiscard]] GoWay way_to(GoObject object);

private:
    struct Root {
        uint64_t address = 0;  // of the word
        uint32_t goroutine = GoRoot::kGlobals;
    };

    GoHolders(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots, const GoHeapScan& scan,
              GoTypes& types, GoRootNames& names)
        : process_(process), model_(model), roots_(roots), scan_(scan), types_(types), names_(names), plans_(types) {
        look_at_kinds();
    }

    enum class From : uint8_t { kVariables, kUsersStacks, kLibrariesStacks, kRuntimesVariables, kRuntimesStacks };
    Result<void> follow_from(From from, const GoOn& go_on);
    [[nodiscard]] From place_of(const GoRoot& root, uint64_t address) const;
    void begin_at(const GoRoot& root, From from);
    Result<void> follow(const GoOn& go_on);
    void reach(uint64_t word, uint32_t parent, uint32_t root);
    // Where its type is known, only of words that are pointers by it: others are what was there before, or padding. What is behind a
    // value may be so, or belong to a larger one that it is the beginning of. visit(number of the word), until it returns false.
    template <class Visit>
    void for_each_pointer(GoObject object, Visit visit);
    template <class Visit>
    void for_each_word_behind(GoObject object, Visit visit);
    void look_at_kinds();
    Result<void> follow_words_behind(const GoOn& go_on);
    template <class Visit>
    bool for_each_spot(const GoTypePlan& plan, uint64_t first_word, uint64_t word_count, Visit& visit);
    [[nodiscard]] static bool is_of_runtime(const GoObjectKind& kind);
    [[nodiscard]] GoProof proof(uint64_t address, GoObject to) const;
    [[nodiscard]] bool is_still_so(const GoWay& way) const;
    [[nodiscard]] std::string text_of(GoObject object, uint64_t offset) const;
    [[nodiscard]] std::string field_at(const GoType& type, uint64_t offset, int depth) const;

    static constexpr uint32_t kNotReached = UINT32_MAX;
    static constexpr uint32_t kFromRoot = UINT32_MAX - 1;

    const GoProcess& process_;
    const GoHeapModel& model_;
    const GoRoots& roots_;
    const GoHeapScan& scan_;
    GoTypes& types_;
    GoRootNames& names_;
    GoTypePlans plans_;
    struct Kind {
        const GoTypePlan* plan = nullptr;  // none: which of its words are pointers is not known
        bool is_of_runtime = false;
    };
    std::vector<Kind> kinds_;        // as those of the scan
    std::vector<Root> root_words_;   // those that lead to an object first
    std::vector<uint32_t> parents_;  // by number of the object: the one that leads to it
    std::vector<uint32_t> root_of_;  // by number of the object, in root_words_
    std::vector<GoObject> open_;
    std::vector<GoObject> put_off_;  // until what is known leads no further
    bool follows_unknown_ = false;
};

}  // namespace whoholds
