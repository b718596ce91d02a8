#include "elf/relative_relocations.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "elf/elf_source.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxRelocations = 16'000'000;
constexpr size_t kRelocationsPerRead = 8192;
constexpr size_t kMaxProgramHeaders = 4096;
constexpr size_t kMaxDynamicEntries = 4096;
constexpr size_t kBytesPerRead = size_t{1} << 20;

template <class T>
std::vector<T> read_array(const ElfSource& source, uint64_t offset, uint64_t count) {
    const std::vector<uint8_t> bytes = source.read_up_to(offset, count * sizeof(T));
    std::vector<T> items(bytes.size() / sizeof(T));
    if (!items.empty()) std::memcpy(items.data(), bytes.data(), items.size() * sizeof(T));
    return items;
}

std::vector<Elf64_Dyn> read_dynamic(const ElfSource& source) {
    const auto header = read_array<Elf64_Ehdr>(source, 0, 1);
    if (header.empty() || header[0].e_phentsize != sizeof(Elf64_Phdr)) return {};
    const uint64_t count = std::min<uint64_t>(header[0].e_phnum, kMaxProgramHeaders);
    for (const Elf64_Phdr& segment : read_array<Elf64_Phdr>(source, header[0].e_phoff, count)) {
        if (segment.p_type != PT_DYNAMIC) continue;
        return read_array<Elf64_Dyn>(source, segment.p_offset,
                                     std::min<uint64_t>(segment.p_filesz / sizeof(Elf64_Dyn), kMaxDynamicEntries));
    }
    return {};
}

void find_in_segment(const ElfImage& image, const ElfSegment& segment, uint64_t value, size_t max_count,
                     std::vector<uint64_t>& found) {
    const uint64_t skip = (8 - segment.virtual_address % 8) % 8;
    for (uint64_t into = skip; into < segment.file_size && found.size() < max_count; into += kBytesPerRead) {
        const auto words = read_array<uint64_t>(image.source(), segment.file_offset + into,
                                                std::min<uint64_t>(kBytesPerRead, segment.file_size - into) / 8);
        for (size_t i = 0; i < words.size() && found.size() < max_count; ++i) {
            if (words[i] == value) found.push_back(segment.virtual_address + into + i * 8);
        }
        if (words.empty()) break;
    }
}

}  // namespace

RelativeRelocations RelativeRelocations::of(const ElfImage& image) {
    uint64_t address = 0;
    uint64_t size = 0;
    uint64_t entry_size = 0;
    for (const Elf64_Dyn& entry : read_dynamic(image.source())) {
        if (entry.d_tag == DT_NULL) break;
        if (entry.d_tag == DT_RELA) address = entry.d_un.d_ptr;
        if (entry.d_tag == DT_RELASZ) size = entry.d_un.d_val;
        if (entry.d_tag == DT_RELAENT) entry_size = entry.d_un.d_val;
    }
    RelativeRelocations relocations;
    const auto offset = image.offset_of(address);
    if (address == 0 || entry_size != sizeof(Elf64_Rela) || !offset) return relocations;
    relocations.offset_ = *offset;
    relocations.count_ = std::min(size / sizeof(Elf64_Rela), kMaxRelocations);
    return relocations;
}

void RelativeRelocations::for_each(const ElfImage& image,
                                   const std::function<bool(uint64_t address, uint64_t value)>& visit) const {
    for (uint64_t done = 0; done < count_;) {
        const auto entries = read_array<Elf64_Rela>(image.source(), offset_ + done * sizeof(Elf64_Rela),
                                                    std::min<uint64_t>(count_ - done, kRelocationsPerRead));
        if (entries.empty()) return;
        done += entries.size();
        for (const Elf64_Rela& entry : entries) {
            if (ELF64_R_TYPE(entry.r_info) != R_X86_64_RELATIVE) continue;
            if (!visit(entry.r_offset, static_cast<uint64_t>(entry.r_addend))) return;
        }
    }
}

bool RelativeRelocations::read(const ElfImage& image, uint64_t address, std::span<uint8_t> out) const {
    if (out.size() > UINT64_MAX - address) return false;
    const std::vector<uint8_t> bytes = image.code_at(address, out.size());
    if (bytes.size() != out.size()) return false;
    std::copy(bytes.begin(), bytes.end(), out.begin());
    for_each(image, [&](uint64_t word, uint64_t value) {
        if (word >= address && out.size() >= sizeof value && word - address <= out.size() - sizeof value)
            std::memcpy(out.data() + (word - address), &value, sizeof value);
        return true;
    });
    return true;
}

std::vector<uint64_t> find_words(const ElfImage& image, const RelativeRelocations& relocations, uint64_t value,
                                 size_t max_count) {
    std::vector<uint64_t> found;
    relocations.for_each(image, [&](uint64_t word, uint64_t held) {
        if (held == value && word % 8 == 0) found.push_back(word);
        return found.size() < max_count;
    });
    const auto& segments = image.segments();
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
        if (!segment->executable) find_in_segment(image, *segment, value, max_count, found);
    }
    return found;
}

}  // namespace whoholds
