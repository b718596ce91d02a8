#include "runtime/go/self_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "runtime/go/go_process.h"
#include "runtime/go/goroutine_record.h"

namespace whoholds {
namespace {

constexpr uint64_t kMostGoroutines = 4'000'000;
constexpr size_t kTriedGoroutines = 64;
constexpr size_t kTriedSpans = 64;
constexpr uint64_t kPageBytes = 8192;  // of the runtime

Error refusal(const char* what) {
    return {ErrorCode::kUnsupported,
            fmt::format("Go's runtime is not built as expected ({}), so it is not read", what)};
}

Error not_started() { return {ErrorCode::kSystem, "Go's runtime has not started yet"}; }

bool is_plausible(const GoroutineRecord& record) {
    if (record.state > GoroutineState::kDeadExtra) return false;
    if (!record.is_alive()) return true;
    return record.stack_low < record.stack_high && record.stack_top > record.stack_low &&
           record.stack_top <= record.stack_high && record.id > 0 && record.id < uint64_t{1} << 48;
}

bool walks_to_its_start(const GoProcess& process, const GoroutineRecord& record, GoStackWalker& walker) {
    if (!record.has_stack_to_walk()) return false;
    const auto stack = process.memory().read(record.sp, std::min<uint64_t>(record.stack_high - record.sp, 1 << 20));
    return stack && walker.walk(record, *stack).end == GoStackEnd::kComplete;
}

// Of each process some goroutines of the runtime's own are always at rest.
Result<void> check_goroutines(const GoProcess& process) {
    const ProcessMemory& memory = process.memory();
    const auto count = memory.read_object<uint64_t>(process.variables().goroutine_count);
    const auto array = memory.read_object<uint64_t>(process.variables().goroutines);
    if (!count || !array || *count > kMostGoroutines) return refusal("the list of goroutines");
    if (*count == 0) return not_started();
    std::vector<uint64_t> addresses(std::min<uint64_t>(*count, kTriedGoroutines));
    if (!memory.read_into(*array, {reinterpret_cast<uint8_t*>(addresses.data()), addresses.size() * 8}))
        return refusal("the list of goroutines");
    GoStackWalker walker(process);
    size_t plausible = 0;
    size_t walked = 0;
    for (const uint64_t address : addresses) {
        const auto bytes = memory.read(address, process.layout().goroutine.size);
        if (!bytes) continue;
        const GoroutineRecord record = parse_goroutine(*bytes, process.layout().goroutine);
        if (!is_plausible(record)) continue;
        ++plausible;
        if (walks_to_its_start(process, record, walker)) ++walked;
    }
    // One that is just being made may look odd.
    if (plausible + addresses.size() / 16 + 1 < addresses.size()) return refusal("goroutines");
    if (walked == 0) return addresses.size() < 4 ? not_started() : refusal("stacks of goroutines");
    return {};
}

// The heap's own way from an address to its span (spanOf) leads back to the span that the address was taken from.
bool leads_back(const GoProcess& process, uint64_t span, uint64_t start) {
    constexpr uint64_t kArenaBytes = 64 << 20;
    constexpr uint64_t kArenaBase = 0xffff'8000'0000'0000;  // arenaBaseOffset on amd64
    const ProcessMemory& memory = process.memory();
    const auto first = memory.read_object<uint64_t>(process.variables().heap + process.layout().heap_arenas);
    const uint64_t number = (start - kArenaBase) / kArenaBytes;
    const auto arena = first ? memory.read_object<uint64_t>(*first + number * 8) : Result<uint64_t>(not_started());
    if (!arena || *arena == 0) return false;
    const uint64_t page = start % kArenaBytes / kPageBytes;
    const auto found = memory.read_object<uint64_t>(*arena + process.layout().arena_spans + page * 8);
    return found && *found == span;
}

Result<void> check_heap(const GoProcess& process) {
    const ProcessMemory& memory = process.memory();
    const GoLayout& layout = process.layout();
    const auto slice = memory.read_object<std::array<uint64_t, 3>>(process.variables().heap + layout.heap_all_spans);
    const auto generation = memory.read_object<uint32_t>(process.variables().heap + layout.heap_sweep_generation);
    if (!slice || !generation || (*slice)[1] > (*slice)[2] || *generation % 2 != 0) return refusal("the heap");
    std::vector<uint64_t> spans(std::min<uint64_t>((*slice)[1], kTriedSpans));
    if (spans.empty()) return not_started();
    if (!memory.read_into((*slice)[0], {reinterpret_cast<uint8_t*>(spans.data()), spans.size() * 8}))
        return refusal("the list of spans");
    size_t in_use = 0;
    size_t led_back = 0;
    for (const uint64_t span : spans) {
        const auto words = memory.read(span, 256);
        if (!words || (*words)[layout.span.state] != 1) continue;  // mSpanInUse
        const auto start = memory.read_object<uint64_t>(span + 24);
        ++in_use;
        if (start && *start % kPageBytes == 0 && leads_back(process, span, *start)) ++led_back;
    }
    // Spans come and go while they are tried.
    if (in_use > 0 && led_back * 2 < in_use) return refusal("spans of the heap");
    return {};
}

Result<void> check_profile(const GoProcess& process) {
    const ProcessMemory& memory = process.memory();
    const auto rate = memory.read_object<uint64_t>(process.variables().profile_rate);
    const auto first = memory.read_object<uint64_t>(process.variables().profile_buckets);
    if (!rate || !first || *rate > uint64_t{1} << 46) return refusal("the heap profile");
    if (*first == 0) return {};
    const auto header = memory.read_object<std::array<uint64_t, 6>>(*first);
    if (!header || (*header)[2] != 1 || (*header)[5] > 1024) return refusal("records of the heap profile");
    return {};
}

Result<void> check_facts(const GoProcess& process) {
    const ProcessMemory& memory = process.memory();
    const MemoryStatsLayout& stats = process.layout().memory_stats;
    const auto enabled = memory.read_object<uint8_t>(process.variables().memory_stats + stats.gc_enabled);
    const auto percent =
        memory.read_object<int32_t>(process.variables().gc_controller + process.layout().gc_controller.gc_percent);
    const auto procs = memory.read_object<uint32_t>(process.variables().max_procs);
    if (!enabled || !percent || !procs || *enabled > 1 || *percent < -1 || *procs > 65'536) {
        return refusal("the collector's state");
    }
    if (*enabled == 0 || *procs == 0) return not_started();
    return {};
}

}  // namespace

Result<void> check_go_layout(const GoProcess& process) {
    WH_TRY_VOID(check_facts(process));
    WH_TRY_VOID(check_goroutines(process));
    WH_TRY_VOID(check_heap(process));
    return check_profile(process);
}

}  // namespace whoholds
