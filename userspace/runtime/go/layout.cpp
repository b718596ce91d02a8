#include "runtime/go/layout.h"

#include <algorithm>
#include <array>

namespace whoholds {
namespace {

// A row holds from its version on until the next row's.
template <class T>
struct Since {
    unsigned minor_version;
    T layout;
};

constexpr auto kGoroutines = std::to_array<Since<GoroutineLayout>>({
    {18, {392, 56, 64, 112, 120, 128, 144, 152, 168, 176, kNoField, 296, 312, 328, 80}},
    {21, {408, 56, 64, 112, 120, 128, 144, 152, 168, 176, 272, 280, 296, 312, 80}},
    {22, {424, 56, 64, 112, 120, 128, 144, 152, 168, 176, 272, 280, 296, 312, 80}},
    {23, {432, 56, 64, 112, 120, 136, 152, 160, 176, 184, 280, 288, 304, 320, 80}},
    {24, {440, 56, 64, 112, 120, 136, 152, 160, 176, 184, 280, 288, 304, 320, 80}},
    {25, {440, 56, 64, 104, 112, 128, 144, 152, 168, 176, 272, 280, 296, 312, 80}},
    {26, {456, 56, 64, 104, 112, 128, 144, 152, 168, 176, 280, 288, 304, 320, 88}},
});

constexpr auto kMemoryStats = std::to_array<Since<MemoryStatsLayout>>({
    {18, {5960, 1176, true, 56, 88, 104, 120, 128, 152, 160, 168, 176, 4280, 4296}},
    {19, {0, 1176, true, kNoField, 3544, 3552, 3560, 3568, 3576, 3584, 3592, 3600, 7704, 7736}},
    {25, {0, 1168, false, kNoField, 3520, 3528, 3536, 3544, 3552, 3560, 3568, 3576, 7680, 8256}},
    {26, {0, 1168, false, kNoField, 3520, 3528, 3536, 3544, 3552, 3560, 3568, 3576, 7680, 10432}},
});

constexpr auto kGcControllers = std::to_array<Since<GcControllerLayout>>({
    {18, {0, kNoField, 104, 120, 168}},
    {19, {0, 8, 104, 136, 184}},
    {20, {0, 8, 48, 80, 128}},
    {21, {0, 8, 72, 104, 152}},
});

struct HeapRow {
    uint32_t sweep_generation;
    uint32_t all_spans;
    uint32_t arenas;
    uint32_t arena_spans;
};
constexpr auto kHeaps = std::to_array<Since<HeapRow>>({
    {18, {65840, 65848, 65936, 2097152}},
    {19, {65848, 65856, 65936, 2097152}},
    {20, {65816, 65824, 65904, 1064960}},
    {21, {65856, 65864, 65944, 1064960}},
    {22, {65856, 65864, 66008, 0}},
});

constexpr auto kSpans = std::to_array<Since<SpanLayout>>({
    {18, {144, 56, 8, 72, 88, 96, 98, 99, 104, 128, kNoField}},
    {20, {160, 56, 8, 72, 88, 96, 98, 99, 104, 128, kNoField}},
    {21, {168, 56, 8, 72, 96, 104, 106, 107, 112, 136, kNoField}},
    {22, {160, 50, 2, 64, 88, 96, 98, 99, 104, 128, 152}},
});

template <class Rows>
const auto& row_of(const Rows& rows, unsigned minor_version) {
    const auto after = std::ranges::find_if(rows, [=](const auto& row) { return row.minor_version > minor_version; });
    return std::prev(after)->layout;
}

}  // namespace

std::optional<GoLayout> go_layout(unsigned minor_version) {
    if (minor_version < kOldestGoMinor) return std::nullopt;
    const HeapRow& heap = row_of(kHeaps, minor_version);
    GoLayout layout;
    layout.minor_version = minor_version;
    layout.goroutine = row_of(kGoroutines, minor_version);
    layout.memory_stats = row_of(kMemoryStats, minor_version);
    layout.gc_controller = row_of(kGcControllers, minor_version);
    layout.heap_sweep_generation = heap.sweep_generation;
    layout.heap_all_spans = heap.all_spans;
    layout.heap_arenas = heap.arenas;
    layout.arena_spans = heap.arena_spans;
    layout.span = row_of(kSpans, minor_version);
    // 1.27 counts objects only; their bytes follow from the size of the bucket.
    layout.profile_cycle_bytes = minor_version < 27 ? 32 : 16;
    return layout;
}

}  // namespace whoholds
