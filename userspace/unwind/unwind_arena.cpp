#include "unwind/unwind_arena.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

constexpr uint64_t kIndexWords = 2;
constexpr uint64_t kSegmentWords = uint64_t{WH_ARENA_CHUNK_WORDS} * WH_ARENA_SEGMENT_CHUNKS;
constexpr uint64_t kArenaWords = WH_ARENA_SEGMENTS * kSegmentWords;
constexpr uint64_t kMaxBuckets = 1 << 20;
constexpr uint64_t kMaxBucketRows = std::min<uint64_t>(WH_BUCKET_MAX_ROWS, WH_ARENA_CHUNK_WORDS);
constexpr uint64_t kSmallIndex = 512;   // buckets; not worth saving
constexpr uint64_t kRowsPerBucket = 4;  // at least, on average, before buckets are made larger

uint64_t round_up(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// The addresses that need a bucket. A table ends with a gap, which is in force anyhow where there is no bucket.
struct Buckets {
    uint64_t first = 0;
    uint64_t count = 0;
};

Buckets buckets_of(const std::vector<UnwindRow>& rows, unsigned shift) {
    const uint64_t first = rows.front().address >> shift;
    const uint64_t last = std::max((rows.back().address - 1) >> shift, first);
    return {first, last - first + 1};
}

// Small buckets are searched fast, but those of a module with little information in much code are mostly index.
unsigned preferred_shift(const std::vector<UnwindRow>& rows) {
    const uint64_t enough = std::max(kSmallIndex, rows.size() / kRowsPerBucket);
    unsigned shift = WH_BUCKET_SHIFT_MIN;
    while (shift < WH_BUCKET_SHIFT_MAX && buckets_of(rows, shift).count > enough) ++shift;
    return shift;
}

// Calls visit(bucket, its rows) for each bucket that has rows, in order. A row where a bucket begins is not stored: its rule is in
// the index.
template <class Visit>
void for_each_bucket(const std::vector<UnwindRow>& rows, unsigned shift, Visit visit) {
    const uint64_t in_bucket = (uint64_t{1} << shift) - 1;
    for (auto next = rows.begin(); next != rows.end();) {
        const uint64_t bucket = next->address >> shift;
        auto stored = (next->address & in_bucket) == 0 ? next + 1 : next;
        auto end = stored;
        while (end != rows.end() && end->address >> shift == bucket) ++end;
        visit(bucket, std::span(stored, end));
        next = end;
    }
}

}  // namespace

struct UnwindArena::Layout {
    Buckets buckets;
    unsigned shift = 0;
    uint64_t index_at = 0;
    std::vector<std::pair<uint32_t, uint32_t>> rows_at;  // of each bucket: where, how many
    uint64_t rows = 0;
    uint64_t end = 0;  // first word behind
};

UnwindArena::UnwindArena(AddSegment add_segment) : add_segment_(std::move(add_segment)) {}

Result<UnwindArena::Layout> UnwindArena::lay_out(const std::vector<UnwindRow>& rows, uint64_t next) {
    Layout layout{.shift = preferred_shift(rows)};
    uint64_t most_rows = 0;
    const auto count_rows = [&](uint64_t, std::span<const UnwindRow> stored) {
        most_rows = std::max(most_rows, stored.size());
    };
    for (;; --layout.shift) {
        most_rows = 0;
        for_each_bucket(rows, layout.shift, count_rows);
        if (most_rows <= kMaxBucketRows || layout.shift == WH_BUCKET_SHIFT_MIN) break;
    }
    layout.buckets = buckets_of(rows, layout.shift);
    if (layout.buckets.count > kMaxBuckets) return Error{ErrorCode::kLimit, "unwind table: code is spread too far"};

    layout.index_at = round_up(next, kIndexWords);
    layout.rows_at.resize(layout.buckets.count);
    uint64_t at = layout.index_at + kIndexWords * layout.buckets.count;
    for_each_bucket(rows, layout.shift, [&](uint64_t bucket, std::span<const UnwindRow> stored) {
        const uint64_t number = bucket - layout.buckets.first;
        if (number >= layout.buckets.count || stored.empty()) return;
        if (at % WH_ARENA_CHUNK_WORDS + stored.size() > WH_ARENA_CHUNK_WORDS) at = round_up(at, WH_ARENA_CHUNK_WORDS);
        layout.rows_at[number] = {static_cast<uint32_t>(at), static_cast<uint32_t>(stored.size())};
        layout.rows += stored.size();
        at += stored.size();
    });
    layout.end = at;
    return layout;
}

