// Any bytes as .eh_frame and .debug_frame: rows, the form that BPF programs search, and looking up in it. Bytes behind the last
// four 0xaa are .debug_frame, those in front .eh_frame.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "unwind/cfi_table.h"
#include "unwind/rule_table.h"
#include "unwind/unwind_arena.h"
#include "unwind/unwind_rule.h"

namespace {

using namespace whoholds;

constexpr uint64_t kFrameAddress = 0x4000000;
constexpr uint64_t kHeaderAddress = 0x3fff000;
constexpr size_t kSegments = 8;

void require(bool condition) {
    if (!condition) std::abort();
}

CfiSections sections_of(std::span<const uint8_t> bytes) {
    constexpr std::array<uint8_t, 4> kSeparator = {0xaa, 0xaa, 0xaa, 0xaa};
    const auto separator = std::find_end(bytes.begin(), bytes.end(), kSeparator.begin(), kSeparator.end());
    const auto eh_frame_size = static_cast<size_t>(separator - bytes.begin());
    // Code before and behind the section, a hole in between, and a last part at the end of all addresses.
    CfiSections sections{.code = {{0x1000, 0x8000}, {0x9000, 0x3ff0000}, {0x4100000, 0x5000000}, {~0xfffULL, ~0ULL}}};
    sections.eh_frame = CfiSection{.bytes = bytes.first(eh_frame_size),
                                   .address = kFrameAddress,
                                   .data_address = kHeaderAddress,
                                   .ends_at_zero = !bytes.empty() && bytes.back() == 0xff};
    if (separator != bytes.end()) {
        const size_t behind = eh_frame_size + kSeparator.size();
        sections.debug_frames.push_back({.bytes = bytes.subspan(behind), .debug_frame = true});
    }
    return sections;
}

bool is_code(const CfiSections& sections, uint64_t address) {
    return std::any_of(sections.code.begin(), sections.code.end(),
                       [address](const UnwindRange& range) { return address >= range.start && address < range.end; });
}

void check_rows(const UnwindTable& table, const CfiSections& sections) {
    wh_unwind_rule before = kGapRule;
    uint64_t least = 0;
    for (const UnwindRow& row : table.rows) {
        require(row.address >= least && !same_rule(row.rule, before));
        require(same_rule(row.rule, kGapRule) || is_code(sections, row.address));
        require(cfa_kind_of(row.rule) <= WH_CFA_UNSUPPORTED && fp_kind_of(row.rule) <= WH_FP_UNSUPPORTED);
        least = row.address + 1;
        before = row.rule;
    }
    require(same_rule(before, kGapRule));
}

// Memory that lasts, so that an input costs no more than what it writes.
struct Memory {
    std::vector<wh_unwind_rule> rules = std::vector<wh_unwind_rule>(WH_UNWIND_RULES);
    std::array<std::vector<uint32_t>, kSegments> segments;

    Result<std::span<uint32_t>> segment(uint32_t index) {
        if (index >= segments.size()) return Error{ErrorCode::kLimit, "no more segments"};
        segments[index].resize(WH_ARENA_SEGMENT_WORDS);
        return std::span<uint32_t>(segments[index]);
    }
};

void check_placed(const UnwindTable& table, Memory& memory) {
    RuleTable rules(memory.rules);
    UnwindArena arena([&memory](uint32_t index) { return memory.segment(index); });
    // Twice, so that one table does not begin where the arena does.
    (void)arena.place(table, rules);
    const auto placed = arena.place(table, rules);
    if (!placed) return;
    for (const UnwindRow& row : table.rows) {
        for (const uint64_t address : {row.address - 1, row.address, row.address + 1}) {
            const wh_unwind_rule& found = rules[find_rule(arena.segments(), *placed, address)];
            require(same_rule(found, rule_at(table.rows, address)));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Memory memory;
    const CfiSections sections = sections_of({data, size});
    const UnwindTable table = make_unwind_table(sections);
    check_rows(table, sections);
    check_placed(table, memory);
    return 0;
}
