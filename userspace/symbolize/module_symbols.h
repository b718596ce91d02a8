// What one ELF file says about its addresses: symbol table and source lines, both read when first asked for, in portions,
// and kept; for Go code the tables of Go, which are in every file and say both. Used by the symboliser; knows nothing of
// processes and mappings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "elf/debug_lines.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"
#include "symbolize/address_table.h"
#include "symbolize/work_budget.h"

namespace whoholds {

class ModuleSymbols {
public:
    // name: for people.
    ModuleSymbols(ElfImage image, ElfImage::SymbolOptions options, std::string name)
        : image_(std::move(image)), options_(std::move(options)), name_(std::move(name)) {}

    [[nodiscard]] const ElfImage& image() const { return image_; }

    struct Answer {
        std::vector<SourceFrame> frames;  // at least one; innermost first, the last is the function itself
        bool complete = true;             // false: the budget ended before everything was found
        // Of Go code, whose names are as people write them; nullptr: of other code. See go_origin.h.
        const std::vector<std::string>* own_go_modules = nullptr;
    };
    Answer find(uint64_t address, WorkBudget& budget);

    // No source lines are to be had here: a debug file from elsewhere would help.
    [[nodiscard]] bool lacks_lines() const { return lines_state_ == Lines::kNone && notes_about_lines_.empty(); }
    // One from elsewhere; what is not the debug file of this image is refused with a note.
    void add_debug_file(Result<ElfImage> file);

    // What could not be read, or not yet, without the module's name.
    [[nodiscard]] std::vector<std::string> notes() const;

private:
    enum class Lines { kUnknown, kWaiting, kReading, kNone };

    bool open_go(WorkBudget& budget);  // false: not in this batch
    bool read_table(WorkBudget& budget);
    bool open_lines(WorkBudget& budget);  // false: not in this batch
    void find_lines_file();
    bool find_lines(uint64_t address, WorkBudget& budget, Answer& answer);
    // Says once that something takes long.
    void say_if_slow(WorkBudget& budget, uint64_t expected_ms, const std::string& what, uint64_t size_bytes);

    ElfImage image_;
    ElfImage::SymbolOptions options_;
    std::string name_;
    std::optional<GoCode> go_;
    std::vector<std::string> own_go_modules_;
    bool go_is_wanted_ = true;
    std::optional<AddressTable> table_;
    std::optional<AddressTable> next_table_;  // being read; takes the place of table_ then
    std::optional<ElfImage> added_file_;      // not yet read
    bool table_is_wanted_ = true;
    std::optional<ElfImage> lines_file_;  // found, not yet opened by libdw
    uint64_t lines_bytes_ = 0;
    std::optional<DebugLines> lines_;
    Lines lines_state_ = Lines::kUnknown;
    uint64_t work_ms_ = 0;
    bool said_slow_ = false;
    std::vector<std::string> notes_;
    std::vector<std::string> notes_about_lines_;
};

}  // namespace whoholds
