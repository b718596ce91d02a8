#include "unwind/encoded_pointer.h"

#include <dwarf.h>

namespace whoholds {
namespace {

constexpr uint8_t kFormatBits = 0x0f;
constexpr uint8_t kBaseBits = 0x70;

std::optional<uint64_t> extended(std::optional<int64_t> value) {
    return value ? std::optional(static_cast<uint64_t>(*value)) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> read_encoded_value(ByteReader& reader, uint8_t encoding) {
    switch (encoding & kFormatBits) {
        case DW_EH_PE_absptr:
        case DW_EH_PE_udata8:
        case DW_EH_PE_sdata8: return reader.u64();
        case DW_EH_PE_uleb128: return reader.uleb128();
        case DW_EH_PE_udata2: return reader.u16();
        case DW_EH_PE_udata4: return reader.u32();
        case DW_EH_PE_sleb128: return extended(reader.sleb128());
        case DW_EH_PE_sdata2: return extended(reader.i16());
        case DW_EH_PE_sdata4: return extended(reader.i32());
        default: return std::nullopt;
    }
}

std::optional<uint64_t> read_encoded_pointer(ByteReader& reader, uint8_t encoding, const PointerBases& bases) {
    if (encoding == DW_EH_PE_omit || (encoding & DW_EH_PE_indirect) != 0) return std::nullopt;
    const uint64_t here = bases.bytes_address + reader.offset();
    const auto value = read_encoded_value(reader, encoding);
    if (!value || *value == 0) return std::nullopt;
    switch (encoding & kBaseBits) {
        case DW_EH_PE_absptr: return value;
        case DW_EH_PE_pcrel: return here + *value;
        case DW_EH_PE_datarel:
            if (!bases.data_address) return std::nullopt;
            return *bases.data_address + *value;
        default: return std::nullopt;
    }
}

}  // namespace whoholds
