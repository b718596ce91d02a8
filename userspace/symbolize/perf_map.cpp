#include "symbolize/perf_map.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMaxEntries = 4'000'000;
constexpr size_t kMaxNameBytes = 1024;

// Takes a hexadecimal number and the blank behind it from the front.
std::optional<uint64_t> take_number(std::string_view& line) {
    if (line.starts_with("0x")) line.remove_prefix(2);
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
    const size_t length = static_cast<size_t>(end - line.data());
    if (error != std::errc() || length >= line.size() || line[length] != ' ') return std::nullopt;
    line.remove_prefix(length + 1);
    return value;
}

}  // namespace

PerfMap PerfMap::parse(std::string text) {
    PerfMap map;
    map.text_ = std::move(text);
    const std::string_view all = map.text_;
    for (size_t at = 0; at < all.size() && map.entries_.size() < kMaxEntries;) {
        const size_t line_end = std::min(all.find('\n', at), all.size());
        std::string_view line = all.substr(at, line_end - at);
        at = line_end + 1;
        const auto start = take_number(line);
        const auto size = start ? take_number(line) : std::nullopt;
        if (!size || *size == 0 || *start + *size < *start || line.empty()) continue;
        map.entries_.push_back({.start = *start,
                                .end = *start + *size,
                                .name_offset = static_cast<uint64_t>(line.data() - all.data()),
                                .name_size = static_cast<uint32_t>(std::min(line.size(), kMaxNameBytes)),
                                .line = static_cast<uint32_t>(map.entries_.size())});
    }
    std::sort(map.entries_.begin(), map.entries_.end(),
              [](const Entry& a, const Entry& b) { return std::tie(a.start, a.line) < std::tie(b.start, b.line); });
    return map;
}

std::string_view PerfMap::find(uint64_t address) const {
    // Code memory is used again: among the few entries that begin before the address the youngest one wins.
    constexpr size_t kMaxLookBack = 64;
    auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                  [](uint64_t value, const Entry& entry) { return value < entry.start; });
    const Entry* best = nullptr;
    for (size_t i = 0; i < kMaxLookBack && after != entries_.begin(); ++i) {
        --after;
        if (address < after->end && (best == nullptr || after->line > best->line)) best = &*after;
    }
    return best == nullptr ? std::string_view() : std::string_view(text_).substr(best->name_offset, best->name_size);
}

}  // namespace whoholds
