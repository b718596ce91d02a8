#include "stacks/comparison.h"

#include <absl/hash/hash.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

namespace whoholds::stacks {

namespace {

std::span<const uint64_t> frames_of(const check_event& event) {
    return {reinterpret_cast<const uint64_t*>(event.frames), std::min<size_t>(event.frame_count, WH_STACK_MAX_FRAMES)};
}

bool begin_alike(std::span<const uint64_t> one, std::span<const uint64_t> other) {
    const size_t count = std::min(one.size(), other.size());
    return std::equal(one.begin(), one.begin() + static_cast<ptrdiff_t>(count), other.begin());
}

StackCopy copy_of(const check_event& event, std::vector<ReplacedReturn>& replaced) {
    for (const wh_replaced_return& one : event.returns)
        if (one.place != 0) replaced.push_back({one.place, one.address});
    const auto& r = event.registers;
    return {.registers = {r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]},
            .bytes = {reinterpret_cast<const uint8_t*>(event.slice), event.slice_bytes},
            .replaced = replaced};
}

}  // namespace

uint64_t Tally::sum(const std::array<uint64_t, kStatuses>& counts) const {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

void Tally::add(const Tally& other) {
    events += other.events;
    equal += other.equal;
    different += other.different;
    frames += other.frames;
    finished += other.finished;
    for (size_t i = 0; i < kStatuses; i++) {
        incomplete[i] += other.incomplete[i];
        unverified[i] += other.unverified[i];
    }
}

Comparison::Comparison(UnwindFiles files, pid_t pid, size_t max_examples)
    : unwinder_(std::move(files)), symbolizer_({}, pid), max_examples_(max_examples) {}

void Comparison::update_mappings(const std::vector<Mapping>& maps) {
    std::vector<Mapping> merged = maps;
    for (const Mapping& old : maps_) {
        const bool is_covered = std::ranges::any_of(
            maps, [&](const Mapping& now) { return old.executable && now.start < old.end && old.start < now.end; });
        if (old.executable && !is_covered) merged.push_back(old);
    }
    maps_ = std::move(merged);
    unwinder_.reset(maps_);
    symbolizer_.update_mappings(maps);
}

UnwoundStack Comparison::unwind(const check_event& event) {
    std::vector<ReplacedReturn> replaced;
    const StackCopy copy = copy_of(event, replaced);
    UnwoundStack stack = unwinder_.unwind(copy);
    if (stack.status != WH_STACK_NO_MAPPING || event.status != WH_STACK_DONE || !refresh_) return stack;
    refresh_();
    return unwinder_.unwind(copy);
}

void Comparison::compare(const check_event& event) {
    const UnwoundStack reference = unwind(event);
    const auto frames = frames_of(event);
    const uint32_t status = std::min<uint32_t>(event.status, kStatuses - 1);
    tally_.events++;
    tally_.frames += frames.size();
    unique_.insert(absl::HashOf(std::vector<uint64_t>(frames.begin(), frames.end()), status));

    // A stack that was followed through code that may not keep frame pointers does not claim to be right.
    const bool is_guess = status == WH_STACK_FRAME_POINTERS || status == WH_STACK_BROKEN;
    const bool both_complete = status == WH_STACK_DONE && reference.status == WH_STACK_DONE;
    const bool is_longer = status == WH_STACK_DONE && reference.frames.size() > frames.size();
    if (!is_guess && (is_longer || !begin_alike(frames, reference.frames) ||
                      (both_complete && frames.size() != reference.frames.size()))) {
        tally_.different++;
        keep_example("DIFFERENT", event, reference);
    } else if (both_complete) {
        tally_.equal++;
    } else if (status == WH_STACK_DONE) {
        if (tally_.unverified[reference.status]++ == 0) keep_example("libdw could not follow", event, reference);
    } else {
        tally_.finished += reference.status == WH_STACK_DONE;
        if (tally_.incomplete[status]++ == 0) keep_example("incomplete", event, reference);
    }
}

std::string Comparison::describe(uint64_t frame) {
    const bool is_exact = (frame & WH_FRAME_EXACT) != 0;
    const uint64_t address = frame & ~WH_FRAME_EXACT;
    const Frame named = symbolizer_.symbolize(address, !is_exact).back();
    const std::string module = named.module.substr(named.module.rfind('/') + 1);
    return fmt::format("{:x}{} {:.60} ({}+{:x})", address, is_exact ? "!" : "", named.function, module,
                       named.module_address);
}

void Comparison::keep_example(const std::string& title, const check_event& event, const UnwoundStack& reference) {
    if (examples_.size() >= max_examples_) return;
    const auto frames = frames_of(event);
    std::string text = fmt::format(
        "{}: kernel status {} with {} frames, libdw status {} with {} frames, {} bytes of stack\n", title, event.status,
        frames.size(), static_cast<int>(reference.status), reference.frames.size(), event.slice_bytes);
    const size_t count = std::min<size_t>(std::max(frames.size(), reference.frames.size()), 40);
    for (size_t i = 0; i < count; i++) {
        const std::string kernel = i < frames.size() ? describe(frames[i]) : "-";
        const bool is_same = i < frames.size() && i < reference.frames.size() && frames[i] == reference.frames[i];
        const std::string libdw = is_same ? "same" : i < reference.frames.size() ? describe(reference.frames[i]) : "-";
        text += fmt::format("  #{:<3} {:<100} | {}\n", i, kernel, libdw);
    }
    examples_.push_back(std::move(text));
}

}  // namespace whoholds::stacks
