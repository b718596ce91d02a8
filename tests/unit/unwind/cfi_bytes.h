// CFI put together byte by byte.
#pragma once

#include <dwarf.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "unwind/cfi_table.h"

namespace whoholds {

class Bytes {
public:
    Bytes() = default;
    Bytes(std::initializer_list<int> values) {  // NOLINT(google-explicit-constructor): reads like the bytes
        for (const int value : values) u8(value);
    }

    Bytes& u8(int value) { return number(static_cast<uint64_t>(value), 1); }
    Bytes& u16(uint64_t value) { return number(value, 2); }
    Bytes& u32(uint64_t value) { return number(value, 4); }
    Bytes& u64(uint64_t value) { return number(value, 8); }
    Bytes& uleb(uint64_t value) {
        for (; value >= 0x80; value >>= 7) u8(static_cast<int>(value & 0x7f) | 0x80);
        return u8(static_cast<int>(value));
    }
    Bytes& sleb(int64_t value) {
        for (; value < -64 || value > 63; value >>= 7) u8(static_cast<int>(value & 0x7f) | 0x80);
        return u8(static_cast<int>(value & 0x7f));
    }
    Bytes& text(const std::string& value) {
        for (const char character : value) u8(character);
        return u8(0);
    }
    Bytes& add(const Bytes& more) {
        bytes_.insert(bytes_.end(), more.bytes_.begin(), more.bytes_.end());
        return *this;
    }
    // With its length in front, as an expression is written.
    Bytes& block(const Bytes& more) { return uleb(more.size()).add(more); }

    [[nodiscard]] size_t size() const { return bytes_.size(); }
    [[nodiscard]] const std::vector<uint8_t>& get() const { return bytes_; }

private:
    Bytes& number(uint64_t value, int width) {
        for (int i = 0; i < width; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
        return *this;
    }
    std::vector<uint8_t> bytes_;
};

// What the CIE of every compiler says: CFA = rsp + 8, return address at CFA - 8.
inline const Bytes kUsualStart = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};

struct CieForm {
    int version = 1;
    std::string augmentation = "zR";
    Bytes augmentation_data = {DW_EH_PE_absptr};
    uint64_t code_alignment = 1;
    int64_t data_alignment = -8;
    int return_register = 16;
    Bytes program = kUsualStart;
    bool dwarf64 = false;
};

class CfiWriter {
public:
    static constexpr uint64_t kAddress = 0x900000;
    static constexpr uint64_t kHeaderAddress = 0x8ff000;
    static constexpr uint64_t kCodeStart = 0x1000;
    static constexpr uint64_t kCodeEnd = 0x800000;

    explicit CfiWriter(bool debug_frame = false) : debug_frame_(debug_frame) {}

    // The offset, for fde().
    size_t cie(const CieForm& form = {}) {
        Bytes body;
        body.u8(form.version).text(form.augmentation);
        if (form.version == 4) body.u8(8).u8(0);
        body.uleb(form.code_alignment).sleb(form.data_alignment).u8(form.return_register);
        if (form.augmentation.starts_with('z')) body.block(form.augmentation_data);
        return entry(debug_frame_ ? ~uint64_t{0} : 0, body.add(form.program), form.dwarf64);
    }

    // Of a CIE with the usual encoding (absolute, 8 bytes).
    size_t fde(size_t cie, uint64_t start, uint64_t size, const Bytes& program, bool dwarf64 = false) {
        Bytes body;
        body.u64(start).u64(size);
        if (!debug_frame_) body.uleb(0);
        return raw_fde(cie, body.add(program), dwarf64);
    }
    size_t raw_fde(size_t cie, const Bytes& body, bool dwarf64 = false) {
        const size_t id_at = bytes_.size() + (dwarf64 ? 12 : 4);
        return entry(debug_frame_ ? cie : id_at - cie, body, dwarf64);
    }
    void zero() { bytes_.u32(0); }
    Bytes& bytes() { return bytes_; }
    // The address of a place in the body of the entry that is written next.
    [[nodiscard]] uint64_t next_body_address(size_t offset) const { return kAddress + bytes_.size() + 8 + offset; }

    [[nodiscard]] CfiSection section() const {
        CfiSection section{.bytes = bytes_.get(), .debug_frame = debug_frame_};
        if (!debug_frame_) section.address = kAddress;
        if (!debug_frame_) section.data_address = kHeaderAddress;
        return section;
    }
    [[nodiscard]] UnwindTable table() const {
        CfiSections sections{.code = {{kCodeStart, kCodeEnd}}};
        if (debug_frame_)
            sections.debug_frames.push_back(section());
        else
            sections.eh_frame = section();
        return make_unwind_table(sections);
    }

private:
    size_t entry(uint64_t id, const Bytes& body, bool dwarf64) {
        const size_t offset = bytes_.size();
        if (dwarf64)
            bytes_.u32(0xffffffff).u64(8 + body.size()).u64(id);
        else
            bytes_.u32(4 + body.size()).u32(id);
        bytes_.add(body);
        return offset;
    }

    bool debug_frame_;
    Bytes bytes_;
};

}  // namespace whoholds
