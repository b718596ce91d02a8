// The function symbols of one module: by address, sorted once, names left in the file until they are asked for. Used by
// the symboliser.
// Invariant: reading is done in portions and goes on where it stopped; nothing is answered before all is read, because
// a symbol not read yet might fit better.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/plt.h"
#include "elf/symbol_reader.h"

namespace whoholds {

class AddressTable {
public:
    using OutOfTime = std::function<bool()>;

    // Finds the tables: of the image, of its separate debug file, of .gnu_debugdata, and of extra (a debug file from
    // elsewhere). image is passed in each time, because it may be moved between the calls; it must be the same one.
    AddressTable(const ElfImage& image, const ElfImage::SymbolOptions& options, std::optional<ElfImage> extra = {});

    // Symbols in all tables, functions or not: what read() will look at.
    [[nodiscard]] uint64_t symbols_expected() const { return symbols_expected_; }

    // True when all is read; false when out of time.
    bool read(const ElfImage& image, const OutOfTime& out_of_time);
    [[nodiscard]] bool is_read() const { return phase_ == Phase::kDone; }
    // Why a table could not be read, the first reason.
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

    // The function that covers an address of the file, as the symbol table spells it; "" when none does. A symbol
    // without a size reaches to the next one, at most to the end of its section.
    [[nodiscard]] std::string find(const ElfImage& image, uint64_t address) const;
    [[nodiscard]] size_t size() const { return entries_.size(); }

private:
    enum class Phase { kReading, kMerging, kDone };
    struct Table {
        SymbolCursor cursor;
        size_t owner = 0;  // 0: the image, else others_[owner - 1]
    };
    struct Code {
        uint64_t start = 0;
        uint64_t end = 0;
    };

    void add_tables(const ElfImage& image, size_t owner, uint32_t section_type);
    void add_code_of(const ElfImage& image);
    void add_stubs(const ElfImage& image);
    [[nodiscard]] const ElfImage& owner_of(const ElfImage& image, size_t owner) const;
    void read_portion(const ElfImage& image);
    void end_run();
    void merge_two_runs();
    [[nodiscard]] uint64_t section_end(uint64_t address) const;
    [[nodiscard]] std::string nicest_name(const ElfImage& image, size_t first, size_t last) const;

    Phase phase_ = Phase::kReading;
    std::vector<ElfImage> others_;
    std::vector<Table> tables_;
    size_t current_table_ = 0;
    std::vector<PltEntry> stubs_;
    std::vector<Code> code_;
    std::vector<NamelessSymbol> entries_;
    std::vector<size_t> runs_;  // ends of sorted stretches of entries_
    size_t symbols_allowed_ = 0;
    uint64_t symbols_expected_ = 0;
    std::optional<Error> error_;
};

}  // namespace whoholds
