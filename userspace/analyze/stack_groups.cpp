#include "analyze/stack_groups.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>

#include "analyze/headline.h"
#include "bpf/shared/resource_kinds.h"
#include "symbolize/python_origin.h"

namespace whoholds {

namespace {

constexpr std::string_view kJit = "[jit]";

// Lengths go before texts, so that no two sequences give the same key.
void append_text(std::string& key, std::string_view text) {
    key += std::to_string(text.size());
    key += ':';
    key += text;
}

void append_number(std::string& key, uint64_t number) {
    key += std::to_string(number);
    key += ';';
}

void add(Amount& to, const Amount& what) {
    to.count += what.count;
    to.bytes += what.bytes;
}

void add(ProfileStack& to, const ProfileStack& what) {
    add(to.held, what.held);
    add(to.all_held, what.all_held);
    add(to.acquired, what.acquired);
    add(to.released, what.released);
    add(to.lost, what.lost);
    to.oldest_ns = std::min(to.oldest_ns, what.oldest_ns);
}

constexpr uint64_t kFlags = WH_FRAME_EXACT | FrameReader::kFirstOfCreator;

std::vector<Frame> symbolize(uint64_t frame, uint32_t layout, const FrameReader& reader) {
    const PythonFrames* python = reader.python;
    if (python && is_python_word(frame)) return {python_frame(frame, *python)};
    if (reader.v8 && is_v8_word(frame)) return {v8_frame(frame, *reader.v8)};
    if (frame == FrameReader::kLeftOut) {
        Frame left_out;
        left_out.function = "(creators in between are left out)";
        left_out.created_by = true;
        return {left_out};
    }
    auto frames = reader.symbolizer.symbolize(frame & ~kFlags, !(frame & WH_FRAME_EXACT), layout);
    if (!frames.empty()) frames.front().created_by = (frame & FrameReader::kFirstOfCreator) != 0;
    if (python)
        for (Frame& one : frames)
            one.script = python->is_interpreter(frame & ~kFlags) ? ScriptOrigin::kInterpreter
                                                                 : python_origin_of_module(one.module);
    if (reader.v8 && reader.v8->is_own_code(frame & ~kFlags))
        for (Frame& one : frames) one.script = ScriptOrigin::kInterpreter;
    return frames;
}

// How V8 calls a function of Node's, which it does in other ways when the caller was optimized.
bool is_call_out_of_v8(uint64_t frame, uint32_t layout, Symbolizer& symbolizer) {
    const auto frames = symbolizer.symbolize(frame & ~kFlags, !(frame & WH_FRAME_EXACT), layout);
    if (frames.empty()) return false;
    const std::string& name = frames.back().function;
    return name.starts_with("v8::internal::") && (name.find("HandleApi") != std::string::npos ||
                                                  name.find("FunctionCallbackArguments::") != std::string::npos);
}

void leave_out_calls_out_of_v8(std::vector<uint64_t>& frames, uint32_t layout, Symbolizer& symbolizer) {
    const auto function = std::ranges::find_if(frames, is_v8_word);
    auto begin = function;
    if (function == frames.end()) return;
    while (begin != frames.begin() && is_call_out_of_v8(*std::prev(begin), layout, symbolizer)) --begin;
    frames.erase(begin, function);
}

// Of a sample of its heap: where V8 found that a page was full says nothing of the line that filled it.
void leave_out_v8(std::vector<uint64_t>& frames) {
    const auto function = std::ranges::find_if(frames, is_v8_word);
    if (function != frames.end()) frames.erase(frames.begin(), function);
}

// What of the runtime stands between a go statement and the new goroutine.
bool makes_goroutines(const Frame& frame) {
    return frame.function.starts_with("runtime.newproc") || frame.function == "runtime.newcoro" ||
           frame.function.starts_with("runtime.systemstack");
}

// Numbers frames by what they read, so that stacks can be compared by numbers.
class FrameNumbers {
public:
    explicit FrameNumbers(const FrameReader& reader) : reader_(reader) {}

