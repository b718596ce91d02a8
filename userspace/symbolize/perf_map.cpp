#include "symbolize/perf_map.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace whoholds {
namespace {

constexpr size_t kMaxLineBytes = 4096;  // more is not looked at

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

PerfMap PerfMap::parse(std::string_view text) {
    PerfMap map;
    map.append(text);
    map.append("\n");
    return map;
}

void PerfMap::add_line(std::string_view line) {
    const auto start = take_number(line);
    const auto size = start ? take_number(line) : std::nullopt;
    if (size) codes_.add(*start, *size, line);
}

void PerfMap::append(std::string_view text) {
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view piece = text.substr(0, end);
        if (end != std::string_view::npos && rest_.empty()) {
            add_line(piece);
        } else {
            rest_ += piece.substr(0, kMaxLineBytes - std::min(kMaxLineBytes, rest_.size()));
        }
        if (end == std::string_view::npos) return;
        if (!rest_.empty()) add_line(rest_);
        rest_.clear();
        text.remove_prefix(end + 1);
    }
}

std::string_view PerfMap::find(uint64_t address) const {
    const auto place = codes_.find(address);
    return place ? place->name : std::string_view();
}

}  // namespace whoholds
