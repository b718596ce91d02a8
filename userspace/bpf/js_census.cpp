#include "bpf/js_census.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "base/human.h"
#include "base/processor_time.h"
#include "bpf/live_source.h"
#include "proc/resident_ranges.h"
#include "proc/sleep.h"

namespace whoholds {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

// All memory that may hold a pointer to an object, but the pages of the heaps.
Result<std::vector<ByteRange>> root_ranges(const JsCensuses::Place& place, const std::vector<Mapping>& mappings,
                                           const std::vector<ByteRange>& pages) {
    WH_TRY(const ResidentRanges resident, ResidentRanges::open(place.root, place.pid));
    const uint64_t stack = end_of_sleepers_stack(place.root, place.pid);
    std::vector<ByteRange> roots;
    for (const Mapping& mapping : mappings) {
        if (!mapping.readable || !mapping.writable || mapping.shared) continue;
        const bool is_stack = mapping.path == "[stack]" && stack > mapping.start && stack < mapping.end;
        for (const ByteRange& part : without({mapping.start, mapping.end}, pages)) {
            WH_TRY(const auto there, resident.in(part));
            for (ByteRange range : there) {
                if (is_stack) range.start = std::max(range.start, stack);
                if (range.start < range.end) roots.push_back(range);
            }
        }
    }
    return roots;
}

}  // namespace

bool JsCensuses::is_due(double time_s, uint64_t full_collections) {
    constexpr double kEveryS = 8;
    constexpr double kShareOfTime = 0.02;
    if (full_collections != seen_full_) {
        seen_full_ = full_collections;
        seen_full_at_s_ = time_s;
    }
    if (is_distrusted_ || time_s - seen_full_at_s_ < kEveryS) return false;
    return !tried_at_s_ || time_s - *tried_at_s_ >= std::max(kEveryS, took_s_ / kShareOfTime);
}

void JsCensuses::distrust() {
    is_distrusted_ = true;
    buffer_blocks_.clear();
    last_buffer_blocks_.clear();
    made_ = 0;
}

// A program that does something now and then is copied while its first thread, which is that of its first heap, does nothing: then no edge
// can be missed.
Result<void> JsCensuses::copy_pages(const Place& place, V8Pages& pages) {
    constexpr int kTries = 8;
    constexpr double kLimitS = 0.1;
    constexpr auto kWait = std::chrono::milliseconds(1);
    const auto began = Clock::now();
    for (int i = 0; i < kTries; i++) {
        const std::string before = sleep_mark(place.root, place.pid);
        const bool is_last = i + 1 == kTries || seconds_since(began) > kLimitS;
        if (!before.empty() || is_last) WH_TRY_VOID(pages.copy_all());
        is_in_motion_ = before.empty() || sleep_mark(place.root, place.pid) != before;
        if (!is_in_motion_ || is_last) return {};
        place.pause();
        std::this_thread::sleep_for(kWait);
    }
    return {};
}

Result<void> JsCensuses::count_once(const Place& place, const V8Shapes& shapes, bool with_young,
                                    const std::function<Collections()>& look, const Found& found) {
    constexpr double kLimitS = 2;
    constexpr double kPauseS = 0.002;
    const Error kMoved{ErrorCode::kLimit, "its collector is at work all the time"};
    const Collections before = look();
    if (before.is_under_way) return kMoved;
    WH_TRY(const auto mappings, read_maps(place.root, place.pid));
    const ProcessMemory& memory = place.v8->memory();
    V8Pages pages([&](uint64_t address, std::span<uint8_t> buffer) { return memory.read_into(address, buffer); },
                  shapes.layout(), place.most_bytes);
    WH_TRY_VOID(pages.find(mappings));
    if (!with_young) pages.leave_out_young();
    WH_TRY(const auto roots, root_ranges(place, mappings, pages.ranges()));
    const auto began = Clock::now();
    double paused_s = 0;
    WH_TRY_VOID(copy_pages(place, pages));
    V8Census census(pages, shapes, [&] {
        const double so_far_s = seconds_since(began);
        if (so_far_s - paused_s >= kPauseS) {
            place.pause();
            paused_s = so_far_s;
        }
        return so_far_s < kLimitS;
    });
    WH_TRY_VOID(census.run(roots));
    auto blocks = census.buffer_blocks();
    Collections after = look();
    if (!with_young) after.scavenges = before.scavenges;
    if (after != before) return kMoved;
    buffer_blocks_ = std::exchange(last_buffer_blocks_, std::move(blocks));
    buffer_blocks_.insert(last_buffer_blocks_.begin(), last_buffer_blocks_.end());
    if (is_in_motion_) ++in_motion_;
    copied_bytes_ = pages.copied_bytes();
    scanned_bytes_ = census.numbers().scanned_bytes;
    objects_ = census.numbers().objects;
    found(census);
    return {};
}

void JsCensuses::count(const Place& place, double time_s, const std::function<Collections()>& look,
                       const Found& found) {
    constexpr int kTries = 3;
    tried_at_s_ = time_s;
    const auto shapes = V8Shapes::open(place.v8->layout(), place.v8->constants());
    if (!shapes) {
        why_not_ = shapes.error().message;
        is_distrusted_ = true;
        return;
    }
    const double began_s = thread_processor_s();
    for (int i = 0; i < kTries; i++) {
        // New space changes with each scavenge; without it all of it is taken for alive.
        const auto counted = count_once(place, *shapes, i + 1 < kTries, look, found);
        why_not_ = counted ? "" : counted.error().message;
        if (!counted) continue;
        ++made_;
        sure_until_s_ = std::exchange(made_at_s_, time_s);
        made_at_ns_ = monotonic_ns();
        break;
    }
    took_s_ = thread_processor_s() - began_s;
}

void JsCensuses::add_notes(Coverage& coverage) const {
    if (made_ > 0)
        coverage.notes.push_back(fmt::format(
            "JavaScript heap: what is alive was also counted from outside, {} times ({} of them while the program "
            "ran), the last time {} objects in {} ms of processor time (copied: {} of the heap, looked through: {} of "
            "other memory)",
            exact_count(made_), exact_count(in_motion_), exact_count(objects_),
            exact_count(static_cast<uint64_t>(took_s_ * 1000)), human_bytes(copied_bytes_),
            human_bytes(scanned_bytes_)));
    if (!why_not_.empty())
        coverage.notes.push_back(
            fmt::format("JavaScript heap: what is alive could not be counted from outside: {}", why_not_));
    if (is_distrusted_ && why_not_.empty())
        coverage.notes.emplace_back(
            "JavaScript heap: what is alive is not counted from outside any more, as full collections found alive what "
            "was missed");
}

}  // namespace whoholds
