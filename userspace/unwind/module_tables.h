// ModuleTables: one unwind table for each file, whichever processes map it. Kept for good: a library that is unloaded may come back.
// A file is told by device, inode, size and times, and not by its build id: that is what the file says of itself, and a file
// of a hostile container could give its table to another container's process.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "proc/process.h"
#include "unwind/process_code.h"
#include "unwind/rule_table.h"
#include "unwind/unwind_arena.h"

namespace whoholds {

class ModuleTables {
public:
    // rules: WH_UNWIND_RULES of them. Both live as long as this does.
    ModuleTables(std::span<wh_unwind_rule> rules, UnwindArena::AddSegment add_segment);

    // Opens the file of a mapping, or what the vdso's holds.
    using OpenImage = std::function<Result<ElfImage>(const Mapping& mapping)>;

    // The module's number in modules(). Builds its table when it is seen first; a file that cannot be read has no table,
    // and a sentence in notes().
    size_t module_of(const Mapping& mapping, const OpenImage& open);

    [[nodiscard]] std::span<const UnwindModule> modules() const { return modules_; }

    struct Statistics {
        size_t files = 0;  // that have a table
        uint64_t rows = 0;
        uint64_t bytes = 0;  // of index and rows
        size_t rules = 0;
    };
    [[nodiscard]] Statistics statistics() const;
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

private:
    using Identity = std::tuple<uint64_t, uint64_t, uint64_t, int64_t, int64_t>;
    UnwindModule build(const ElfImage& image, const std::string& path);
    void note(const std::string& path, const std::string& sentence);

    RuleTable rules_;
    UnwindArena arena_;
    std::vector<UnwindModule> modules_;
    absl::flat_hash_map<Identity, size_t> module_by_identity_;
    Statistics statistics_;
    std::vector<std::string> notes_;
};

}  // namespace whoholds
