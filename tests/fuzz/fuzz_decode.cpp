// Any bytes as code without CFI, and any extents of functions in it: what is derived lies in the code, in order, and can be
// patched into a table. The first byte says how many extents follow, of three bytes each: where, how long, whether a part.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "unwind/decoded_code.h"
#include "unwind/unwind_rule.h"

namespace {

using namespace whoholds;

constexpr uint64_t kStart = 0x1000;
constexpr size_t kMaxExtents = 16;
constexpr size_t kBytesPerExtent = 3;

void require(bool condition) {
    if (!condition) std::abort();
}

void check(const DecodedCode& decoded, const CodeBytes& code) {
    uint64_t before = 0;
    for (const DecodedPlace& place : decoded.places) {
        require(place.address > before && place.address >= code.start && place.address + place.length <= code.end());
        require(place.state.stack_pointer == StackState::kUnknown || place.state.stack_pointer >= 8);
        before = place.address;
    }
    uint64_t end = 0;
    const std::vector<UnwindPatch> patches = patches_of(decoded);
    for (const UnwindPatch& patch : patches) {
        require(patch.range.start >= end && patch.range.start < patch.range.end && patch.range.end <= code.end());
        const wh_cfa_kind kind = cfa_kind_of(patch.rule);
        require(kind == WH_CFA_SP || kind == WH_CFA_FP);
        end = patch.range.end;
    }
    const std::vector<UnwindRow> rows = apply_patches({}, patches);
    for (const DecodedPlace& place : decoded.places)
        require(same_rule(rule_at(rows, place.address), place.state.rule()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::span<const uint8_t> input(data, size);
    if (input.empty()) return 0;
    const size_t count = input[0] % (kMaxExtents + 1);
    input = input.subspan(1);
    if (input.size() < count * kBytesPerExtent) return 0;
    std::vector<CodeExtent> extents;
    for (size_t i = 0; i < count; i++) {
        const std::span<const uint8_t> each = input.subspan(i * kBytesPerExtent, kBytesPerExtent);
        extents.push_back({{kStart + each[0], kStart + each[0] + each[1]}, (each[2] & 1) != 0});
    }
    input = input.subspan(count * kBytesPerExtent);
    const CodeBytes code{kStart, {input.begin(), input.end()}};
    check(decode_code({code}, extents), code);
    return 0;
}
