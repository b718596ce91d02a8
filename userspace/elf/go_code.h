// The Go code of one ELF file: which version of Go made it, its functions with lines and inlined calls, where its data is.
// Used by the symboliser and by the readers of Go's runtime (runtime/go/). Works for stripped files, PIEs and libraries.
// Invariant: everything comes from the file, by virtual addresses of the file; no process is needed. The image is passed in
// each time, because it may be moved between the calls; it must be the same one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/debug_lines.h"
#include "elf/elf_image.h"
#include "elf/go_build_info.h"
#include "elf/go_line_table.h"

namespace whoholds {

// What the runtime's own description of the module (moduledata) says.
struct GoModuleData {
    uint64_t address = 0;
    uint64_t table = 0;  // of functions
    uint64_t table_end = 0;
    uint64_t text = 0;
    uint64_t text_end = 0;
    uint64_t data = 0;             // from the first initialised byte ...
    uint64_t initialised_end = 0;  // ... to the last one,
    uint64_t data_end = 0;         // and to the last zeroed one
    struct Range {
        uint64_t start = 0;
        uint64_t end = 0;
    };
    std::array<Range, 2> pointer_data;  // variables that may have pointers: initialised ones, zeroed ones
    uint64_t function_data = 0;
    uint64_t types = 0;
    uint64_t types_end = 0;
};

class GoCode {
public:
    // kNotFound if the file has no Go code; kUnsupported for versions before 1.16.
    static Result<GoCode> open(const ElfImage& image);

    [[nodiscard]] const GoBuildInfo& build_info() const { return build_info_; }
    [[nodiscard]] unsigned minor_version() const { return minor_version_; }
    [[nodiscard]] const GoModuleData& module_data() const { return module_data_; }
    [[nodiscard]] const GoLineTable& table() const { return table_; }

    [[nodiscard]] bool covers(uint64_t address) const {
        return address >= module_data_.text && address < module_data_.text_end;
    }
    // The frames at an address, the innermost inlined call first, the function itself last; empty when it is not in a
    // Go function. Wrappers that the compiler made are left out where another frame stands for them.
    [[nodiscard]] std::vector<SourceFrame> frames(const ElfImage& image, uint64_t address) const;
    // The functions of which calls are inlined into this one.
    [[nodiscard]] std::vector<std::string> inlined_functions(const ElfImage& image, const GoFunction& function) const;
    // A function that the compiler made, which Go's own tracebacks leave out.
    [[nodiscard]] bool is_wrapper(uint8_t function_kind) const;

private:
    GoCode(GoLineTable table, GoModuleData module_data) : table_(std::move(table)), module_data_(module_data) {}

    GoLineTable table_;
    GoModuleData module_data_;
    GoBuildInfo build_info_;
    unsigned minor_version_ = 0;
};

// As Go's own tracebacks show it: "slices.Sort[go.shape.[]int,go.shape.int]" -> "slices.Sort[...]"; and without the
// linker's escapes: "gopkg.in/yaml%2ev3.Marshal" -> "gopkg.in/yaml.v3.Marshal".
std::string readable_go_name(std::string_view name);

}  // namespace whoholds
