// The walk through one function after the other. Used by decoded_code only, which judges what they say of each other.
// Invariant: what is kept of a function was reached from its entry. What follows a call may be another function's, or a part that
// is reached in another way: it is kept where it leads to a return, or to known places, with the stack as it must be there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unwind/decoded_code.h"

namespace whoholds {

// Something that a function says of an address which is not its own.
struct CodeEdge {
    uint32_t from = 0;
    uint64_t address = 0;
    StackState state;
    bool is_named_only = false;  // by lea: it is perhaps no code
};

class CodeWalk {
public:
    CodeWalk(const std::vector<CodeBytes>& code, std::vector<CodeExtent> functions);

    // All functions, and those that they lead to; false if there are too many.
    bool run();

    [[nodiscard]] const std::vector<CodeEdge>& edges() const { return edges_; }
    [[nodiscard]] const std::vector<DecodedPlace>& places() const { return places_; }
    [[nodiscard]] const DecodedPlace* place_at(uint64_t address) const;
    [[nodiscard]] size_t refused() const { return refused_; }
    [[nodiscard]] uint32_t function_count() const { return function_; }

private:
    static constexpr size_t kNowhere = SIZE_MAX;
    struct Way {
        uint64_t address = 0;
        StackState state;
        bool is_weak = false;         // if the call in front of it returns
        bool is_direct_jump = false;  // an unconditional one
    };

    [[nodiscard]] size_t index_of(uint64_t address) const;
    [[nodiscard]] const CodeExtent* extent_around(uint64_t address) const;
    [[nodiscard]] bool belongs(const Way& way) const;
    enum class Found : uint8_t { kContradiction, kNothing, kEvidence };
    struct Mark {
        size_t places = 0;
        size_t edges = 0;
    };

    void walk(const Way& entry, const CodeExtent* extent, bool is_named_only);
    bool walk_all(const Way& entry, bool is_named_only);
    bool follow_all(std::vector<Way> ways);
    bool follow(Way way, std::vector<Way>& ways);
    bool arrive(const Way& way, const DecodedPlace& place);
    Found try_behind_call(const Way& way, size_t known_places, size_t depth);
    bool try_all_behind_calls();
    bool keep_what_never_returns();
    bool add_ways(const Way& way, const Step& step, const StackState& state, std::vector<Way>& ways);
    bool leave_function(const Way& way);
    [[nodiscard]] std::span<const uint8_t> instruction_bytes(uint64_t address) const;
    [[nodiscard]] bool is_covered() const;
    void name(uint64_t address, bool is_named_only);
    [[nodiscard]] Mark mark() const { return {places_.size(), edges_.size()}; }
    void take_back_to(const Mark& mark);

    const std::vector<CodeBytes>& code_;
    std::vector<size_t> first_index_;  // of each piece of code
    std::vector<CodeExtent> extents_;  // sorted, disjoint
    StackStepper stepper_;
    std::vector<uint32_t> place_at_;  // number of the place plus one, by index
    std::vector<bool> is_entry_;      // by index
    std::vector<DecodedPlace> places_;
    std::vector<CodeEdge> edges_;
    // Of the function that is walked:
    uint32_t function_ = 0;
    const CodeExtent* extent_ = nullptr;
    bool has_computed_jump_ = false;
    std::vector<Way> behind_calls_;  // not walked yet
    std::vector<Way> left_;          // behind calls, and nothing speaks for them yet
    size_t known_places_ = 0;        // what leads to these is known to be right
    bool has_evidence_ = false;
    uint64_t bytes_at_entry_ = 0;
    size_t refused_ = 0;
    uint64_t bytes_ = 0;
};

}  // namespace whoholds
