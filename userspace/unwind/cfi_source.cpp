#include "unwind/cfi_source.h"

#include <dwarf.h>
#include <gelf.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "elf/elf_source.h"
#include "unwind/encoded_pointer.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxSectionBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxHeaderEntries = 1 << 22;
constexpr size_t kMaxCodeRanges = 1 << 16;

Error too_large(std::string_view name) { return {ErrorCode::kLimit, std::string(name) + " is too large"}; }

std::optional<uint64_t> address_of_section(const ElfImage& image, std::string_view name) {
    const ElfSection* section = image.find_section(name);
    return section == nullptr ? std::nullopt : std::optional(section->address);
}

// PT_GNU_EH_FRAME: .eh_frame_hdr, also without section headers.
Result<UnwindRange> header_segment(const ElfImage& image) {
    WH_TRY(const ElfHandle elf, image.source().handle());
    size_t count = 0;
    if (::elf_getphdrnum(elf.get(), &count) != 0) return elf_error("program headers");
    for (size_t i = 0; i < count; ++i) {
        GElf_Phdr header{};
        if (::gelf_getphdr(elf.get(), static_cast<int>(i), &header) == nullptr) return elf_error("program header");
        if (header.p_type == PT_GNU_EH_FRAME) return UnwindRange{header.p_vaddr, header.p_vaddr + header.p_filesz};
    }
    return Error{ErrorCode::kNotFound, "no .eh_frame"};
}

// The bytes of the segment that an address lies in, from there on.
std::vector<uint8_t> bytes_at(const ElfImage& image, uint64_t address, uint64_t max_size) {
    for (const ElfSegment& segment : image.segments()) {
        const uint64_t into = address - segment.virtual_address;
        if (address < segment.virtual_address || into >= segment.file_size) continue;
        return image.source().read_up_to(segment.file_offset + into, std::min(max_size, segment.file_size - into));
    }
    return {};
}

// .eh_frame_hdr: where .eh_frame begins and, in a table for searching, where each function's entry is.
struct EhFrameHeader {
    uint64_t eh_frame = 0;
    uint64_t last_entry = 0;  // 0: there is no table
};

std::optional<EhFrameHeader> read_header(std::span<const uint8_t> bytes, uint64_t address) {
    constexpr uint8_t kVersion = 1;
    ByteReader reader(bytes);
    const PointerBases bases{address, address};
    const auto version = reader.u8();
    const auto frame_encoding = reader.u8();
    const auto count_encoding = reader.u8();
    const auto table_encoding = reader.u8();
    if (!table_encoding || *version != kVersion) return std::nullopt;
    const auto eh_frame = read_encoded_pointer(reader, *frame_encoding, bases);
    if (!eh_frame) return std::nullopt;
    EhFrameHeader header{.eh_frame = *eh_frame};
    if (*count_encoding == DW_EH_PE_omit || *table_encoding == DW_EH_PE_omit) return header;
    const uint64_t count = read_encoded_value(reader, *count_encoding).value_or(0);
    for (uint64_t i = 0; i < std::min(count, kMaxHeaderEntries); ++i) {
        (void)read_encoded_value(reader, *table_encoding);
        const auto entry = read_encoded_pointer(reader, *table_encoding, bases);
        if (!reader.ok()) break;
        header.last_entry = std::max(header.last_entry, entry.value_or(0));
    }
    return header;
}

// Where the entry at an address ends; nothing if it is not in bytes.
std::optional<uint64_t> end_of_entry(std::span<const uint8_t> bytes, uint64_t offset) {
    constexpr uint32_t kLength64 = 0xffffffff;
    ByteReader reader(bytes);
    reader.seek(offset);
    std::optional<uint64_t> length = reader.u32();
    if (length == kLength64) length = reader.u64();
    if (!length || !reader.skip(*length)) return std::nullopt;
    return reader.offset();
}

Result<CfiBytes> read_eh_frame_by_segment(const ElfImage& image) {
    WH_TRY(const UnwindRange segment, header_segment(image));
    const Error malformed{ErrorCode::kMalformed, ".eh_frame_hdr: malformed"};
    if (segment.end < segment.start) return malformed;
    const auto header_bytes = bytes_at(image, segment.start, std::min(segment.end - segment.start, kMaxSectionBytes));
    const auto header = read_header(header_bytes, segment.start);
    if (!header) return malformed;
    std::vector<uint8_t> bytes = bytes_at(image, header->eh_frame, kMaxSectionBytes);
    CfiSection form{.address = header->eh_frame, .data_address = segment.start, .ends_at_zero = true};
    if (header->last_entry > header->eh_frame) {
        // Other sections follow in the segment, so the end must be known.
        if (const auto end = end_of_entry(bytes, header->last_entry - header->eh_frame)) {
            bytes.resize(*end);
            form.ends_at_zero = false;
        }
    }
    return CfiBytes(std::move(bytes), form);
}

