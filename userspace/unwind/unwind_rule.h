// wh_unwind_rule for C++: making, comparing and taking apart.
// Invariant: a rule without a CFA that can be computed has zero in every other field, so that equal meanings are equal bytes.
#pragma once

#include <bit>
#include <cstdint>

#include "bpf/shared/unwind.h"

namespace whoholds {

struct FramePointerRule {
    wh_fp_kind kind = WH_FP_SAME;
    int16_t offset_words = 0;
};

constexpr wh_unwind_rule make_rule(wh_cfa_kind cfa, int32_t cfa_offset = 0, FramePointerRule frame_pointer = {},
                                   int8_t extra = 0) {
    return {.cfa_offset = cfa_offset,
            .fp_offset = frame_pointer.offset_words,
            .extra = extra,
            .kinds = static_cast<uint8_t>(cfa | frame_pointer.kind << 4)};
}

constexpr wh_cfa_kind cfa_kind_of(const wh_unwind_rule& rule) { return static_cast<wh_cfa_kind>(rule.kinds & 15); }
constexpr wh_fp_kind fp_kind_of(const wh_unwind_rule& rule) { return static_cast<wh_fp_kind>(rule.kinds >> 4); }

constexpr uint64_t rule_bits(const wh_unwind_rule& rule) { return std::bit_cast<uint64_t>(rule); }
constexpr bool same_rule(const wh_unwind_rule& a, const wh_unwind_rule& b) { return rule_bits(a) == rule_bits(b); }

inline constexpr wh_unwind_rule kGapRule = make_rule(WH_CFA_NONE);
inline constexpr wh_unwind_rule kUnsupportedRule = make_rule(WH_CFA_UNSUPPORTED);
inline constexpr wh_unwind_rule kSignalRule = make_rule(WH_CFA_SIGNAL);
inline constexpr wh_unwind_rule kEndRule = make_rule(WH_CFA_END);

}  // namespace whoholds
