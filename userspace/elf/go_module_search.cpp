#include "elf/go_module_search.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "elf/elf_source.h"
#include "elf/relative_relocations.h"

namespace whoholds {
namespace {

constexpr size_t kMaxTables = 32;      // that look like one; a program has one, and perhaps a tool's test data
constexpr size_t kMaxReferences = 16;  // to one of them
constexpr uint64_t kMaxTableBytes = uint64_t{512} << 20;

// Words of moduledata (runtime/symtab.go), the same in all versions: slices of the parts of the table take three each.
constexpr size_t kModuleWords = 48;
constexpr std::array<size_t, 5> kPartWords = {1, 4, 7, 10, 13};
constexpr size_t kFunctionsLengthWord = 14;
constexpr size_t kTextWord = 22;
constexpr size_t kDataWord = 24;  // four pairs of start and end: noptrdata, data, bss, noptrbss
using ModuleWords = std::array<uint64_t, kModuleWords>;

struct TableHeader {
    uint64_t address = 0;
    GoLineTable::Format format{};
    std::vector<uint64_t> parts;
};

std::optional<TableHeader> header_at(uint64_t address, std::span<const uint8_t> bytes) {
    const auto format = GoLineTable::format_of(bytes);
    auto parts = GoLineTable::parts_of(bytes);
    // Parts follow each other; other data that begins with these bytes seldom has that.
    if (!format || !parts || !std::ranges::is_sorted(*parts) || parts->front() < 64) return std::nullopt;
    return TableHeader{address, *format, *std::move(parts)};
}

void scan_for_tables(const ElfImage& image, const ElfSegment& segment, std::vector<TableHeader>& tables) {
    constexpr uint64_t kPortion = uint64_t{1} << 20;
    const uint64_t skip = (8 - segment.virtual_address % 8) % 8;
    for (uint64_t into = skip; into < segment.file_size && tables.size() < kMaxTables; into += kPortion) {
        const uint64_t wanted = std::min(kPortion + GoLineTable::kHeaderBytes, segment.file_size - into);
        const std::vector<uint8_t> bytes = image.source().read_up_to(segment.file_offset + into, wanted);
        for (uint64_t at = 0; at + 8 <= bytes.size() && at < kPortion && tables.size() < kMaxTables; at += 8) {
            if (bytes[at + 3] != 0xff || bytes[at + 2] != 0xff || bytes[at + 7] != 8) continue;
            if (auto header = header_at(segment.virtual_address + into + at, std::span(bytes).subspan(at)))
                tables.push_back(*std::move(header));
        }
        if (bytes.empty()) break;
    }
}

std::vector<TableHeader> tables_in_sections(const ElfImage& image) {
    std::vector<TableHeader> tables;
    for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
        const ElfSection* section = image.find_section(name);
        if (section == nullptr) continue;
        const auto bytes = image.code_at(section->address, GoLineTable::kHeaderBytes);
        if (auto header = header_at(section->address, bytes)) tables.push_back(*std::move(header));
    }
    return tables;
}

std::vector<TableHeader> tables_by_scan(const ElfImage& image) {
    std::vector<TableHeader> tables;
    for (const ElfSegment& segment : image.segments()) scan_for_tables(image, segment, tables);
    return tables;
}

struct FoundModule {
    uint64_t address = 0;
    ModuleWords words{};
};

// What points to the table, and to each of its parts where moduledata does.
std::optional<FoundModule> find_module(const ElfImage& image, const RelativeRelocations& relocations,
                                       const TableHeader& table) {
    for (const uint64_t address : find_words(image, relocations, table.address, kMaxReferences)) {
        FoundModule module{.address = address};
        auto* bytes = reinterpret_cast<uint8_t*>(module.words.data());
        if (!relocations.read(image, address, {bytes, sizeof module.words})) continue;
        bool fits = true;
        for (size_t i = 0; i < kPartWords.size(); ++i)
            fits = fits && module.words[kPartWords[i]] == table.address + table.parts[i];
        if (fits) return module;
    }
    return std::nullopt;
}

Result<GoLineTable> read_table(const ElfImage& image, const TableHeader& header, const FoundModule& module,
                               GoModuleData& data) {
    const uint64_t size = header.parts.back() + std::min(module.words[kFunctionsLengthWord], kMaxTableBytes);
    data.table = header.address;
    data.table_end = header.address + size;
    const auto offset = image.offset_of(header.address);
    if (!offset || size > kMaxTableBytes || data.table_end < data.table) {
        return Error{ErrorCode::kLimit, "Go's table of functions: larger than 512 MiB"};
    }
    return GoLineTable::parse(image.source().read_up_to(*offset, size), data.text);
}

void read_ranges(const ModuleWords& words, GoModuleData& data) {
    data.text = words[kTextWord];
    data.text_end = words[kTextWord + 1];
    data.data = UINT64_MAX;
    for (size_t i = 0; i < 8; i += 2) {
        const uint64_t start = words[kDataWord + i];
        const uint64_t end = words[kDataWord + i + 1];
        if (start >= end) continue;
        data.data = std::min(data.data, start);
        data.data_end = std::max(data.data_end, end);
        if (i < 4) data.initialised_end = std::max(data.initialised_end, end);
        if (i == 2 || i == 4) data.pointer_data[i / 2 - 1] = {start, end};
    }
}

// What moved with the versions: 1.18 brought gofunc, 1.20 two more pairs of addresses before, 1.27 typedesclen and others.
void read_versioned(const ModuleWords& words, unsigned minor, GoModuleData& data) {
    const auto at = [&](size_t offset) { return words[offset / 8]; };
    data.types = at(minor < 20 ? 280 : 296);
    data.types_end = at(minor < 20 ? 288 : minor < 27 ? 304 : 312);
    if (minor >= 18) data.function_data = at(minor < 20 ? 304 : minor < 27 ? 320 : 344);
}

// schedinit compares the length of runtime.buildVersion with zero, so that the linker keeps it: cmpq $0,disp(%rip).
std::optional<std::string> version_in_code(const ElfImage& image, const RelativeRelocations& relocations,
                                           const GoLineTable& table) {
    constexpr std::array<uint8_t, 3> kCompare = {0x48, 0x83, 0x3d};
    constexpr size_t kCompareBytes = 8;
    constexpr uint64_t kMaxVersionBytes = 256;
    const auto function = table.find_name("runtime.schedinit");
    if (!function) return std::nullopt;
    const auto code = image.code_at(function->entry, std::min<uint64_t>(function->end - function->entry, 65'536));
    for (size_t at = 0; at + kCompareBytes <= code.size(); ++at) {
        if (!std::equal(kCompare.begin(), kCompare.end(), code.begin() + static_cast<ptrdiff_t>(at)) ||
            code[at + 7] != 0)
            continue;
        int32_t displacement = 0;
        std::memcpy(&displacement, code.data() + at + 3, sizeof displacement);
        const uint64_t length_address =
            function->entry + at + kCompareBytes + static_cast<uint64_t>(int64_t{displacement});
        std::array<uint64_t, 2> header{};  // address and length of the text
        if (!relocations.read(image, length_address - 8, {reinterpret_cast<uint8_t*>(header.data()), sizeof header}))
            continue;
        if (header[1] == 0 || header[1] > kMaxVersionBytes) continue;
        const auto text = image.code_at(header[0], header[1]);
        const std::string version(text.begin(), text.end());
        if (go_minor_version(version)) return version;
    }
    return std::nullopt;
}

Result<FoundGoModule> read_module(const ElfImage& image, const RelativeRelocations& relocations,
                                  const TableHeader& header, const FoundModule& module) {
    GoModuleData data{.address = module.address};
    read_ranges(module.words, data);
    WH_TRY(GoLineTable table, read_table(image, header, module, data));
    FoundGoModule found{.table = std::move(table), .data = data};
    if (auto info = read_go_build_info(image)) {
        found.build_info = *std::move(info);
    } else if (auto version = version_in_code(image, relocations, found.table)) {
        found.build_info.go_version = *std::move(version);
    } else {
        return Error{ErrorCode::kNotFound, "Go code, but which version of Go made it cannot be told"};
    }
    found.minor_version = go_minor_version(found.build_info.go_version).value_or(0);
    if (found.minor_version < 16) return Error{ErrorCode::kUnsupported, "made by a version of Go older than 1.16"};
    read_versioned(module.words, found.minor_version, found.data);
    return found;
}

}  // namespace

Result<FoundGoModule> find_go_module(const ElfImage& image) {
    const RelativeRelocations relocations = RelativeRelocations::of(image);
    Error error{ErrorCode::kNotFound, "no Go code"};
    for (const auto& search : {tables_in_sections, tables_by_scan}) {
        for (const TableHeader& table : search(image)) {
            const auto module = find_module(image, relocations, table);
            if (!module) continue;
            auto found = read_module(image, relocations, table, *module);
            if (found) return found;
            error = std::move(found).error();
        }
    }
    return error;
}

}  // namespace whoholds
