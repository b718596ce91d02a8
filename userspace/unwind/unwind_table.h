// UnwindTable: how to get from any frame of one module to its caller, as rows sorted by address. Made of .eh_frame and
// .debug_frame by cfi_reader, placed into the arena that BPF programs read by UnwindArena.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/shared/unwind.h"

namespace whoholds {

struct UnwindRow {
    uint64_t address = 0;  // virtual address in the module; in force up to the next row's
    wh_unwind_rule rule{};
};

struct UnwindTable {
    std::vector<UnwindRow>
        rows;  // strictly increasing addresses, equal neighbours merged; gaps are rows of WH_CFA_NONE
    bool gaps_keep_frame_pointers = false;  // the code without information looks as if it kept frame pointers
    uint64_t information_bytes = 0;         // of .eh_frame and .debug_frame read
    uint64_t covered_bytes = 0;             // of code that is no gap
    uint64_t unsupported_bytes = 0;         // of code whose rule is WH_CFA_UNSUPPORTED
    std::vector<std::string> notes;         // what could not be read and why
};

// Addresses of a module, first up to but not including last.
struct UnwindRange {
    uint64_t start = 0;
    uint64_t end = 0;
};

// The rule in force at an address; a gap's before the first row.
wh_unwind_rule rule_at(const std::vector<UnwindRow>& rows, uint64_t address);

// The parts of sorted, disjoint ranges that no row but a gap's covers.
std::vector<UnwindRange> gaps_in(const std::vector<UnwindRow>& rows, const std::vector<UnwindRange>& ranges);

// One rule for a range, whatever was there before.
struct UnwindPatch {
    UnwindRange range;
    wh_unwind_rule rule{};
};

// The rows with the patches applied. Of patches that overlap the one that starts first wins.
std::vector<UnwindRow> apply_patches(const std::vector<UnwindRow>& rows, std::vector<UnwindPatch> patches);

}  // namespace whoholds
