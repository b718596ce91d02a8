#include "elf/dwarf_file.h"

#include <elf.h>
#include <gelf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace whoholds {
namespace {

bool is_debug_section(const ElfSection& section) {
    const bool debug = section.name.starts_with(".debug_") || section.name.starts_with(".zdebug_");
    return debug && section.type != SHT_NOBITS;
}

// What libelf and libdw look at.
std::vector<DwarfFile::Range> ranges_to_copy(const ElfImage& image) {
    Elf64_Ehdr header{};
    std::array<uint8_t, sizeof header> bytes{};
    std::vector<DwarfFile::Range> ranges = {{0, sizeof header}};
    if (!image.source().read_at(0, bytes)) return ranges;
    std::memcpy(&header, bytes.data(), sizeof header);
    const uint64_t count = image.sections().empty() ? 0 : uint64_t{image.sections().back().index} + 1;
    ranges.push_back({header.e_shoff, std::max<uint64_t>(count, header.e_shnum) * sizeof(Elf64_Shdr)});
    ranges.push_back({header.e_phoff, uint64_t{header.e_phnum} * sizeof(Elf64_Phdr)});
    for (const ElfSection& section : image.sections()) {
        const bool names = section.index == header.e_shstrndx || header.e_shstrndx == SHN_XINDEX;
        const bool wanted = is_debug_section(section) || (names && section.type == SHT_STRTAB);
        if (wanted) ranges.push_back({section.file_offset, section.size});
    }
    return ranges;
}

// libdw would open whatever .gnu_debugaltlink names, a FIFO or a device too, where it wants something of the other file. The
// section is looked for in the copy, which does not change any more, and may lie over others in a hostile file.
void clear_alt_link(Elf* elf, ElfCopy& copy) {
    size_t names = 0;
    if (::elf_getshdrstrndx(elf, &names) != 0) return;
    for (Elf_Scn* section = nullptr; (section = ::elf_nextscn(elf, section)) != nullptr;) {
        GElf_Shdr header{};
        if (::gelf_getshdr(section, &header) == nullptr) continue;
        const char* name = ::elf_strptr(elf, names, header.sh_name);
        // libdw takes ".z" and ".gnu.debuglto_." in front of it for packed forms of the same.
        if (name != nullptr && std::string_view(name).ends_with("gnu_debugaltlink")) {
            copy.clear(header.sh_offset, header.sh_size);
        }
    }
}

// 0 when it is not packed.
uint64_t unpacked_size(const ElfImage& image, const ElfSection& section) {
    std::array<uint8_t, sizeof(Elf64_Chdr)> bytes{};
    if (section.name.starts_with(".z")) {  // "ZLIB" and the size, the form of before ELF had a flag for it
        const bool has_size = image.source().read_at(section.file_offset, std::span(bytes).first(12));
        if (!has_size || std::memcmp(bytes.data(), "ZLIB", 4) != 0) return 0;
        uint64_t size = 0;
        for (size_t i = 4; i < 12; ++i) size = size << 8 | bytes[i];
        return size;
    }
    if ((section.flags & SHF_COMPRESSED) == 0 || !image.source().read_at(section.file_offset, bytes)) return 0;
    Elf64_Chdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    return header.ch_size;
}

}  // namespace

uint64_t debug_bytes_of(const ElfImage& image) {
    uint64_t total = 0;
    bool has_units = false;
    for (const ElfSection& section : image.sections()) {
        if (!is_debug_section(section)) continue;
        const uint64_t size = std::max(section.size, unpacked_size(image, section));
        total = total + size < total ? UINT64_MAX : total + size;
        has_units = has_units || section.name.ends_with("debug_info");
    }
    return has_units ? total : 0;
}

uint64_t packed_debug_bytes_of(const ElfImage& image) {
    uint64_t total = 0;
    for (const ElfSection& section : image.sections()) {
        const uint64_t size = is_debug_section(section) ? unpacked_size(image, section) : 0;
        total = total + size < total ? UINT64_MAX : total + size;
    }
    return total;
}

Result<DwarfFile> DwarfFile::begin(ElfImage image) {
    WH_TRY(ElfCopy copy, ElfCopy::of_size(image.source().size()));
    std::vector<Range> ranges = ranges_to_copy(image);
    return DwarfFile{std::move(image), std::move(copy), nullptr, nullptr, std::move(ranges)};
}

Result<bool> DwarfFile::load(const std::function<bool()>& out_of_time) {
    constexpr uint64_t kBytesPerStep = uint64_t{4} << 20;
    while (!left.empty()) {
        Range& range = left.back();
        if (range.size > kBytesPerStep && out_of_time()) return false;
        const uint64_t size = std::min(range.size, kBytesPerStep);
        // Tables may reach beyond the end of a damaged file; libelf finds out.
        const bool copied = copy.take(image.source(), range.offset, size);
        range.offset += size;
        range.size = copied ? range.size - size : 0;
        if (range.size == 0) left.pop_back();
    }
    if (dwarf) return true;
    WH_TRY(elf, copy.handle());
    clear_alt_link(elf.get(), copy);
    dwarf.reset(::dwarf_begin_elf(elf.get(), DWARF_C_READ, nullptr));
    if (!dwarf) return Error{ErrorCode::kMalformed, std::string("debug information: ") + ::dwarf_errmsg(-1)};
    return true;
}

}  // namespace whoholds
