#include "symbolize/jit_codes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMaxFiles = 65'536;
constexpr uint32_t kUnused = std::numeric_limits<uint32_t>::max();

}  // namespace

// Cuts what is there out of the way first.
void JitCodes::put(uint64_t start, const Range& range) {
    auto next = ranges_.lower_bound(start);
    if (next != ranges_.begin()) {
        Range& before = std::prev(next)->second;
        const Range whole = before;
        if (whole.end > start) before.end = start;
        if (whole.end > range.end) next = ranges_.emplace_hint(next, range.end, whole);
    }
    while (next != ranges_.end() && next->first < range.end) {
        const Range covered = next->second;
        next = ranges_.erase(next);
        if (covered.end > range.end) next = ranges_.emplace_hint(next, range.end, covered);
    }
    ranges_.emplace_hint(next, start, range);
}

void JitCodes::add(uint64_t start, uint64_t size, std::string_view name, std::vector<JitLine> lines) {
    if (size == 0 || start + size < start || name.empty()) return;
    Code code{std::string(name.substr(0, kMaxNameBytes)), std::move(lines)};
    const bool fits =
        codes_.size() < limits_.codes && ranges_.size() < limits_.codes * 2 && bytes_ + code.bytes() <= limits_.bytes;
    if (!fits && !make_room()) return;
    bytes_ += code.bytes();
    codes_.push_back(std::move(code));
    put(start, {.end = start + size, .origin = start, .code = static_cast<uint32_t>(codes_.size() - 1)});
}

// Drops the codes that lie nowhere any more. Unless that frees half of the room there is none: it is dear.
bool JitCodes::make_room() {
    if (is_full_) return false;
    std::vector<uint32_t> number(codes_.size(), kUnused);
    std::vector<Code> kept;
    bytes_ = 0;
    for (auto& [start, range] : ranges_) {
        if (number[range.code] == kUnused) {
            number[range.code] = static_cast<uint32_t>(kept.size());
            bytes_ += codes_[range.code].bytes();
            kept.push_back(std::move(codes_[range.code]));
        }
        range.code = number[range.code];
    }
    codes_ = std::move(kept);
    is_full_ = codes_.size() > limits_.codes / 2 || ranges_.size() > limits_.codes || bytes_ > limits_.bytes / 2;
    return !is_full_;
}

void JitCodes::move(uint64_t old_start, uint64_t new_start, uint64_t size) {
    const Range* old = range_at(old_start);
    if (old == nullptr || size == 0 || old_start + size < old_start || new_start + size < new_start) return;
    if (ranges_.size() >= limits_.codes * 2) return;
    const Range moved{.end = new_start + size, .origin = new_start - (old_start - old->origin), .code = old->code};
    // What becomes of the old place is not said; whatever is put there takes it.
    put(new_start, moved);
}

uint32_t JitCodes::file_index(std::string_view file) {
    if (file.empty()) return 0;
    const auto known = file_numbers_.find(std::string(file));
    if (known != file_numbers_.end()) return known->second;
    if (files_.size() >= kMaxFiles) return 0;
    const auto number = static_cast<uint32_t>(files_.size());
    files_.emplace_back(file.substr(0, kMaxNameBytes));
    file_numbers_.emplace(std::string(file), number);
    return number;
}

const JitCodes::Range* JitCodes::range_at(uint64_t address) const {
    const auto after = ranges_.upper_bound(address);
    if (after == ranges_.begin()) return nullptr;
    const Range& range = std::prev(after)->second;
    return address < range.end ? &range : nullptr;
}

std::optional<JitCodes::Place> JitCodes::find(uint64_t address, uint64_t line_shift) const {
    const Range* range = range_at(address);
    if (range == nullptr) return std::nullopt;
    const Code& code = codes_[range->code];
    Place place{.name = code.name};
    const uint64_t offset = address - range->origin + line_shift;
    const auto after = std::upper_bound(code.lines.begin(), code.lines.end(), offset,
                                        [](uint64_t value, const JitLine& line) { return value < line.offset; });
    if (after != code.lines.begin()) {
        place.file = files_[std::prev(after)->file];
        place.line = std::prev(after)->line;
    }
    return place;
}

}  // namespace whoholds
