#include "analyze/stack_groups.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "bpf/shared/resource_kinds.h"

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

std::vector<Frame> symbolize(uint64_t frame, uint32_t layout, Symbolizer& symbolizer) {
    if (frame == FrameReader::kLeftOut) {
        Frame left_out;
        left_out.function = "(creators in between are left out)";
        left_out.created_by = true;
        return {left_out};
    }
    auto frames = symbolizer.symbolize(frame & ~kFlags, !(frame & WH_FRAME_EXACT), layout);
    if (!frames.empty()) frames.front().created_by = (frame & FrameReader::kFirstOfCreator) != 0;
    return frames;
}

// What of the runtime stands between a go statement and the new goroutine.
bool makes_goroutines(const Frame& frame) {
    return frame.function.starts_with("runtime.newproc") || frame.function == "runtime.newcoro" ||
           frame.function.starts_with("runtime.systemstack");
}

// Numbers frames by what they read, so that stacks can be compared by numbers.
class FrameNumbers {
public:
    explicit FrameNumbers(Symbolizer& symbolizer) : symbolizer_(symbolizer) {}

    uint32_t of(uint64_t frame, uint32_t layout) {
        auto [place, is_new] = by_address_.try_emplace({frame, layout}, 0);
        if (is_new) {
            std::string key = key_of_frames(symbolize(frame, layout, symbolizer_));
            place->second = by_key_.try_emplace(std::move(key), static_cast<uint32_t>(by_key_.size())).first->second;
        }
        return place->second;
    }

private:
    Symbolizer& symbolizer_;
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

std::vector<Frame> FrameReader::frames_at(uint64_t frame, uint32_t layout) const {
    return symbolize(frame, layout, symbolizer);
}

std::vector<Frame> FrameReader::frames_of(const StackInfo& info, uint8_t kind) const {
    std::vector<Frame> frames;
    for (uint64_t frame : joined_frames(info, kind))
        for (Frame& one : symbolize(frame, info.layout, symbolizer)) frames.push_back(std::move(one));
    return frames;
}

// Layouts are those of C libraries that come and go; Go's code stays where it is.
std::vector<uint64_t> FrameReader::joined_frames(const StackInfo& info, uint8_t kind) const {
    const size_t first = std::min(leading_frames(info, kind, libc, symbolizer), info.frames.size());
    std::vector<uint64_t> joined(info.frames.begin() + static_cast<ptrdiff_t>(first), info.frames.end());
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
        const auto symbols = symbolize(frame, 0, symbolizer);
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
    const auto symbols = symbolize(frames.back(), 0, symbolizer);
    if (!symbols.empty() && symbols.back().function == "runtime.goexit") frames.pop_back();
}

std::vector<StackGroup> group_stacks(std::span<const ProfileStack> stacks, const Aggregator& aggregator,
                                     const FrameReader& reader, const Aggregator::Pause& pause) {
    std::vector<StackGroup> groups;
    absl::flat_hash_map<std::vector<uint32_t>, size_t> group_of;
    FrameNumbers numbers(reader.symbolizer);
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
