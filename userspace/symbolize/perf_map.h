// /tmp/perf-PID.map: the names that a JIT (node, java, python) gives to the code it made. Written by the target, so
// anything may stand in it. Used by the symboliser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

class PerfMap {
public:
    // Lines "START SIZE NAME" in hexadecimal; others are passed over. At most 4 million, names cut at 1,024 bytes.
    static PerfMap parse(std::string text);

    // The code that covers the address, the youngest if several do; "" when none. Valid as long as the map.
    [[nodiscard]] std::string_view find(uint64_t address) const;
    [[nodiscard]] size_t size() const { return entries_.size(); }

private:
    struct Entry {
        uint64_t start = 0;
        uint64_t end = 0;
        uint64_t name_offset = 0;
        uint32_t name_size = 0;
        uint32_t line = 0;
    };
    std::vector<Entry> entries_;  // by start, then by line
    std::string text_;
};

}  // namespace whoholds
