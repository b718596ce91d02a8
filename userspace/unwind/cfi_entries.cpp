#include "unwind/cfi_entries.h"

#include <dwarf.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/byte_reader.h"
#include "unwind/cfi_program.h"
#include "unwind/encoded_pointer.h"

namespace whoholds {
namespace {

constexpr size_t kMaxCies = 1 << 18;
constexpr size_t kMaxFdes = 1 << 21;
constexpr uint32_t kLength64 = 0xffffffff;
constexpr uint64_t kDebugFrameCie32 = 0xffffffff;
constexpr uint64_t kDebugFrameCie64 = ~uint64_t{0};
constexpr uint8_t kAddressBytes = 8;

enum class Verdict : uint8_t { kGood, kMalformed, kRefused, kUnneeded };

// An entry of either kind: its bytes behind the length.
struct Entry {
    uint64_t offset = 0;       // of the length
    uint64_t body_offset = 0;  // of the bytes
    std::span<const uint8_t> body;
    uint64_t id = 0;
    size_t id_bytes = 4;
};

class EntryReader {
public:
    EntryReader(const CfiSection& section, const std::vector<UnwindRange>& code) : section_(section), code_(code) {}

    CfiEntries read() {
        std::vector<Entry> functions;
        ByteReader reader(section_.bytes);
        while (const auto entry = next_entry(reader)) {
            if (is_cie(*entry)) {
                add_cie(*entry);
            } else if (functions.size() < kMaxFdes) {
                functions.push_back(*entry);
            } else {
                entries_.cut = true;
                break;
            }
        }
        entries_.fdes.reserve(functions.size());
        for (const Entry& entry : functions) count(add_fde(entry));
        keep_disjoint();
        return std::move(entries_);
    }

private:
    std::optional<Entry> next_entry(ByteReader& reader) {
        while (!reader.at_end()) {
            Entry entry{.offset = reader.offset()};
            std::optional<uint64_t> length = reader.u32();
            // A linker that joins objects may leave an end mark in the middle.
            if (length == 0U && !section_.ends_at_zero) continue;
            if (length == 0U) return std::nullopt;
            if (length == kLength64) {
                length = reader.u64();
                entry.id_bytes = 8;
            }
            entry.body_offset = reader.offset();
            const auto body = reader.bytes(length.value_or(0));
            if (!length || !body) break;
            entry.body = *body;
            ByteReader inner(*body);
            const auto id = inner.unsigned_of(entry.id_bytes);
            if (id) {
                entry.id = *id;
                return entry;
            }
            count(Verdict::kMalformed);
        }
        if (!reader.ok()) count(Verdict::kMalformed);
        return std::nullopt;
    }

    [[nodiscard]] bool is_cie(const Entry& entry) const {
        if (!section_.debug_frame) return entry.id == 0;
        return entry.id == (entry.id_bytes == 8 ? kDebugFrameCie64 : kDebugFrameCie32);
    }

    [[nodiscard]] PointerBases bases(const Entry& entry) const {
        return {section_.address + entry.body_offset, section_.data_address};
    }

    void add_cie(const Entry& entry) {
        if (entries_.cies.size() >= kMaxCies) {
            entries_.cut = true;
            return;
        }
        CfiCie cie{.offset = entry.offset, .data_address = section_.data_address};
        const Verdict verdict = read_cie(entry, cie);
        if (verdict == Verdict::kGood) entries_.cies.push_back(cie);
        count(verdict);
    }

    static Verdict read_cie(const Entry& entry, CfiCie& cie) {
        ByteReader reader(entry.body);
        reader.skip(entry.id_bytes);
        const auto version = reader.u8();
        const auto augmentation = reader.c_string();
        if (!augmentation) return Verdict::kMalformed;
        if (*version != 1 && *version != 3 && *version != 4) return Verdict::kRefused;
        if (*version == 4) {
            const auto address_bytes = reader.u8();
            const auto segment_bytes = reader.u8();
            if (address_bytes != kAddressBytes || segment_bytes != 0) return Verdict::kRefused;
        }
        const auto code_alignment = reader.uleb128();
        const auto data_alignment = reader.sleb128();
        const auto return_register = *version == 1 ? std::optional<uint64_t>(reader.u8()) : reader.uleb128();
        if (!return_register) return Verdict::kMalformed;
        if (*return_register != kReturnAddressRegister) return Verdict::kRefused;
        cie.code_alignment = *code_alignment;
        cie.data_alignment = *data_alignment;
        const Verdict verdict = read_augmentation(*augmentation, reader, cie);
        if (verdict != Verdict::kGood) return verdict;
        CfiProgram program(cie, entry.body.subspan(reader.offset()));
        if (program.run() != CfiProgram::Stop::kEnd) return Verdict::kMalformed;
        cie.initial = program.state();
        return Verdict::kGood;
    }

