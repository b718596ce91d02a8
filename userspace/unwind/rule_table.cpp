#include "unwind/rule_table.h"

#include <algorithm>

#include "unwind/unwind_rule.h"

namespace whoholds {

RuleTable::RuleTable(std::span<wh_unwind_rule> rules)
    : rules_(rules.first(std::min<size_t>(rules.size(), WH_UNWIND_RULES))) {
    constexpr FramePointerRule kSavedBelowReturn{WH_FP_AT_CFA, -2};
    add(WH_RULE_GAP, kGapRule);
    add(WH_RULE_FRAME_POINTER, make_rule(WH_CFA_FRAME_POINTER, 16, kSavedBelowReturn));
    add(WH_RULE_FRAME_POINTER_GUESS, make_rule(WH_CFA_FRAME_POINTER_GUESS, 16, kSavedBelowReturn));
    add(WH_RULE_UNSUPPORTED, kUnsupportedRule);
}

void RuleTable::add(uint16_t number, const wh_unwind_rule& rule) {
    rules_[number] = rule;
    numbers_.emplace(rule_bits(rule), number);
}

uint16_t RuleTable::number_of(const wh_unwind_rule& rule) {
    const auto known = numbers_.find(rule_bits(rule));
    if (known != numbers_.end()) return known->second;
    if (size_ >= rules_.size()) {
        ++refused_;
        return WH_RULE_UNSUPPORTED;
    }
    const auto number = static_cast<uint16_t>(size_++);
    add(number, rule);
    return number;
}

}  // namespace whoholds
