#include "elf/elf_image.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>

#include "base/byte_reader.h"
#include "base/printable.h"
#include "elf/elf_source.h"

namespace whoholds {
namespace {

constexpr size_t kMaxSegments = 4096;
constexpr size_t kMaxSections = 262'144;
constexpr size_t kMaxSectionName = 4096;
constexpr size_t kMaxBuildIdBytes = 64;
constexpr size_t kMaxInterpreter = 4096;
constexpr uint64_t kMaxNoteBytes = 65'536;
constexpr uint64_t kMaxCodeRead = uint64_t{64} << 20;

Error malformed(std::string message) { return {ErrorCode::kMalformed, std::move(message)}; }

enum class Accept { kCode, kDebugInformation };

Result<GElf_Ehdr> read_header(Elf* elf, Accept accept) {
    const char* identification = ::elf_getident(elf, nullptr);
    if (identification == nullptr) return elf_error("ELF header");
    if (identification[EI_CLASS] != ELFCLASS64) return Error{ErrorCode::kUnsupported, "not a 64-bit ELF file"};
    if (identification[EI_DATA] != ELFDATA2LSB) return Error{ErrorCode::kUnsupported, "not a little-endian ELF file"};
    GElf_Ehdr header{};
    if (::gelf_getehdr(elf, &header) == nullptr) return elf_error("ELF header");
    if (header.e_machine != EM_X86_64) return Error{ErrorCode::kUnsupported, "not an ELF file for x86-64"};
    const bool is_code = header.e_type == ET_EXEC || header.e_type == ET_DYN;
    if (!is_code && (accept == Accept::kCode || header.e_type != ET_REL)) {
        return Error{ErrorCode::kUnsupported, "neither a program nor a shared library"};
    }
    return header;
}

Result<std::vector<GElf_Phdr>> read_program_headers(Elf* elf) {
    size_t count = 0;
    if (::elf_getphdrnum(elf, &count) != 0) return elf_error("program headers");
    if (count > kMaxSegments) return malformed("program headers: too many");
    std::vector<GElf_Phdr> headers(count);
    for (size_t i = 0; i < count; ++i) {
        if (::gelf_getphdr(elf, static_cast<int>(i), &headers[i]) == nullptr) return elf_error("program header");
    }
    return headers;
}

Result<std::vector<ElfSegment>> load_segments(const std::vector<GElf_Phdr>& headers) {
    std::vector<ElfSegment> segments;
    for (const GElf_Phdr& header : headers) {
        if (header.p_type != PT_LOAD) continue;
        if (header.p_vaddr + header.p_memsz < header.p_vaddr || header.p_offset + header.p_filesz < header.p_offset) {
            return malformed("program header: segment wraps around the address space");
        }
        segments.push_back({.virtual_address = header.p_vaddr,
                            .memory_size = header.p_memsz,
                            .file_offset = header.p_offset,
                            .file_size = std::min(header.p_filesz, header.p_memsz),
                            .executable = (header.p_flags & PF_X) != 0});
    }
    return segments;
}

std::optional<ElfSection> read_section(Elf* elf, Elf_Scn* scn, size_t names, uint64_t file_size) {
    GElf_Shdr header{};
    if (::gelf_getshdr(scn, &header) == nullptr) return std::nullopt;
    const bool has_bytes = header.sh_type != SHT_NOBITS && header.sh_type != SHT_NULL;
    if (has_bytes && (header.sh_offset > file_size || header.sh_size > file_size - header.sh_offset))
        return std::nullopt;
    const char* name = ::elf_strptr(elf, names, header.sh_name);
    return ElfSection{.name = name == nullptr ? "" : std::string(name, ::strnlen(name, kMaxSectionName)),
                      .index = static_cast<uint32_t>(::elf_ndxscn(scn)),
                      .type = header.sh_type,
                      .flags = header.sh_flags,
                      .address = header.sh_addr,
                      .file_offset = header.sh_offset,
                      .size = header.sh_size,
                      .link = header.sh_link,
                      .entry_size = header.sh_entsize};
}

// Damaged sections are left out: the program runs without them, and often enough we can too.
std::vector<ElfSection> read_sections(Elf* elf, uint64_t file_size) {
    size_t count = 0;
    size_t names = 0;
    if (::elf_getshdrnum(elf, &count) != 0 || count > kMaxSections) return {};
    if (::elf_getshdrstrndx(elf, &names) != 0) return {};
    std::vector<ElfSection> sections;
    for (Elf_Scn* scn = nullptr; (scn = ::elf_nextscn(elf, scn)) != nullptr;) {
        if (auto section = read_section(elf, scn, names, file_size)) sections.push_back(*std::move(section));
    }
    return sections;
}

std::string read_build_id(Elf* elf) {
    const void* bytes = nullptr;
    const ssize_t size = ::dwelf_elf_gnu_build_id(elf, &bytes);
    if (size <= 0 || static_cast<size_t>(size) > kMaxBuildIdBytes) return {};
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const uint8_t byte : std::span(static_cast<const uint8_t*>(bytes), static_cast<size_t>(size))) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

// Whether a name out of a file may become part of a path.
bool is_plain_file_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
           name.find('/') == std::string_view::npos;
}

ElfDebugLink read_debug_link(Elf* elf) {
    GElf_Word crc = 0;
    const char* name = ::dwelf_elf_gnu_debuglink(elf, &crc);
    if (name == nullptr || !is_plain_file_name({name, ::strnlen(name, 256)})) return {};
    return {.name = name, .crc = crc};
}

std::string read_interpreter(const ElfSource& source, const std::vector<GElf_Phdr>& headers) {
    for (const GElf_Phdr& header : headers) {
        if (header.p_type != PT_INTERP || header.p_filesz > kMaxInterpreter) continue;
        const std::vector<uint8_t> bytes = source.read_up_to(header.p_offset, header.p_filesz);
        return {bytes.begin(), std::find(bytes.begin(), bytes.end(), 0)};
    }
    return {};
}

// The linker's build id of Go, which stays when the section headers are cut off.
bool has_go_note(const ElfSource& source, const std::vector<GElf_Phdr>& headers) {
    constexpr uint32_t kGoBuildIdNote = 4;
    for (const GElf_Phdr& header : headers) {
        if (header.p_type != PT_NOTE) continue;
        const std::vector<uint8_t> bytes = source.read_up_to(header.p_offset, std::min(header.p_filesz, kMaxNoteBytes));
        ByteReader reader(bytes);
        while (!reader.at_end()) {
            const auto name_size = reader.u32();
            const auto content_size = reader.u32();
            const auto type = reader.u32();
            const auto name = reader.bytes(name_size.value_or(0));
            if (!reader.align(4) || !reader.skip(content_size.value_or(0)) || !reader.align(4)) break;
            constexpr std::string_view kGo("Go\0\0", 4);
            if (*type == kGoBuildIdNote && std::ranges::equal(*name, kGo)) return true;
        }
    }
    return false;
}

bool contains(uint64_t start, uint64_t size, uint64_t value) { return value >= start && value - start < size; }

}  // namespace

