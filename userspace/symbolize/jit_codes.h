// What a JIT made: pieces of code with a name and perhaps lines, and where they are. Filled by PerfMap and JitDump.
// Invariant: the ranges do not overlap; what is added takes the place of what was there. What lies nowhere any more is
// dropped when room is needed, so memory is bounded by the live code, and by limits.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

struct JitLine {
    uint64_t offset = 0;  // of the first byte, within the code
    uint32_t file = 0;    // of JitCodes::file_index
    uint32_t line = 0;
};

class JitCodes {
public:
    static constexpr size_t kMaxNameBytes = 1024;
    struct Limits {
        size_t codes = 1'000'000;
        size_t bytes = size_t{128} << 20;  // of names and lines
    };
    JitCodes() = default;
    explicit JitCodes(Limits limits) : limits_(limits) {}

    // lines: sorted by offset. Code without a name or size, or that wraps around the address space, is passed over.
    void add(uint64_t start, uint64_t size, std::string_view name, std::vector<JitLine> lines = {});
    // The code at old_start was copied to new_start.
    void move(uint64_t old_start, uint64_t new_start, uint64_t size);
    // A number for a file's name in JitLine. All names beyond a bound get that of "".
    uint32_t file_index(std::string_view file);

    struct Place {  // views are valid until the next change
        std::string_view name;
        std::string_view file;  // "" when not known
        uint32_t line = 0;      // 0 when not known
    };
    // line_shift: by how much the offsets of all lines are too high.
    [[nodiscard]] std::optional<Place> find(uint64_t address, uint64_t line_shift = 0) const;
    [[nodiscard]] size_t size() const { return ranges_.size(); }
    [[nodiscard]] bool is_full() const { return is_full_; }  // something was left out

private:
    struct Code {
        std::string name;
        std::vector<JitLine> lines;

        [[nodiscard]] size_t bytes() const { return name.size() + lines.size() * sizeof(JitLine); }
    };
    struct Range {
        uint64_t end = 0;
        uint64_t origin = 0;  // where its code begins or would begin
        uint32_t code = 0;
    };

    void put(uint64_t start, const Range& range);
    bool make_room();
    [[nodiscard]] const Range* range_at(uint64_t address) const;

    Limits limits_;
    std::map<uint64_t, Range> ranges_;  // by start
    std::vector<Code> codes_;
    std::vector<std::string> files_ = {""};
    absl::flat_hash_map<std::string, uint32_t> file_numbers_;
    size_t bytes_ = 0;
    bool is_full_ = false;
};

}  // namespace whoholds
