// Which module holds an address, now or, if nothing does now, the last that did. Used by the symboliser.
// Invariant: entries are sorted and do not overlap; what is mapped now hides what was mapped before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace whoholds {

struct ModuleMapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t file_offset = 0;
    size_t module = 0;

    bool operator==(const ModuleMapping&) const = default;
};

class MappingHistory {
public:
    // True if an address may now belong to another module than before. Empty mappings and those that overlap an
    // earlier one in the list are passed over.
    bool update(std::vector<ModuleMapping> now);
    [[nodiscard]] const ModuleMapping* find(uint64_t address) const;  // nullptr: never mapped

private:
    std::vector<ModuleMapping> entries_;
};

}  // namespace whoholds
