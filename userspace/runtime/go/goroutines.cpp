#include "runtime/go/goroutines.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace whoholds {
namespace {

constexpr uint64_t kMaxGoroutines = 4'000'000;
// Few enough for the caches of a processor, and for little to change between the first reading of a record and the last.
constexpr size_t kBatch = 2048;
constexpr uint64_t kMaxStackBytes = uint64_t{64} << 20;    // of a batch; what is beyond is read in a later round
constexpr uint64_t kMaxOneStackBytes = uint64_t{4} << 20;  // read of one; deeper stacks than this are cut by kMaxFrames
constexpr int kRounds = 4;
using Piece = ProcessMemory::Piece;

// A goroutine whose reading goes on.
struct Candidate {
    uint64_t address = 0;
    GoroutineRecord record;
};

Result<std::vector<uint64_t>> read_addresses(const GoProcess& process) {
    const GoVariables& variables = process.variables();
    // In this order: the array that is found then has at least so many.
    WH_TRY(const uint64_t count, process.memory().read_object<uint64_t>(variables.goroutine_count));
    WH_TRY(const uint64_t array, process.memory().read_object<uint64_t>(variables.goroutines));
    if (count > kMaxGoroutines) return Error{ErrorCode::kLimit, "more than four million goroutines"};
    std::vector<uint64_t> addresses(count);
    WH_TRY_VOID(process.memory().read_into(array, {reinterpret_cast<uint8_t*>(addresses.data()), count * 8}));
    return addresses;
}

// Memory that one batch after the other uses.
struct BatchBuffers {
    std::vector<uint8_t> bytes;
    std::vector<Piece> pieces;
    std::vector<Piece> wanted;
};
using Records = std::vector<std::optional<GoroutineRecord>>;  // nullopt where one could not be read

Result<void> read_records(const GoProcess& process, std::span<const Candidate> candidates, BatchBuffers& buffers,
                          Records& records) {
    const GoroutineLayout& layout = process.layout().goroutine;
    buffers.bytes.resize(candidates.size() * layout.size);
    buffers.pieces.clear();
    for (size_t i = 0; i < candidates.size(); ++i)
        buffers.pieces.push_back(
            {candidates[i].address, std::span(buffers.bytes).subspan(i * layout.size, layout.size)});
    WH_TRY_VOID(process.memory().read_pieces(buffers.pieces));
    records.assign(candidates.size(), std::nullopt);
    for (size_t i = 0; i < candidates.size(); ++i) {
        if (buffers.pieces[i].is_read) records[i] = parse_goroutine(buffers.pieces[i].buffer, layout);
    }
    return {};
}

// One piece for each candidate afterwards, empty where there is nothing to read.
Result<void> read_stacks(const GoProcess& process, std::span<const Candidate> candidates, BatchBuffers& buffers) {
    std::vector<std::pair<size_t, size_t>> ranges;
    size_t total = 0;
    for (const Candidate& candidate : candidates) {
        uint64_t size = 0;
        if (candidate.record.has_stack_to_walk())
            size = std::min(candidate.record.stack_high - candidate.record.sp, kMaxOneStackBytes);
        if (total + size > kMaxStackBytes) size = 0;
        ranges.emplace_back(total, size);
        total += size;
    }
    buffers.bytes.resize(total);
    buffers.pieces.clear();
    buffers.wanted.clear();
    for (size_t i = 0; i < candidates.size(); ++i) {
        const auto buffer = std::span(buffers.bytes).subspan(ranges[i].first, ranges[i].second);
        buffers.pieces.push_back({candidates[i].record.sp, buffer});
        if (!buffer.empty()) buffers.wanted.push_back(buffers.pieces.back());
    }
    WH_TRY_VOID(process.memory().read_pieces(buffers.wanted));
    size_t next = 0;
    for (Piece& piece : buffers.pieces) {
        if (!piece.buffer.empty()) piece = buffers.wanted[next++];
    }
    return {};
}

class Reader {
public:
    explicit Reader(const GoProcess& process) : process_(process), walker_(process) {}

    Result<GoroutineSnapshot> read() {
        WH_TRY(const std::vector<uint64_t> addresses, read_addresses(process_));
        std::vector<Candidate> candidates;
        candidates.reserve(addresses.size());
        for (const uint64_t address : addresses) candidates.push_back({address, {}});
        for (int round = 0; round < kRounds && !candidates.empty(); ++round) {
            std::vector<Candidate> again;
            for (size_t first = 0; first < candidates.size(); first += kBatch) {
                const auto batch = std::span(candidates).subspan(first, std::min(kBatch, candidates.size() - first));
                WH_TRY_VOID(read_batch(batch, round + 1 == kRounds, again));
            }
            candidates = std::move(again);
        }
        snapshot_.torn += candidates.size();
        for (const Candidate& candidate : candidates) snapshot_.torn_ids.push_back(candidate.record.id);
        WH_TRY_VOID(read_channels());
        return std::move(snapshot_);
    }

private:
    // Adds those that have to be read again to `again`.
    Result<void> read_batch(std::span<Candidate> candidates, bool is_last, std::vector<Candidate>& again) {
        WH_TRY_VOID(read_records(process_, candidates, record_buffers_, records_));
        alive_.clear();
        for (size_t i = 0; i < candidates.size(); ++i) {
            candidates[i].record = records_[i].value_or(GoroutineRecord{});
            if (!records_[i]) {
                ++snapshot_.torn;
            } else if (records_[i]->is_alive()) {
                alive_.push_back(candidates[i]);
            } else {
                ++snapshot_.dead;
            }
        }
        WH_TRY_VOID(read_stacks(process_, alive_, stack_buffers_));
        WH_TRY_VOID(read_records(process_, alive_, record_buffers_, records_));
        for (size_t i = 0; i < alive_.size(); ++i) {
            if (!take(alive_[i].record, records_[i], stack_buffers_.pieces[i], is_last)) again.push_back(alive_[i]);
        }
        return {};
    }

