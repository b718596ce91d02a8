#include "analyze/stack_groups.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

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

std::vector<Frame> symbolize(uint64_t frame, uint32_t layout, Symbolizer& symbolizer) {
    return symbolizer.symbolize(frame & ~WH_FRAME_EXACT, !(frame & WH_FRAME_EXACT), layout);
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
        append_number(key, frame.inlined ? 1 : 0);
        append_text(key, frame.line > 0 ? frame.function : frame.raw_function);
        bool has_place = frame.line > 0 || (frame.module == kJit && !frame.function.empty());
        if (!has_place) append_number(key, frame.module_address != 0 ? frame.module_address : frame.address);
    }
    return key;
}

std::vector<Frame> FrameReader::frames_of(const StackInfo& info, uint8_t kind) const {
    std::vector<Frame> frames;
    const size_t first = leading_frames(info, kind, libc, symbolizer);
    for (uint64_t frame : std::span(info.frames).subspan(first))
        for (Frame& one : symbolize(frame, info.layout, symbolizer)) frames.push_back(std::move(one));
    return frames;
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
            const size_t first = leading_frames(*info, stack.kind, reader.libc, reader.symbolizer);
            for (uint64_t frame : std::span(info->frames).subspan(first))
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
