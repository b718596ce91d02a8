#include "unwind/rule_table.h"

#include <algorithm>

#include "unwind/unwind_rule.h"

namespace whoholds {

namespace {

constexpr int32_t kWord = 8;
constexpr int kMostCompactFp = 31;

// 0 where the rule does not fit into a number.
uint16_t compact(const wh_unwind_rule& rule) {
    const uint8_t cfa_kind = rule.kinds & 15;
    const uint8_t fp_kind = rule.kinds >> 4;
    const int32_t words = rule.cfa_offset / kWord;
    if (cfa_kind != WH_CFA_SP || rule.extra != 0 || rule.cfa_offset % kWord != 0) return 0;
    if (words < 1 || words != WH_COMPACT_CFA_WORDS(words)) return 0;
    if (fp_kind == WH_FP_SAME && rule.fp_offset == 0) return static_cast<uint16_t>(WH_RULE_COMPACT | words);
    const int fp = -rule.fp_offset - 1;
    if (fp_kind != WH_FP_AT_CFA || fp < 1 || fp > kMostCompactFp) return 0;
    return static_cast<uint16_t>(WH_RULE_COMPACT | fp << 10 | words);
}

wh_unwind_rule expand(uint16_t number) {
    const auto cfa_offset = WH_COMPACT_CFA_WORDS(number) * kWord;
    const int fp = WH_COMPACT_FP(number);
    if (fp == 0) return make_rule(WH_CFA_SP, cfa_offset);
    return make_rule(WH_CFA_SP, cfa_offset, {WH_FP_AT_CFA, static_cast<int16_t>(-fp - 1)});
}

}  // namespace

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

wh_unwind_rule RuleTable::operator[](uint16_t number) const {
    return number & WH_RULE_COMPACT ? expand(number) : rules_[number];
}

uint16_t RuleTable::number_of(const wh_unwind_rule& rule) {
    if (const uint16_t number = compact(rule)) return number;
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