// By ourselves: libelf knows zstd only from 0.189 on.
Result<std::vector<uint8_t>> unpack_zstd(const ElfImage& image, const ElfSection& section, uint64_t size) {
    const std::vector<uint8_t> packed =
        image.source().read_up_to(section.file_offset + sizeof(Elf64_Chdr), section.size - sizeof(Elf64_Chdr));
    std::vector<uint8_t> bytes(size);
    const size_t unpacked = ::ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size());
    if (::ZSTD_isError(unpacked) != 0 || unpacked != size)
        return Error{ErrorCode::kMalformed, "unpack " + section.name + ": malformed"};
    return bytes;
}

// libelf checks what the header says of the size against what could have been packed into so few bytes.
Result<std::vector<uint8_t>> read_compressed(const ElfImage& image, const ElfSection& section) {
    Elf64_Chdr header{};
    std::array<uint8_t, sizeof header> bytes{};
    if (!image.source().read_at(section.file_offset, bytes)) return Error{ErrorCode::kMalformed, "no header"};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (section.size > kMaxSectionBytes || header.ch_size > kMaxSectionBytes) return too_large(section.name);
    constexpr uint32_t kZstd = 2;  // ELFCOMPRESS_ZSTD, which elf.h of glibc 2.36 lacks
    if (header.ch_type == kZstd && section.size > sizeof header) return unpack_zstd(image, section, header.ch_size);
    WH_TRY(const ElfHandle elf, image.source().handle());
    Elf_Scn* scn = ::elf_getscn(elf.get(), section.index);
    if (scn == nullptr || ::elf_compress(scn, 0, 0) < 0) return elf_error("unpack " + section.name);
    const Elf_Data* data = ::elf_rawdata(scn, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return elf_error("unpack " + section.name);
    const auto* start = static_cast<const uint8_t*>(data->d_buf);
    return std::vector<uint8_t>(start, start + data->d_size);
}

std::vector<UnwindRange> merged(std::vector<UnwindRange> ranges) {
    std::sort(ranges.begin(), ranges.end(),
              [](const UnwindRange& a, const UnwindRange& b) { return a.start < b.start; });
    std::vector<UnwindRange> result;
    for (const UnwindRange& range : ranges) {
        if (result.empty() || result.back().end < range.start) {
            result.push_back(range);
        } else {
            result.back().end = std::max(result.back().end, range.end);
        }
    }
    return result;
}

}  // namespace

Result<CfiBytes> read_eh_frame(const ElfImage& image) {
    const ElfSection* section = image.find_section(".eh_frame");
    if (section == nullptr) return read_eh_frame_by_segment(image);
    if (section->type == SHT_NOBITS) return Error{ErrorCode::kNotFound, ".eh_frame has no contents"};
    if (section->size > kMaxSectionBytes) return too_large(".eh_frame");
    const CfiSection form{.address = section->address, .data_address = address_of_section(image, ".eh_frame_hdr")};
    return CfiBytes(image.source().read_up_to(section->file_offset, section->size), form);
}

Result<CfiBytes> read_debug_frame(const ElfImage& image) {
    const ElfSection* section = image.find_section(".debug_frame");
    if (section == nullptr || section->type == SHT_NOBITS) return Error{ErrorCode::kNotFound, "no .debug_frame"};
    const CfiSection form{.debug_frame = true};
    if ((section->flags & SHF_COMPRESSED) != 0) {
        WH_TRY(std::vector<uint8_t> bytes, read_compressed(image, *section));
        return CfiBytes(std::move(bytes), form);
    }
    if (section->size > kMaxSectionBytes) return too_large(".debug_frame");
    return CfiBytes(image.source().read_up_to(section->file_offset, section->size), form);
}

std::vector<UnwindRange> executable_ranges(const ElfImage& image) {
    std::vector<UnwindRange> ranges;
    const uint64_t file_size = image.source().size();
    for (const ElfSegment& segment : image.segments()) {
        if (!segment.executable || segment.file_offset >= file_size) continue;
        const uint64_t size = std::min(segment.file_size, file_size - segment.file_offset);
        ranges.push_back({segment.virtual_address, segment.virtual_address + size});
    }
    return merged(std::move(ranges));
}

std::vector<UnwindRange> code_ranges(const ElfImage& image, const std::vector<UnwindRange>& executable) {
    std::vector<UnwindRange> sections;
    for (const ElfSection& section : image.sections()) {
        const uint64_t end = section.address + section.size;
        if (!section.is_executable() || end < section.address) continue;
        auto range =
            std::upper_bound(executable.begin(), executable.end(), section.address,
                             [](uint64_t address, const UnwindRange& candidate) { return address < candidate.end; });
        for (; range != executable.end() && range->start < end && sections.size() < kMaxCodeRanges; ++range)
            sections.push_back({std::max(range->start, section.address), std::min(range->end, end)});
    }
    return sections.empty() ? executable : merged(std::move(sections));
}

}  // namespace whoholds