Result<void> UnwindArena::provide(uint64_t end) {
    if (end > kArenaWords) return Error{ErrorCode::kLimit, "unwind table: no room for it"};
    while (segments_.size() * kSegmentWords < end) {
        WH_TRY(const std::span<uint32_t> segment, add_segment_(static_cast<uint32_t>(segments_.size())));
        if (segment.size() != kSegmentWords) {
            return Error{ErrorCode::kInvalidArgument, fmt::format("a segment of {} words", segment.size())};
        }
        segments_.push_back(segment);
    }
    return {};
}

void UnwindArena::put(uint64_t at, uint32_t word) { segments_[at / kSegmentWords][at % kSegmentWords] = word; }

void UnwindArena::write(const std::vector<UnwindRow>& rows, const Layout& layout, RuleTable& rules) {
    auto next = rows.begin();
    uint16_t rule = WH_RULE_GAP;
    for (uint64_t number = 0; number < layout.buckets.count; ++number) {
        const uint64_t start = (layout.buckets.first + number) << layout.shift;
        if (next != rows.end() && next->address == start) rule = rules.number_of(next++->rule);
        const auto [at, count] = layout.rows_at[number];
        const uint64_t entry = WH_BUCKET(at, count, rule);
        put(layout.index_at + kIndexWords * number, static_cast<uint32_t>(entry));
        put(layout.index_at + kIndexWords * number + 1, static_cast<uint32_t>(entry >> 32));
        for (uint32_t i = 0; i < count; ++i, ++next) {
            rule = rules.number_of(next->rule);
            put(uint64_t{at} + i, WH_ROW(next->address, rule));
        }
    }
}

Result<PlacedTable> UnwindArena::place(const UnwindTable& table, RuleTable& rules) {
    if (table.rows.empty()) return PlacedTable{};
    if (!same_rule(table.rows.back().rule, kGapRule)) {
        return Error{ErrorCode::kInvalidArgument, "unwind table: its last row is not a gap"};
    }
    WH_TRY(const Layout layout, lay_out(table.rows, next_));
    WH_TRY_VOID(provide(layout.end));
    write(table.rows, layout, rules);
    const uint64_t before = std::exchange(next_, layout.end);
    return PlacedTable{.index_at = static_cast<uint32_t>(layout.index_at),
                       .first_bucket = layout.buckets.first,
                       .bucket_count = static_cast<uint32_t>(layout.buckets.count),
                       .bucket_shift = static_cast<uint16_t>(layout.shift),
                       .rows = layout.rows,
                       .bytes = (layout.end - before) * sizeof(uint32_t)};
}

uint16_t find_rule(std::span<const std::span<uint32_t>> segments, const PlacedTable& table, uint64_t address) {
    const auto word = [segments](uint64_t at) { return segments[at / kSegmentWords][at % kSegmentWords]; };
    const uint64_t bucket = (address >> table.bucket_shift) - table.first_bucket;
    if (bucket >= table.bucket_count) return WH_RULE_GAP;
    const uint64_t entry_at = table.index_at + 2 * bucket;
    const uint64_t entry = word(entry_at) | uint64_t{word(entry_at + 1)} << 32;
    const uint64_t rows_at = static_cast<uint32_t>(entry);
    uint64_t low = 0;
    uint64_t high = entry >> 32 & 0xffff;
    while (low < high) {  // the number of rows at or below the address
        const uint64_t middle = (low + high) / 2;
        if ((word(rows_at + middle) & 0xffff) <= (address & 0xffff))
            low = middle + 1;
        else
            high = middle;
    }
    return static_cast<uint16_t>(low == 0 ? entry >> 48 : word(rows_at + low - 1) >> 16);
}

}  // namespace whoholds
