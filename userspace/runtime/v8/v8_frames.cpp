#include "runtime/v8/v8_frames.h"

#include <algorithm>

#include "bpf/shared/records.h"

namespace whoholds {
namespace {

constexpr size_t kMaxFunctions = 200'000;
constexpr size_t kMaxPlaces = 2'000'000;
constexpr size_t kMaxScripts = 50'000;
constexpr size_t kMaxLinesKept = 32 << 20;
constexpr size_t kMaxCodes = 20'000;

bool is_own_frame(uint64_t frame) { return frame >> 57 == 1; }

}  // namespace

bool is_v8_word(uint64_t frame) { return frame >> 58 == 1; }

std::vector<uint64_t> without_v8_words(std::span<const uint64_t> frames) {
    std::vector<uint64_t> native;
    for (const uint64_t frame : frames)
        if (!is_v8_word(frame)) native.push_back(is_own_frame(frame) ? frame & ~WH_FRAME_V8_OWN : frame);
    return native;
}

bool V8Frames::is_own_code(uint64_t address) const {
    return std::ranges::any_of(own_code_, [&](const V8Range& range) { return range.holds(address); });
}

// at: the frame's program counter, then the last word that belongs to it. nullopt: it runs no function of JavaScript.
std::optional<V8Frames::Seen> V8Frames::take(std::span<const uint64_t> frames, size_t& at, uint32_t tid) {
    const auto word = [&](size_t ahead) { return at + ahead < frames.size() ? frames[at + ahead] : 0; };
    if (is_v8_word(word(0)) || !is_v8_word(word(1)) || !is_v8_word(word(2))) return std::nullopt;
    Seen seen{.pc = word(0),
              .shared = WH_FRAME_V8_VALUE(word(1)),
              .identity = WH_V8_PLACE_IDENTITY(word(2)),
              .offset = word(2) & WH_V8_OFFSET_MASK,
              .tid = tid};
    const bool has_code = (word(1) & WH_FRAME_V8_CODE) != 0 && is_v8_word(word(3)) && is_v8_word(word(4));
    if (has_code) {
        seen.code = WH_FRAME_V8_VALUE(word(3));
        seen.code_identity = word(4) & (WH_FRAME_V8 - 1);
    }
    at += has_code ? 4 : 2;
    return seen;
}

std::optional<std::vector<uint64_t>> V8Frames::resolve(std::span<const uint64_t> frames, uint32_t tid) {
    if (std::ranges::none_of(frames, is_v8_word)) return std::nullopt;
    std::vector<uint64_t> resolved;
    bool has_function = false;
    for (size_t at = 0; at < frames.size(); at++) {
        if (const auto seen = take(frames, at, tid)) {
            has_function = true;
            add_places(*seen, resolved);
        } else if (const uint64_t frame = frames[at]; !is_v8_word(frame) && !is_own_frame(frame)) {
            const uint64_t call = (frame & ~WH_FRAME_EXACT) - ((frame & WH_FRAME_EXACT) != 0 ? 0 : 1);
            if (!has_function || !is_own_code(call)) resolved.push_back(frame);
        }
    }
    return resolved;
}

void V8Frames::add_places(const Seen& seen, std::vector<uint64_t>& words) {
    const uint32_t number = function_of(seen.shared, seen.identity, seen.tid);
    if (number == 0) return add(0, 0, words);
    if (!is_own_code(seen.pc - 1)) return add_compiled(seen, number, words);
    const auto& positions = functions_[number].read.positions;
    // Offsets are those in the object, whose tagged address they are added to.
    const int64_t offset = static_cast<int64_t>(seen.offset) - (heap_.layout().bytecode_data - 1);
    const bool is_known = seen.offset != WH_V8_NO_OFFSET && offset >= 0;
    add(number, is_known ? line_of(number, v8_position_at(positions, offset)) : 0, words);
}

void V8Frames::add_compiled(const Seen& seen, uint32_t function, std::vector<uint64_t>& words) {
    const V8Code* code = code_of(seen, function);
    if (!code || !code->holds_return(seen.pc)) return add(function, 0, words);
    if (!code->is_baseline) return add_optimized(seen, function, *code, words);
    const auto bytecode = v8_bytecode_of(code->compiled, seen.pc - code->start);
    const auto& positions = functions_[function].read.positions;
    add(function, bytecode ? line_of(function, v8_position_at(positions, *bytecode)) : 0, words);
}

void V8Frames::add_optimized(const Seen& seen, uint32_t function, const V8Code& code, std::vector<uint64_t>& words) {
    auto position = v8_call_position(code, seen.pc);
    const size_t before = words.size();
    int depth = position ? position->inlined_at : -1;
    while (position && depth >= 0) {
        if (static_cast<size_t>(depth) >= code.inlined.size()) break;
        const V8InlinedCall& call = code.inlined[static_cast<size_t>(depth)];
        const bool is_known = call.function >= 0 && static_cast<size_t>(call.function) < code.functions.size();
        const uint32_t inlined =
            is_known ? function_at(code.functions[static_cast<size_t>(call.function)], seen.tid) : 0;
        if (inlined == 0) break;
        add(inlined, line_of(inlined, position), words);
        position = call.position;
        const int outer = position ? position->inlined_at : -1;
        if (outer >= depth) break;
        depth = outer;
    }
    const bool is_whole = position && position->inlined_at < 0;
    if (!is_whole) words.resize(before);
    add(function, is_whole ? line_of(function, position) : 0, words);
}

void V8Frames::add(uint32_t function, int line, std::vector<uint64_t>& words) {
    const bool has_room = function != 0 && places_.size() < kMaxPlaces;
    (has_room ? named_ : unnamed_)++;
    words.push_back(WH_FRAME_V8 | place_of(function, line, has_room));
}

uint32_t V8Frames::place_of(uint32_t function, int line, bool has_room) {
    const auto [place, is_new] =
        functions_[function].place_of_line.try_emplace(line, has_room ? static_cast<uint32_t>(places_.size()) : 0);
    if (is_new && has_room) places_.push_back({function, line});
    return place->second;
}

// It begins among the positions of the function that it was made in, which are fewer than those of functions around that.
std::optional<uint64_t> V8Frames::line_made_at(uint64_t shared, std::span<const uint64_t> words) {
    const auto ids = read_v8_function_ids(heap_, shared);
    const auto start = read_v8_start(heap_, shared);
    if (!ids || !start) return std::nullopt;
    uint32_t maker = 0;
    uint32_t least_characters = 0;
    for (const uint64_t word : words) {
        const uint64_t number = is_v8_word(word) ? WH_FRAME_V8_VALUE(word) : 0;
        if (number == 0 || number >= places_.size()) continue;
        const uint32_t function = places_[number].function;
        const V8Function& one = functions_[function].read;
        if (one.positions.empty() || one.script_id != ids->script_id || one.literal_id == ids->literal_id) continue;
        const auto [first, last] = std::ranges::minmax(one.positions, {}, &V8Position::script);
        if (*start <= first.script || *start > last.script) continue;
        const uint32_t characters = last.script - first.script;
        if (maker != 0 && characters >= least_characters) continue;
        maker = function;
        least_characters = characters;
    }
    if (maker == 0 || places_.size() >= kMaxPlaces) return std::nullopt;
    const int line = scripts_[functions_[maker].script].line_of(*start);
    if (line == 0) return std::nullopt;
    return WH_FRAME_V8 | place_of(maker, line, true);
}

int V8Frames::line_of(uint32_t function, const std::optional<V8Position>& position) const {
    return position ? scripts_[functions_[function].script].line_of(position->script) : 0;
}

// Without what the frame's function runs now, it may run the code of the baseline compiler, which does not change.
const V8Code* V8Frames::code_of(const Seen& seen, uint32_t function) {
    const std::pair key{seen.code_identity, function};
    if (seen.code_identity != 0)
        if (const auto known = codes_.find(key); known != codes_.end()) return &known->second;
    uint64_t address = seen.code;
    if (seen.code_identity == 0) {
        const auto now = read_v8_function_ids(heap_, seen.shared);
        if (!now || now->identity(seen.tid) != seen.identity) return nullptr;
        const auto data = heap_.word(seen.shared + heap_.layout().shared_data);
        const auto object = data ? heap_.object(*data) : Result<uint64_t>(no_v8_object());
        if (!object) return nullptr;
        address = *object;
    }
    auto read = read_v8_code(heap_, address, bytecode_sizes_);
    if (!read || !read->holds_return(seen.pc)) return nullptr;
    const bool is_it = seen.code_identity == 0 ? read->is_baseline : read->identity() == seen.code_identity;
    if (!is_it) return nullptr;
    if (seen.code_identity != 0 && codes_.size() < kMaxCodes)
        return &codes_.emplace(key, *std::move(read)).first->second;
    other_code_ = *std::move(read);
    return &*other_code_;
}

uint32_t V8Frames::script_of(const V8Function& function, uint32_t tid) {
    const std::pair key{tid, function.script_id};
    if (const auto known = script_numbers_.find(key); known != script_numbers_.end()) return known->second;
    if (scripts_.size() >= kMaxScripts) return 0;
    auto script = read_v8_script(heap_, function.script);
    if (!script || script->id != function.script_id) return 0;
    if (lines_kept_ + script->line_ends.size() > kMaxLinesKept) script->line_ends = {};
    lines_kept_ += script->line_ends.size();
    const auto number = static_cast<uint32_t>(scripts_.size());
    scripts_.push_back(*std::move(script));
    script_numbers_.emplace(key, number);
    return number;
}

uint32_t V8Frames::function_of(uint64_t shared, uint64_t identity, uint32_t tid) {
    if (const auto known = function_numbers_.find(identity); known != function_numbers_.end()) return known->second;
    if (functions_.size() >= kMaxFunctions) return 0;
    auto read = read_v8_function(heap_, shared);
    if (!read || read->identity(tid) != identity) return 0;
    const uint32_t script = script_of(*read, tid);
    if (script == 0) return 0;
    read->bytecodes = {};
    const auto number = static_cast<uint32_t>(functions_.size());
    functions_.push_back({*std::move(read), script, tid, {}});
    function_numbers_.emplace(identity, number);
    return number;
}

uint32_t V8Frames::function_at(uint64_t shared, uint32_t tid) {
    const auto ids = read_v8_function_ids(heap_, shared);
    return ids ? function_of(shared, ids->identity(tid), tid) : 0;
}

V8Place V8Frames::place(uint64_t word) const {
    const uint64_t number = WH_FRAME_V8_VALUE(word);
    if (number == 0 || number >= places_.size()) return {};
    const Place& found = places_[number];
    const Function& function = functions_[found.function];
    const std::string name = function.read.name.empty() ? "(anonymous)" : function.read.name;
    return {scripts_[function.script].file, function.read.is_constructor ? "new " + name : name, found.line};
}

}  // namespace whoholds
