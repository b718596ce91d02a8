#include "attach/unwind_ranges.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "elf/elf_source.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxTableBytes = 16 << 20;  // two million functions, far more than the largest programs have
constexpr size_t kHeaderBytes = 12;
// version 1; address of .eh_frame: 4 bytes relative to their place; count: 4 bytes; table: 4 bytes relative to the section
constexpr std::array<uint8_t, 4> kUsualForm = {0x01, 0x1b, 0x03, 0x3b};

template <class T>
T read(std::span<const uint8_t> bytes, size_t at) {
    T value{};
    if (at <= bytes.size() && bytes.size() - at >= sizeof value) std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

uint64_t relative(uint64_t base, int32_t displacement) { return base + static_cast<uint64_t>(int64_t{displacement}); }

}  // namespace

UnwindRanges::UnwindRanges(const ElfImage& elf) : elf_(elf) {
    const ElfSection* section = elf.find_section(".eh_frame_hdr");
    if (section == nullptr || section->size < kHeaderBytes) return;
    const auto bytes = elf.source().read_up_to(section->file_offset, std::min(section->size, kMaxTableBytes));
    if (bytes.size() < kHeaderBytes || !std::equal(kUsualForm.begin(), kUsualForm.end(), bytes.begin())) return;
    const size_t count = std::min<size_t>(read<uint32_t>(bytes, 8), (bytes.size() - kHeaderBytes) / 8);
    entries_.reserve(count);
    for (size_t i = 0; i < count; ++i) {
        const size_t at = kHeaderBytes + i * 8;
        entries_.push_back({relative(section->address, read<int32_t>(bytes, at)),
                            relative(section->address, read<int32_t>(bytes, at + 4))});
    }
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.start < b.start; });
}

std::optional<CodeRange> UnwindRanges::range_of(uint64_t address) const {
    const auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                        [](uint64_t value, const Entry& entry) { return value < entry.start; });
    if (after == entries_.begin()) return std::nullopt;
    const Entry& entry = *std::prev(after);
    // An FDE begins with its length, its CIE, and start and size of the function in the CIE's encoding. Nearly all CIEs say four
    // bytes, relative; if the start does not come out that way this one does not.
    const auto bytes = elf_.code_at(entry.description, 16);
    if (bytes.size() < 16 || relative(entry.description + 8, read<int32_t>(bytes, 8)) != entry.start)
        return std::nullopt;
    const CodeRange range{entry.start, entry.start + read<uint32_t>(bytes, 12)};
    return address < range.end ? std::optional(range) : std::nullopt;
}

}  // namespace whoholds