bool ElfSection::is_executable() const { return (flags & SHF_EXECINSTR) != 0; }

struct ElfImage::State {
    std::string path;
    ElfSource source;
    std::vector<ElfSegment> segments;
    std::vector<ElfSection> sections;
    std::string build_id;
    std::string interpreter;
    ElfDebugLink debug_link;
    uint64_t entry_address = 0;
    bool position_independent = false;
    bool go_note = false;

    static Result<std::unique_ptr<State>> read(ElfSource source, std::string path, Accept accept);
};

Result<std::unique_ptr<ElfImage::State>> ElfImage::State::read(ElfSource source, std::string path, Accept accept) {
    auto state = std::make_unique<State>();
    state->path = std::move(path);
    state->source = std::move(source);
    WH_TRY(const ElfHandle elf, state->source.handle());
    WH_TRY(const GElf_Ehdr header, read_header(elf.get(), accept));
    WH_TRY(const std::vector<GElf_Phdr> program_headers, read_program_headers(elf.get()));
    WH_TRY(state->segments, load_segments(program_headers));
    state->sections = read_sections(elf.get(), state->source.size());
    state->build_id = read_build_id(elf.get());
    state->debug_link = read_debug_link(elf.get());
    state->interpreter = read_interpreter(state->source, program_headers);
    state->go_note = has_go_note(state->source, program_headers);
    state->entry_address = header.e_entry;
    state->position_independent = header.e_type == ET_DYN;
    return state;
}

