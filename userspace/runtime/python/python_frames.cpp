#include "runtime/python/python_frames.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr size_t kMaxCodes = 200'000;
constexpr size_t kMaxPlaces = 2'000'000;
constexpr uint64_t kFlags = WH_FRAME_PYTHON | WH_FRAME_PYTHON_ENTRY | WH_FRAME_PYTHON_CUT;

}  // namespace

bool is_python_word(uint64_t frame) { return frame >> 59 == 1; }

uint32_t PythonFrames::code_of(uint64_t address, uint64_t identity) {
    const std::pair key{address, identity};
    if (const auto known = code_numbers_.find(key); known != code_numbers_.end()) return known->second;
    if (codes_.size() >= kMaxCodes) return 0;
    auto code = read_(address, identity);
    if (!code) return 0;
    const auto number = static_cast<uint32_t>(codes_.size());
    codes_.push_back({*std::move(code), {}});
    code_numbers_.emplace(key, number);
    return number;
}

std::optional<std::vector<uint64_t>> PythonFrames::resolve(std::span<const uint64_t> frames) {
    const auto first = std::ranges::find_if(frames, is_python_word);
    if (first == frames.end()) return std::nullopt;
    std::vector<uint64_t> resolved(frames.begin(), first);
    for (size_t at = resolved.size(); at < frames.size() && is_python_word(frames[at]); ++at) {
        const uint64_t address = WH_FRAME_PYTHON_VALUE(frames[at]);
        const uint64_t flags = frames[at] & kFlags;
        if (address == 0) {
            resolved.push_back(flags);
            continue;
        }
        if (++at == frames.size() || !is_python_word(frames[at])) break;
        const uint32_t number = code_of(address, WH_PYTHON_PLACE_IDENTITY(frames[at]));
        Code& code = codes_[number];
        if (code.code.is_internal) continue;
        const int line = number == 0 ? 0 : code.code.line_at(frames[at] & WH_PYTHON_INSTRUCTION_MASK);
        const bool has_room = number != 0 && places_.size() < kMaxPlaces;
        if (!has_room) unnamed_++;
        const auto [place, is_new] =
            code.place_of_line.try_emplace(line, has_room ? static_cast<uint32_t>(places_.size()) : 0);
        if (is_new && has_room) places_.push_back({number, line});
        // From 1 on, as a word without a number is a mere mark.
        resolved.push_back(flags | (uint64_t{place->second} + 1));
    }
    return resolved;
}

PythonPlace PythonFrames::place(uint64_t word) const {
    const uint64_t number = WH_FRAME_PYTHON_VALUE(word);
    if (number <= 1 || number > places_.size()) return {};
    const Place& found = places_[number - 1];
    const PythonCode& code = codes_[found.code].code;
    return {code.file, code.name, found.line};
}

bool PythonFrames::is_evaluator(uint64_t address) const {
    return std::ranges::any_of(evaluator_, [&](const PythonRange& range) { return range.holds(address); });
}

}  // namespace whoholds
