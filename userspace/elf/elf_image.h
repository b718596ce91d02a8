// An ELF file, read with libelf through bounds-checked calls. Everything in it is untrusted: sizes, counts and
// offsets are checked, reading is bounded in bytes and symbols, bad input gives a clear error.
// Used by the planner (where are the allocator's functions), by the symboliser and later by the unwinder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds {

class ElfSource;

struct ElfSegment {  // PT_LOAD; the file part may lie outside of a debug file, which has no contents there
    uint64_t virtual_address = 0;
    uint64_t memory_size = 0;
    uint64_t file_offset = 0;
    uint64_t file_size = 0;
    bool executable = false;
};

struct ElfSection {
    std::string name;
    uint32_t index = 0;
    uint32_t type = 0;   // SHT_
    uint64_t flags = 0;  // SHF_
    uint64_t address = 0;
    uint64_t file_offset = 0;
    uint64_t size = 0;  // in the file; lies inside of the file unless SHT_NOBITS
    uint32_t link = 0;
    uint64_t entry_size = 0;

    [[nodiscard]] bool is_executable() const;
};

struct ElfDebugLink {  // .gnu_debuglink
    std::string name;  // a plain file name, "" when there is none
    uint32_t crc = 0;
};

enum class ElfBinding : uint8_t { kLocal, kWeak, kGlobal };

struct ElfSymbol {           // STT_FUNC; STT_GNU_IFUNC only when asked for; defined ones only
    std::string name;        // without version suffix
    uint64_t address = 0;    // virtual address in the file
    uint64_t size = 0;       // 0 when not known
    const char* table = "";  // ".dynsym", ".symtab", "debug file", ".gnu_debugdata"
    ElfBinding binding = ElfBinding::kLocal;
};

class ElfImage {
public:
    // Opens what path names. Refuses anything but a regular file of 64-bit little-endian x86-64 ELF, with a reason.
    static Result<ElfImage> open(const std::string& path);
    // The same for what dwz makes of the debug information of several files, which is a relocatable file without code.
    static Result<ElfImage> open_shared_debug_file(const std::string& path);
    // open() for bytes in memory (vdso, unpacked debug data); name takes the place of the path.
    static Result<ElfImage> from_bytes(std::vector<uint8_t> bytes, const std::string& name);
    // A second, independent image of the same open file.
    static Result<ElfImage> reopen(const ElfImage& image);
    ElfImage(ElfImage&&) noexcept;
    ElfImage& operator=(ElfImage&&) noexcept;
    ~ElfImage();

    [[nodiscard]] const std::string& path() const;
    [[nodiscard]] const std::string& build_id() const;  // lower-case hex, "" when none
    [[nodiscard]] const std::vector<ElfSegment>& segments() const;
    [[nodiscard]] bool is_position_independent() const;  // ET_DYN
    [[nodiscard]] uint64_t entry_address() const;
    [[nodiscard]] std::string interpreter() const;  // PT_INTERP, "" when static
    [[nodiscard]] bool has_section(std::string_view name) const;
    [[nodiscard]] bool is_go() const;  // one of Go's sections or its build id note is present

    [[nodiscard]] const std::vector<ElfSection>& sections() const;
    [[nodiscard]] const ElfSection* find_section(std::string_view name) const;  // nullptr when absent
    [[nodiscard]] const ElfDebugLink& debug_link() const;
    [[nodiscard]] bool is_executable(uint64_t address) const;  // in an executable segment
    [[nodiscard]] const ElfSource& source() const;

    [[nodiscard]] std::optional<uint64_t> offset_of(uint64_t address) const;  // file offset of a virtual address
    [[nodiscard]] std::optional<uint64_t> address_of(uint64_t offset) const;  // in executable segments

    // Up to size bytes of file contents at a virtual address (fewer at the end of the segment).
    [[nodiscard]] std::vector<uint8_t> code_at(uint64_t address, size_t size) const;

    // Function symbols from .dynsym, .symtab, the separate debug file (build id under debug_roots, .gnu_debuglink with CRC)
    // and .gnu_debugdata (xz), in this order, duplicates (same name and address) once.
    struct SymbolOptions {
        std::vector<std::string> debug_roots = {"/usr/lib/debug"};
        std::string
            debug_directory;  // directory of the file as the target sees it, behind the target's root; for .gnu_debuglink
        size_t max_symbols = 8'000'000;  // looked at, in all tables together
        bool include_ifuncs = false;     // STT_GNU_IFUNC: the address is a resolver's, not the function's
    };
    Result<std::vector<ElfSymbol>> function_symbols(const SymbolOptions& options) const;
    // Cheaper: only those whose name the predicate accepts; data symbols never.
    Result<std::vector<ElfSymbol>> function_symbols(const SymbolOptions& options,
                                                    const std::function<bool(std::string_view)>& wanted) const;

private:
    struct State;
    explicit ElfImage(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
