// What one ELF file says about its addresses: symbol table and source lines, both read when first asked for and kept.
// Used by the symboliser; knows nothing of processes and mappings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "elf/debug_lines.h"
#include "elf/elf_image.h"
#include "symbolize/address_table.h"
#include "symbolize/work_budget.h"

namespace whoholds {

class ModuleSymbols {
public:
    ModuleSymbols(ElfImage image, ElfImage::SymbolOptions options)
        : image_(std::move(image)), options_(std::move(options)) {}

    [[nodiscard]] const ElfImage& image() const { return image_; }

    struct Answer {
        std::vector<SourceFrame> frames;  // at least one; innermost first, the last is the function itself
        bool complete = true;             // false: the budget ended before the lines were found
    };
    Answer find(uint64_t address, WorkBudget& budget);

    // What could not be read, without the module's name.
    [[nodiscard]] std::vector<std::string> notes() const;

private:
    enum class Lines { kUnknown, kWaiting, kReading, kNone };

    void read_table();
    bool open_lines(WorkBudget& budget);  // false: not in this batch

    ElfImage image_;
    ElfImage::SymbolOptions options_;
    std::optional<AddressTable> table_;
    std::optional<ElfImage> lines_file_;  // found, not yet opened by libdw
    std::optional<DebugLines> lines_;
    Lines lines_state_ = Lines::kUnknown;
    std::vector<std::string> notes_;
};

}  // namespace whoholds