    // False: it changed, read it again.
    bool take(const GoroutineRecord& record, const std::optional<GoroutineRecord>& after, const Piece& stack,
              bool is_last) {
        if (record.state == GoroutineState::kRunning || record.state == GoroutineState::kCopyingStack) {
            // Where it is cannot be seen; who it is must be the same still. It may be at rest by the next round.
            if (!after || after->id != record.id || !after->is_alive()) return false;
            if (!is_last && after->state != record.state) return false;
            add(record, kNoGoStack);
            ++snapshot_.running;
            return true;
        }
        if (after != record || !stack.is_read) return false;
        GoStack walked = walker_.walk(record, stack.buffer);
        if (walked.end == GoStackEnd::kInconsistent) return false;
        if (walked.end == GoStackEnd::kTooDeep) ++snapshot_.too_deep;
        add(record, walked.end == GoStackEnd::kComplete ? intern(std::move(walked.frames)) : kNoGoStack);
        return true;
    }

    void add(const GoroutineRecord& record, uint32_t stack) {
        snapshot_.goroutines.push_back(
            {.record = record, .stack = stack, .channel = 0, .is_system = is_system(record.start)});
    }

    uint32_t intern(std::vector<uint64_t> frames) {
        const auto [found, is_new] = stack_numbers_.try_emplace(frames, static_cast<uint32_t>(snapshot_.stacks.size()));
        if (is_new) snapshot_.stacks.push_back(std::move(frames));
        return found->second;
    }

    // As runtime.isSystemGoroutine: those that begin in the runtime. Finalizers and cleanups run in one that counts as the
    // user's while it runs the user's code; from outside that shows by its stack only, so it counts as a system one.
    bool is_system(uint64_t start) {
        const auto [found, is_new] = is_system_.try_emplace(start, false);
        if (!is_new) return found->second;
        const auto function = process_.function_at(start);
        const std::string_view name = function ? process_.code().table().name_of(*function) : std::string_view();
        found->second = name.starts_with("runtime.") && name != "runtime.main" && name != "runtime.corostart" &&
                        name != "runtime.handleAsyncEvent";
        return found->second;
    }

    // One that waits for one channel has one sudog, which names it; with select there are more of them.
    Result<void> read_channels() {
        struct Waiting {  // a part of sudog, the same in all versions
            uint64_t next = 0;
            uint64_t last = 0;
            uint64_t channel = 0;
        };
        const uint64_t offset = process_.layout().goroutine.waiting_channel - offsetof(Waiting, channel);
        std::vector<Waiting> waiting(snapshot_.goroutines.size());
        std::vector<Piece> pieces;
        std::vector<size_t> owners;
        for (size_t i = 0; i < waiting.size(); ++i) {
            const GoroutineRecord& record = snapshot_.goroutines[i].record;
            if (record.waiting == 0 || record.state != GoroutineState::kWaiting) continue;
            pieces.push_back({record.waiting + offset, {reinterpret_cast<uint8_t*>(&waiting[i]), sizeof waiting[i]}});
            owners.push_back(i);
        }
        WH_TRY_VOID(process_.memory().read_pieces(pieces));
        for (size_t i = 0; i < pieces.size(); ++i) {
            const Waiting& one = waiting[owners[i]];
            if (pieces[i].is_read && one.next == 0) snapshot_.goroutines[owners[i]].channel = one.channel;
        }
        return {};
    }

    const GoProcess& process_;
    GoStackWalker walker_;
    GoroutineSnapshot snapshot_;
    BatchBuffers record_buffers_;
    BatchBuffers stack_buffers_;
    Records records_;
    std::vector<Candidate> alive_;
    absl::flat_hash_map<std::vector<uint64_t>, uint32_t> stack_numbers_;
    absl::flat_hash_map<uint64_t, bool> is_system_;
};

}  // namespace

Result<GoroutineSnapshot> read_goroutines(const GoProcess& process) { return Reader(process).read(); }

const char* state_word(GoroutineState state) {
    switch (state) {
        case GoroutineState::kIdle: return "being created";
        case GoroutineState::kRunnable: return "runnable";
        case GoroutineState::kRunning: return "running";
        case GoroutineState::kSystemCall: return "in a system call";
        case GoroutineState::kWaiting: return "waiting";
        case GoroutineState::kDead:
        case GoroutineState::kDeadExtra: return "dead";
        case GoroutineState::kCopyingStack: return "moving its stack";
        case GoroutineState::kPreempted: return "preempted";
        case GoroutineState::kLeaked: return "leaked";
    }
    return "unknown";
}

}  // namespace whoholds