ElfImage::ElfImage(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElfImage::ElfImage(ElfImage&&) noexcept = default;
ElfImage& ElfImage::operator=(ElfImage&&) noexcept = default;
ElfImage::~ElfImage() = default;

Result<ElfImage> ElfImage::open(const std::string& path) {
    WH_TRY(ElfSource source, ElfSource::open(path));
    auto state = State::read(std::move(source), path, Accept::kCode);
    if (!state) return std::move(state).error().with_context(printable(path));
    return ElfImage(*std::move(state));
}

Result<ElfImage> ElfImage::open_shared_debug_file(const std::string& path) {
    WH_TRY(ElfSource source, ElfSource::open(path));
    auto state = State::read(std::move(source), path, Accept::kDebugInformation);
    if (!state) return std::move(state).error().with_context(printable(path));
    return ElfImage(*std::move(state));
}

Result<ElfImage> ElfImage::from_bytes(std::vector<uint8_t> bytes, const std::string& name) {
    auto state = State::read(ElfSource::from_bytes(std::move(bytes)), name, Accept::kCode);
    if (!state) return std::move(state).error().with_context(printable(name));
    return ElfImage(*std::move(state));
}

Result<ElfImage> ElfImage::reopen(const ElfImage& image) {
    WH_TRY(ElfSource source, image.source().duplicate());
    WH_TRY(auto state, State::read(std::move(source), image.path(), Accept::kDebugInformation));
    return ElfImage(std::move(state));
}

const std::string& ElfImage::path() const { return state_->path; }
const std::string& ElfImage::build_id() const { return state_->build_id; }
const std::vector<ElfSegment>& ElfImage::segments() const { return state_->segments; }
const std::vector<ElfSection>& ElfImage::sections() const { return state_->sections; }
const ElfDebugLink& ElfImage::debug_link() const { return state_->debug_link; }
const ElfSource& ElfImage::source() const { return state_->source; }
bool ElfImage::is_position_independent() const { return state_->position_independent; }
uint64_t ElfImage::entry_address() const { return state_->entry_address; }
std::string ElfImage::interpreter() const { return state_->interpreter; }

const ElfSection* ElfImage::find_section(std::string_view name) const {
    const auto found = std::find_if(state_->sections.begin(), state_->sections.end(),
                                    [name](const ElfSection& section) { return section.name == name; });
    return found == state_->sections.end() ? nullptr : &*found;
}

bool ElfImage::has_section(std::string_view name) const { return find_section(name) != nullptr; }

bool ElfImage::is_go() const {
    constexpr std::array<std::string_view, 4> kGoSections = {".go.buildinfo", ".note.go.buildid", ".gopclntab",
                                                             ".data.rel.ro.gopclntab"};
    return state_->go_note || std::any_of(kGoSections.begin(), kGoSections.end(),
                                          [this](std::string_view name) { return has_section(name); });
}

bool ElfImage::is_executable(uint64_t address) const {
    return std::any_of(state_->segments.begin(), state_->segments.end(), [address](const ElfSegment& segment) {
        return segment.executable && contains(segment.virtual_address, segment.memory_size, address);
    });
}

std::optional<uint64_t> ElfImage::offset_of(uint64_t address) const {
    for (const ElfSegment& segment : state_->segments) {
        if (contains(segment.virtual_address, segment.file_size, address)) {
            return segment.file_offset + (address - segment.virtual_address);
        }
    }
    return std::nullopt;
}

std::optional<uint64_t> ElfImage::address_of(uint64_t offset) const {
    for (const ElfSegment& segment : state_->segments) {
        if (segment.executable && contains(segment.file_offset, segment.file_size, offset)) {
            return segment.virtual_address + (offset - segment.file_offset);
        }
    }
    return std::nullopt;
}

std::vector<uint8_t> ElfImage::code_at(uint64_t address, size_t size) const {
    for (const ElfSegment& segment : state_->segments) {
        if (!contains(segment.virtual_address, segment.file_size, address)) continue;
        const uint64_t into = address - segment.virtual_address;
        const uint64_t wanted = std::min({uint64_t{size}, segment.file_size - into, kMaxCodeRead});
        return state_->source.read_up_to(segment.file_offset + into, wanted);
    }
    return {};
}

}  // namespace whoholds