    static Verdict read_augmentation(std::string_view letters, ByteReader& reader, CfiCie& cie) {
        if (letters.empty()) return Verdict::kGood;
        if (letters.front() != 'z') return Verdict::kRefused;
        cie.has_augmentation_data = true;
        const auto size = reader.uleb128();
        auto data = reader.sub_reader(size.value_or(0));
        if (!size || !data) return Verdict::kMalformed;
        for (const char letter : letters.substr(1)) {
            switch (letter) {
                case 'R': cie.pointer_encoding = data->u8().value_or(DW_EH_PE_omit); break;
                case 'L': data->u8(); break;
                case 'P':
                    if (!skip_encoded_pointer(*data)) return Verdict::kRefused;
                    break;
                case 'S': cie.signal_frame = true; break;
                case 'B': break;  // of another architecture, without data
                default: return Verdict::kRefused;
            }
        }
        return data->ok() ? Verdict::kGood : Verdict::kMalformed;
    }

    static bool skip_encoded_pointer(ByteReader& reader) {
        const uint8_t encoding = reader.u8().value_or(DW_EH_PE_omit);
        return (encoding & ~DW_EH_PE_indirect) < DW_EH_PE_aligned && read_encoded_value(reader, encoding).has_value();
    }

    Verdict add_fde(const Entry& entry) {
        const auto cie = find_cie(entry);
        if (!cie) return Verdict::kMalformed;
        const CfiCie& common = entries_.cies[*cie];
        ByteReader reader(entry.body);
        reader.skip(entry.id_bytes);
        const auto start = read_encoded_pointer(reader, common.pointer_encoding, bases(entry));
        if (!reader.ok()) return Verdict::kMalformed;
        if (!start) return Verdict::kUnneeded;
        const auto size = read_encoded_value(reader, common.pointer_encoding);
        if (common.has_augmentation_data) reader.skip(reader.uleb128().value_or(0));
        if (!size || !reader.ok()) return Verdict::kMalformed;
        // Linkers leave entries of functions that they dropped.
        if (*size == 0 || !is_code(*start, *size)) return Verdict::kUnneeded;
        entries_.fdes.push_back({.code = {*start, *start + *size},
                                 .program = entry.body.subspan(reader.offset()),
                                 .program_address = bases(entry).bytes_address + reader.offset(),
                                 .cie = *cie});
        return Verdict::kGood;
    }

    [[nodiscard]] std::optional<uint32_t> find_cie(const Entry& entry) const {
        // .eh_frame counts backwards from the number itself.
        const uint64_t offset = section_.debug_frame ? entry.id : entry.body_offset - entry.id;
        const auto found = std::lower_bound(entries_.cies.begin(), entries_.cies.end(), offset,
                                            [](const CfiCie& cie, uint64_t value) { return cie.offset < value; });
        if (found == entries_.cies.end() || found->offset != offset) return std::nullopt;
        return static_cast<uint32_t>(found - entries_.cies.begin());
    }

    [[nodiscard]] bool is_code(uint64_t start, uint64_t size) const {
        const auto after =
            std::upper_bound(code_.begin(), code_.end(), start,
                             [](uint64_t value, const UnwindRange& range) { return value < range.start; });
        return after != code_.begin() && start < std::prev(after)->end && size <= std::prev(after)->end - start;
    }

    void keep_disjoint() {
        std::vector<CfiFde>& fdes = entries_.fdes;
        const auto by_start = [](const CfiFde& a, const CfiFde& b) { return a.code.start < b.code.start; };
        if (!std::is_sorted(fdes.begin(), fdes.end(), by_start)) std::stable_sort(fdes.begin(), fdes.end(), by_start);
        uint64_t end = 0;
        std::erase_if(fdes, [&end](const CfiFde& fde) {
            if (fde.code.start < end) return true;
            end = fde.code.end;
            return false;
        });
    }

    void count(Verdict verdict) {
        if (verdict == Verdict::kMalformed) ++entries_.malformed;
        if (verdict == Verdict::kRefused) ++entries_.refused;
    }

    const CfiSection& section_;
    const std::vector<UnwindRange>& code_;
    CfiEntries entries_;
};

}  // namespace

CfiEntries read_cfi_entries(const CfiSection& section, const std::vector<UnwindRange>& code) {
    return EntryReader(section, code).read();
}

}  // namespace whoholds
