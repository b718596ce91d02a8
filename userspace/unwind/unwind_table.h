// UnwindTable: how to get from any frame of one module to its caller, as rows sorted by address. Made of .eh_frame and
// .debug_frame by cfi_reader, placed into the arena that BPF programs read by UnwindArena.
#pragma once

#include <compare>
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
    std::vector<UnwindRow> rows;  // strictly increasing addresses, equal neighbours merged; gaps are rows of WH_CFA_NONE
    bool gaps_keep_frame_pointers = false;  // the code without information looks as if it kept frame pointers
    uint64_t information_bytes = 0;         // of .eh_frame and .debug_frame read
    uint64_t unsupported_bytes = 0;         // of code whose rule is WH_CFA_UNSUPPORTED
    std::vector<std::string> notes;         // what could not be read and why
};

}  // namespace whoholds
