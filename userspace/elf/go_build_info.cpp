#include "elf/go_build_info.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/byte_reader.h"
#include "elf/elf_source.h"
#include "elf/relative_relocations.h"

namespace whoholds {
namespace {

constexpr std::string_view kMagic("\xff Go buildinf:", 14);
constexpr size_t kAlignment = 16;
constexpr size_t kHeaderBytes = 32;
constexpr uint64_t kMaxSearchedBytes = uint64_t{64} << 20;
constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr size_t kMaxModules = 20'000;
constexpr uint8_t kBigEndian = 1;
constexpr uint8_t kTextFollows = 2;  // since Go 1.18; before, pointers to strings

bool starts_with_magic(std::span<const uint8_t> bytes) {
    return bytes.size() >= kHeaderBytes && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

std::optional<uint64_t> find_magic(const ElfImage& image, uint64_t address, uint64_t size) {
    constexpr size_t kPortion = size_t{1} << 20;
    const uint64_t skip = (kAlignment - address % kAlignment) % kAlignment;
    for (uint64_t into = skip; into < std::min(size, kMaxSearchedBytes); into += kPortion) {
        const std::vector<uint8_t> bytes = image.code_at(address + into, kPortion + kHeaderBytes);
        for (size_t at = 0; at + kHeaderBytes <= bytes.size() && at < kPortion; at += kAlignment) {
            if (starts_with_magic(std::span(bytes).subspan(at))) return address + into + at;
        }
        if (bytes.empty()) break;
    }
    return std::nullopt;
}

std::optional<uint64_t> find_block(const ElfImage& image) {
    if (const ElfSection* section = image.find_section(".go.buildinfo")) {
        if (const auto found = find_magic(image, section->address, section->size)) return found;
    }
    for (const ElfSegment& segment : image.segments()) {
        if (segment.executable) continue;
        if (const auto found = find_magic(image, segment.virtual_address, segment.file_size)) return found;
    }
    return std::nullopt;
}

// A string behind the header: its length in Go's variable form, then its bytes.
std::optional<std::string> next_text(ByteReader& reader) {
    const auto length = reader.uleb128();
    if (!length || *length > kMaxTextBytes) return std::nullopt;
    const auto bytes = reader.bytes(*length);
    if (!bytes) return std::nullopt;
    return std::string(bytes->begin(), bytes->end());
}

// A string behind two pointers: to a string's header (address and length), and from there.
std::optional<std::string> text_behind(const ElfImage& image, uint64_t pointer_address) {
    const RelativeRelocations relocations = RelativeRelocations::of(image);
    const auto word = [&](uint64_t address) -> std::optional<uint64_t> {
        uint64_t value = 0;
        if (!relocations.read(image, address, {reinterpret_cast<uint8_t*>(&value), sizeof value})) return std::nullopt;
        return value;
    };
    const auto header = word(pointer_address);
    const auto start = header ? word(*header) : std::nullopt;
    const auto length = header && *header <= UINT64_MAX - 8 ? word(*header + 8) : std::nullopt;
    if (!start || !length || *length > kMaxTextBytes) return std::nullopt;
    const std::vector<uint8_t> bytes = image.code_at(*start, *length);
    if (bytes.size() != *length) return std::nullopt;
    return std::string(bytes.begin(), bytes.end());
}

std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> fields;
    while (fields.size() < 4) {
        const size_t tab = line.find('\t');
        fields.push_back(line.substr(0, tab));
        if (tab == std::string_view::npos) break;
        line.remove_prefix(tab + 1);
    }
    return fields;
}

void parse_line(std::string_view line, GoBuildInfo& info) {
    const std::vector<std::string_view> fields = fields_of(line);
    if (fields.size() < 2) return;
    const GoModuleVersion module{std::string(fields[1]), fields.size() > 2 ? std::string(fields[2]) : std::string()};
    if (fields[0] == "path") info.main_package = fields[1];
    if (fields[0] == "mod") info.main_module = module;
    if (fields[0] == "dep" && info.dependencies.size() < kMaxModules) info.dependencies.push_back(module);
    // What stands in for the module of the line before.
    if (fields[0] == "=>" && !info.dependencies.empty()) info.dependencies.back().version = module.version;
    const size_t equals = fields[1].find('=');
    if (fields[0] == "build" && equals != std::string_view::npos && info.settings.size() < kMaxModules)
        info.settings.emplace_back(fields[1].substr(0, equals), fields[1].substr(equals + 1));
}

}  // namespace

std::optional<unsigned> go_minor_version(std::string_view go_version) {
    constexpr std::string_view kPrefix = "go1.";
    for (size_t at = go_version.find(kPrefix); at != std::string_view::npos; at = go_version.find(kPrefix, at + 1)) {
        if (at > 0 && go_version[at - 1] != ' ') continue;
        unsigned minor = 0;
        size_t digits = 0;
        for (const char c : go_version.substr(at + kPrefix.size())) {
            if (c < '0' || c > '9' || digits == 3) break;
            minor = minor * 10 + static_cast<unsigned>(c - '0');
            ++digits;
        }
        if (digits > 0) return minor;
    }
    return std::nullopt;
}

void parse_go_modules(std::string_view text, GoBuildInfo& info) {
    // 16 bytes before and after it mark the text, so that it can be found in memory.
    constexpr size_t kMark = 16;
    if (text.size() >= 2 * kMark + 1 && text[text.size() - kMark - 1] == '\n')
        text = text.substr(kMark, text.size() - 2 * kMark);
    while (!text.empty()) {
        const size_t end = text.find('\n');
        parse_line(text.substr(0, end), info);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
}

Result<GoBuildInfo> read_go_build_info(const ElfImage& image) {
    const auto address = find_block(image);
    if (!address) return Error{ErrorCode::kNotFound, "no Go build information"};
    const std::vector<uint8_t> bytes = image.code_at(*address, kHeaderBytes + 2 * kMaxTextBytes);
    if (bytes.size() < kHeaderBytes || (bytes[15] & kBigEndian) != 0) {
        return Error{ErrorCode::kMalformed, "Go build information: cut short"};
    }
    std::optional<std::string> version;
    std::optional<std::string> modules;
    if ((bytes[15] & kTextFollows) != 0) {
        ByteReader reader(bytes);
        reader.seek(kHeaderBytes);
        version = next_text(reader);
        modules = next_text(reader);
    } else {
        version = text_behind(image, *address + 16);
        modules = text_behind(image, *address + 24);
    }
    if (!version || !go_minor_version(*version)) {
        return Error{ErrorCode::kMalformed, "Go build information: names no version of Go"};
    }
    GoBuildInfo info{.go_version = *std::move(version)};
    parse_go_modules(modules.value_or(""), info);
    return info;
}

}  // namespace whoholds
