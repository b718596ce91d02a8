// The entries of .eh_frame and .debug_frame: what is common to functions of one kind (CIE) and what holds for one function
// (FDE). Used by cfi_table. Everything is untrusted: what cannot be read is left out and counted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "unwind/cfi_state.h"
#include "unwind/unwind_table.h"

namespace whoholds {

struct CfiSection {
    std::span<const uint8_t> bytes;
    uint64_t address = 0;                  // of the first byte in the module
    std::optional<uint64_t> data_address;  // of .eh_frame_hdr
    bool debug_frame = false;              // .debug_frame: other numbers mark and find CIEs
    bool ends_at_zero = false;             // the section's size is not known, a length of zero ends it
};

struct CfiCie {
    uint64_t offset = 0;  // in the section
    uint64_t code_alignment = 1;
    int64_t data_alignment = 1;
    uint8_t pointer_encoding = 0;  // DW_EH_PE_
    bool has_augmentation_data = false;
    bool signal_frame = false;
    std::optional<uint64_t> data_address;
    CfiState initial;
};

struct CfiFde {
    UnwindRange code;
    std::span<const uint8_t> program;  // in the section's bytes
    uint64_t program_address = 0;
    uint32_t cie = 0;  // index into CfiEntries::cies
};

struct CfiEntries {
    std::vector<CfiCie> cies;  // in the order of their offsets
    std::vector<CfiFde> fdes;  // sorted by address, disjoint: of two that overlap the one that starts first stays
    uint64_t malformed = 0;    // entries that make no sense
    uint64_t refused = 0;      // entries in a version, encoding or augmentation that we do not read
    bool cut = false;          // there are more than we read
};

// Only functions that lie in one of the code ranges, which are sorted and disjoint.
CfiEntries read_cfi_entries(const CfiSection& section, const std::vector<UnwindRange>& code);

}  // namespace whoholds
