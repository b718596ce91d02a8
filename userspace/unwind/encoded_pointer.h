// Pointers as .eh_frame and .eh_frame_hdr write them: a byte (DW_EH_PE_) says their width and what they are relative to.
#pragma once

#include <cstdint>
#include <optional>

#include "base/byte_reader.h"

namespace whoholds {

struct PointerBases {
    uint64_t bytes_address = 0;            // where the reader's first byte lies in the module
    std::optional<uint64_t> data_address;  // of .eh_frame_hdr, for DW_EH_PE_datarel
};

// The value as it stands in the file, not yet made absolute; for sizes, and to skip.
std::optional<uint64_t> read_encoded_value(ByteReader& reader, uint8_t encoding);

// An absolute address. Nothing for encodings that a module cannot use for its own code (indirect, function-relative, aligned)
// and for a null pointer.
std::optional<uint64_t> read_encoded_pointer(ByteReader& reader, uint8_t encoding, const PointerBases& bases);

}  // namespace whoholds
