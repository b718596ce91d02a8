#include "runtime/go/census.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "runtime/go/unswept_spans.h"

namespace whoholds {
namespace {

// Sizes of small objects by their class: the same in Go 1.16 to 1.27. Compared with what spans say (are_plausible).
constexpr std::array<uint16_t, kGoSizeClasses> kClassBytes = {
    0,    8,    16,   24,    32,    48,    64,    80,    96,    112,   128,   144,   160,   176,   192,   208,   224,
    240,  256,  288,  320,   352,   384,   416,   448,   480,   512,   576,   640,   704,   768,   896,   1024,  1152,
    1280, 1408, 1536, 1792,  2048,  2304,  2688,  3072,  3200,  3456,  4096,  4864,  5376,  6144,  6528,  6784,  6912,
    8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768};

void add(GoObjects& to, uint64_t count, uint64_t bytes) {
    to.count += count;
    to.bytes += bytes;
}

// The words of heapStatsDelta behind those of memory: tinyAllocCount, largeAlloc, largeAllocCount, smallAllocCount, largeFree,
// largeFreeCount, smallFreeCount.
constexpr size_t kLargeAllocated = 1;
constexpr size_t kSmallAllocated = 3;
constexpr size_t kLargeFreed = kSmallAllocated + kGoSizeClasses;
constexpr size_t kSmallFreed = kLargeFreed + 2;
constexpr size_t kWords = kSmallFreed + kGoSizeClasses;
using Counters = std::array<uint64_t, kWords>;

// Their sum over the three that the runtime keeps.
Result<Counters> read_counters(const GoProcess& process) {
    const MemoryStatsLayout& layout = process.layout().memory_stats;
    const size_t first = layout.has_bitmaps ? 6 : 5;
    Counters sum{};
    for (size_t i = 0; i < 3; ++i) {
        const uint64_t at = process.variables().memory_stats + layout.heap_stats + i * layout.heap_stats_bytes;
        WH_TRY(const Counters part, process.memory().read_object<Counters>(at + first * sizeof(uint64_t)));
        for (size_t word = 0; word < kWords; ++word) sum[word] += part[word];
    }
    return sum;
}

bool has_grown(const Counters& first, const Counters& second) {
    return std::ranges::equal(first, second, [](uint64_t a, uint64_t b) { return a <= b; });
}

}  // namespace

GoObjects GoAllocations::freed() const {
    GoObjects sum;
    for (const Class& each : classes) add(sum, each.freed.count, each.freed.bytes);
    return sum;
}

const GoAllocations::Class* GoAllocations::find(uint64_t element_bytes) const {
    const auto found = std::ranges::find(classes, element_bytes, &Class::element_bytes);
    return found == classes.end() ? nullptr : &*found;
}

Result<GoAllocations> read_go_allocations(const GoProcess& process) {
    // One of the three is folded into the next when the program asks for its numbers: for a moment it counts twice.
    constexpr int kMaxTries = 8;
    WH_TRY(Counters counters, read_counters(process));
    for (int attempt = 0;; ++attempt) {
        WH_TRY(const Counters next, read_counters(process));
        if (has_grown(counters, next)) break;
        if (attempt == kMaxTries) return Error{ErrorCode::kLimit, "the runtime's counters of allocations do not rest"};
        counters = next;
    }
    GoAllocations allocations;
    allocations.classes.push_back({0,
                                   {counters[kLargeAllocated + 1], counters[kLargeAllocated]},
                                   {counters[kLargeFreed + 1], counters[kLargeFreed]}});
    for (size_t i = 1; i < kGoSizeClasses; ++i) {
        const uint64_t bytes = kClassBytes[i];
        const uint64_t allocated = counters[kSmallAllocated + i];
        const uint64_t freed = counters[kSmallFreed + i];
        allocations.classes.push_back({bytes, {allocated, allocated * bytes}, {freed, freed * bytes}});
    }
    return allocations;
}

bool are_plausible(const GoAllocations& allocations, const GoCensus& census) {
    constexpr uint64_t kMoment = uint64_t{64}
                                 << 20;  // what a busy program allocates while it is read, and what caches hold back
    uint64_t allocated = 0;
    uint64_t freed = 0;
    for (const GoAllocations::Class& each : allocations.classes) {
        if (std::max(each.allocated.bytes, each.freed.bytes) >> 56 != 0) return false;
        allocated += each.allocated.bytes;
        freed += each.freed.bytes;
    }
    for (const GoSizeClass& each : census.classes) {
        if (allocations.find(each.size.small_bytes) == nullptr) return false;
    }
    const uint64_t held = census.alive.bytes + census.since.bytes + census.garbage.bytes;
    const uint64_t difference = allocated > freed ? allocated - freed : 0;
    return std::max(held, difference) - std::min(held, difference) <= kMoment + held / 4;
}

GoCensus count_go_census(const GoSpans& spans, const std::function<std::optional<uint32_t>(size_t)>& count_marked) {
    GoCensus census;
    census.torn_spans = spans.torn;
    std::map<GoSize, GoSizeClass> classes;
    for (size_t i = 0; i < spans.in_use.size(); ++i) {
        const GoSpan& span = spans.in_use[i];
        const GoSize size{span.is_large() ? 0 : span.element_bytes, span.has_pointers()};
        GoSizeClass& each = classes[size];
        each.size = size;
        ++each.spans;
        each.span_bytes += span.bytes();
        // Before the first collection nothing was given back: all that was allocated is there.
        const bool was_collected = spans.sweep_generation != 0;
        const auto marked = was_collected ? count_marked(i) : std::nullopt;
        if (was_collected && !marked) ++census.unswept_spans;
        const uint64_t alive = marked ? std::min<uint64_t>(*marked, span.alloc_count) : span.alloc_count;
        const uint64_t rest = span.alloc_count - alive;
        add(each.alive, alive, alive * span.element_bytes);
        GoObjects& others = span.is_swept(spans.sweep_generation) ? each.since : census.garbage;
        add(others, rest, rest * span.element_bytes);
    }
    for (auto& [key, each] : classes) {
        add(census.alive, each.alive.count, each.alive.bytes);
        add(census.since, each.since.count, each.since.bytes);
        census.span_bytes += each.span_bytes;
        census.classes.push_back(each);
    }
    return census;
}

namespace {

// Once; a collection may begin meanwhile, so that some of it is not known.
Result<GoCensus> try_census(const GoProcess& process, bool& is_of_one_collection) {
    WH_TRY(GoSpans spans, read_go_spans(process));
    WH_TRY(const auto marks, count_go_marks(process, spans));
    WH_TRY(const GoAllocBits bits, GoAllocBits::read(process, spans.in_use));
    GoCensus census = count_go_census(spans, [&](size_t index) {
        if (!spans.in_use[index].is_swept(spans.sweep_generation)) return marks[index];
        uint32_t marked = 0;
        for (uint32_t element = 0; element < spans.in_use[index].element_count; ++element)
            marked += bits.is_set(index, element) ? 1 : 0;
        return std::optional(marked);
    });
    WH_TRY(const uint32_t after, read_go_sweep_generation(process));
    is_of_one_collection = after == spans.sweep_generation;
    return census;
}

}  // namespace

Result<GoCensus> read_go_census(const GoProcess& process) {
    constexpr int kMaxTries = 4;
    bool is_whole = false;
    WH_TRY(GoCensus census, try_census(process, is_whole));
    for (int attempt = 1; attempt < kMaxTries && (!is_whole || census.unswept_spans > 0); ++attempt) {
        WH_TRY(census, try_census(process, is_whole));
    }
    auto allocations = read_go_allocations(process);
    if (allocations && are_plausible(*allocations, census)) census.allocations = *std::move(allocations);
    return census;
}

}  // namespace whoholds
