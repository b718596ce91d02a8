// Which module held an address in which layout of the process, and which holds it now or, if nothing does now, was the
// last that did. Used by the symboliser.
// A layout is the time between two changes by which addresses came to mean other code; it has a number that counts up.
// Invariant: current_ is sorted and does not overlap; where a mapping took the place of another, the other one is in
// past_ with the layouts in which it was there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace whoholds {

struct ModuleMapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t file_offset = 0;
    size_t module = 0;

    bool operator==(const ModuleMapping&) const = default;
    // The same bytes of the same file at the same addresses, wherever the two begin and end.
    [[nodiscard]] bool means_the_same(const ModuleMapping& other) const {
        return module == other.module && start - file_offset == other.start - other.file_offset;
    }
};

class MappingHistory {
public:
    // What is mapped now, and the number of the layout that it belongs to. Empty mappings and those that overlap an
    // earlier one in the list are passed over. A number lower than an earlier one counts as that one.
    void update(std::vector<ModuleMapping> now, uint32_t layout = 0);

    // In this layout; 0: the latest. A layout that no update was told of (and an address that nothing held in it) is
    // answered only if the address never meant anything else. nullptr: never mapped, or not known.
    [[nodiscard]] const ModuleMapping* find(uint64_t address, uint32_t layout = 0) const;

private:
    struct Entry : ModuleMapping {
        uint32_t first_layout = 0;
        uint32_t last_layout = 0;

        [[nodiscard]] Entry part(uint64_t from, uint64_t to) const;
    };

    void keep(std::vector<Entry>& kept, const Entry& entry);
    void add_over(const Entry& fresh, std::span<const Entry> below, std::vector<Entry>& kept);
    void bound_past();
    [[nodiscard]] const Entry* find_current(uint64_t address) const;

    std::vector<Entry> current_;
    std::vector<Entry> past_;             // by start, then by last layout
    std::vector<uint64_t> past_max_end_;  // of the entries up to this one
    uint32_t latest_layout_ = 0;
    uint32_t forgotten_layout_ = 0;  // the highest in which a forgotten entry was there
};

}  // namespace whoholds
