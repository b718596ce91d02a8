// RuleTable: the rules that the rows of all modules refer to by number, each once, in memory shared with the BPF programs. Those
// that fit into a number need no place in it.
// Used by UnwindArena. Invariant: a number stands for the same rule for ever, so that a program may read while we add.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <span>

#include "bpf/shared/unwind.h"

namespace whoholds {

class RuleTable {
public:
    // Writes the rules with a fixed number. The memory, of WH_RULE_FIRST_FREE rules or more, must outlive this.
    explicit RuleTable(std::span<wh_unwind_rule> rules);

    // The number of an equal rule. When there is no room for another one WH_RULE_UNSUPPORTED, counted by refused().
    uint16_t number_of(const wh_unwind_rule& rule);

    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] uint64_t refused() const { return refused_; }
    [[nodiscard]] wh_unwind_rule operator[](uint16_t number) const;

private:
    void add(uint16_t number, const wh_unwind_rule& rule);

    std::span<wh_unwind_rule> rules_;
    absl::flat_hash_map<uint64_t, uint16_t> numbers_;  // by the rule's bits
    size_t size_ = WH_RULE_FIRST_FREE;
    uint64_t refused_ = 0;
};

}  // namespace whoholds