    uint32_t of(uint64_t frame, uint32_t layout) {
        auto [place, is_new] = by_address_.try_emplace({frame, layout}, 0);
        if (is_new) {
            std::string key = key_of_frames(reader_.frames_at(frame, layout));
            place->second = by_key_.try_emplace(std::move(key), static_cast<uint32_t>(by_key_.size())).first->second;
        }
        return place->second;
    }

private:
    const FrameReader& reader_;
    absl::flat_hash_map<std::pair<uint64_t, uint32_t>, uint32_t> by_address_;
    absl::flat_hash_map<std::string, uint32_t> by_key_;
};

}  // namespace

std::string key_of_frames(std::span<const Frame> frames) {
    std::string key;
    for (const Frame& frame : frames) {
        append_text(key, frame.module);
        append_text(key, frame.file);
        append_number(key, static_cast<uint64_t>(frame.line));
        append_number(key, (frame.inlined ? 1 : 0) + (frame.created_by ? 2 : 0));
        append_text(key, frame.line > 0 ? frame.function : frame.raw_function);
        bool has_place = frame.line > 0 || (frame.module == kJit && !frame.function.empty());
        if (!has_place) append_number(key, frame.module_address != 0 ? frame.module_address : frame.address);
    }
    return key;
}

uint64_t id_of_frames(std::span<const Frame> frames) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : key_of_frames(frames)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

uint64_t id_of_row(std::span<const Frame> frames, std::span<const uint32_t> stacks, const Aggregator& aggregator) {
    uint64_t id = std::numeric_limits<uint64_t>::max();
    uint8_t status = WH_STACK_DONE;
    for (const uint32_t stack : stacks) {
        const StackInfo* info = aggregator.find_stack(stack);
        if (info == nullptr) continue;
        id = std::min(id, info->hash);
        status = info->status;
    }
    // Incomplete ones are rows of their own.
    return std::ranges::any_of(frames, is_script_code) ? id_of_frames(frames) ^ status : id;
}

std::vector<Frame> FrameReader::frames_at(uint64_t frame, uint32_t layout) const {
    return symbolize(frame, layout, *this);
}

std::vector<Frame> FrameReader::frames_of(const StackInfo& info, uint8_t kind) const {
    std::vector<Frame> frames;
    for (uint64_t frame : joined_frames(info, kind))
        for (Frame& one : frames_at(frame, info.layout)) frames.push_back(std::move(one));
    return frames;
}

// Layouts are those of C libraries that come and go; Go's code stays where it is.
std::vector<uint64_t> FrameReader::joined_frames(const StackInfo& info, uint8_t kind) const {
    const size_t first = std::min(leading_frames(info, kind, libc, symbolizer), info.frames.size());
    std::vector<uint64_t> joined(info.frames.begin() + static_cast<ptrdiff_t>(first), info.frames.end());
    if (python && !joined.empty() && is_python_word(joined.back()))
        return merge_python_frames(joined, *python, info.status == WH_STACK_DONE);
    if (v8 && kind == WH_KIND_JS_HEAP) leave_out_v8(joined);
    if (v8) leave_out_calls_out_of_v8(joined, info.layout, symbolizer);
    if (kind == WH_KIND_GOROUTINE) tidy_creation(joined, 0);
    for (unsigned depth = 0; !joined.empty() && (joined.back() & WH_FRAME_ORIGINS) != 0; ++depth) {
        const uint64_t origin = joined.back();
        const uint64_t value = WH_FRAME_ORIGIN_VALUE(origin);
        joined.pop_back();
        erase_end(joined);
        if ((origin & WH_FRAME_CREATED_AT) != 0) {
            if (value != 0) joined.push_back(value | kFirstOfCreator);
            break;
        }
        const StackInfo* creator = stacks ? stacks->find_stack(static_cast<uint32_t>(value)) : nullptr;
        if (!creator || creator->frames.empty() || depth > WH_LINEAGE_DEPTH) break;
        if ((origin & WH_FRAME_CUT) != 0) joined.push_back(kLeftOut);
        const size_t begin = joined.size();
        joined.insert(joined.end(), creator->frames.begin(), creator->frames.end());
        tidy_creation(joined, begin);
        if ((joined[begin] & WH_FRAME_ORIGINS) == 0) joined[begin] |= kFirstOfCreator;
    }
    return joined;
}

// The stack of a go statement begins with the runtime's work on it. Where the runtime itself made the goroutine (a timer), what is
// behind runtime.mcall is any goroutine that this thread had run before.
void FrameReader::tidy_creation(std::vector<uint64_t>& frames, size_t begin) const {
    const auto function = [this](uint64_t frame) {
        const auto symbols = frames_at(frame, 0);
        return symbols.empty() ? Frame{} : symbols.back();
    };
    const auto is_frame = [&](size_t at) { return at < frames.size() && (frames[at] & WH_FRAME_ORIGINS) == 0; };
    // By the runtime itself: the function that the goroutine begins with comes first.
    size_t from = begin;
    if (is_frame(begin) && (frames[begin] & WH_FRAME_EXACT) != 0) {
        ++from;
        for (size_t at = from; is_frame(at); ++at) {
            if (function(frames[at]).function != "runtime.mcall") continue;
            frames.resize(at);
        }
    }
    size_t end = from;
    while (is_frame(end + 1) && makes_goroutines(function(frames[end]))) ++end;
    frames.erase(frames.begin() + static_cast<ptrdiff_t>(from), frames.begin() + static_cast<ptrdiff_t>(end));
}

// What each goroutine's stack ends in says nothing between two of them.
void FrameReader::erase_end(std::vector<uint64_t>& frames) const {
    if (frames.size() < 2) return;
    const auto symbols = frames_at(frames.back(), 0);
    if (!symbols.empty() && symbols.back().function == "runtime.goexit") frames.pop_back();
}

std::vector<StackGroup> group_stacks(std::span<const ProfileStack> stacks, const Aggregator& aggregator,
                                     const FrameReader& reader, const Aggregator::Pause& pause) {
    std::vector<StackGroup> groups;
    absl::flat_hash_map<std::vector<uint32_t>, size_t> group_of;
    FrameNumbers numbers(reader);
    for (const ProfileStack& stack : stacks) {
        const StackInfo* info = aggregator.find_stack(stack.stack);
        std::vector<uint32_t> key;
        if (info) {
            key.push_back(info->status);
            for (uint64_t frame : reader.joined_frames(*info, stack.kind))
                key.push_back(numbers.of(frame, info->layout));
        }
        bool has_frames = key.size() > 1;
        auto [place, is_new] = group_of.try_emplace(std::move(key), groups.size());
        if (is_new || !has_frames) {  // without frames nothing says that two stacks are the same
            groups.push_back({stack, {stack.stack}});
        } else {
            StackGroup& group = groups[place->second];
            add(group.sum, stack);
            group.stacks.push_back(stack.stack);
        }
        pause();
    }
    return groups;
}

}  // namespace whoholds
