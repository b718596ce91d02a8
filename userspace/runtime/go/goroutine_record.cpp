#include "runtime/go/goroutine_record.h"

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "bpf/shared/records.h"
#include "runtime/go/go_process.h"

namespace whoholds {
namespace {

constexpr uint32_t kScanBit = 0x1000;  // _Gscan
constexpr size_t kMaxFrames = 1024;

template <class T>
T at(std::span<const uint8_t> bytes, size_t offset) {
    T value{};
    if (offset <= bytes.size() && sizeof value <= bytes.size() - offset)
        std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

}  // namespace

GoroutineRecord parse_goroutine(std::span<const uint8_t> bytes, const GoroutineLayout& layout) {
    GoroutineRecord record;
    record.stack_low = at<uint64_t>(bytes, 0);
    record.stack_high = at<uint64_t>(bytes, 8);
    record.state = static_cast<GoroutineState>(at<uint32_t>(bytes, layout.status) & ~kScanBit);
    const uint64_t syscall_sp = at<uint64_t>(bytes, layout.syscall_sp);
    const bool in_call = record.state == GoroutineState::kSystemCall && syscall_sp != 0;
    record.sp = in_call ? syscall_sp : at<uint64_t>(bytes, layout.saved_sp);
    record.pc = at<uint64_t>(bytes, in_call ? layout.syscall_pc : layout.saved_pc);
    record.stack_top = at<uint64_t>(bytes, layout.stack_top);
    record.id = at<uint64_t>(bytes, layout.id);
    if (layout.parent_id != kNoField) record.parent_id = at<uint64_t>(bytes, layout.parent_id);
    record.creator = at<uint64_t>(bytes, layout.creator);
    record.start = at<uint64_t>(bytes, layout.start);
    record.waiting = at<uint64_t>(bytes, layout.waiting);
    record.wait_since_ns = at<int64_t>(bytes, layout.wait_since);
    record.wait_reason = at<uint8_t>(bytes, layout.wait_reason);
    return record;
}

struct GoStackWalker::State {
    struct Place {           // what a program counter means
        uint64_t entry = 0;  // of its function, as in the process; 0: not Go code
        int32_t stack_delta = 0;
        bool is_last = false;            // runtime.goexit, the caller of each first function
        bool interrupts_caller = false;  // its caller did not call it
    };

    explicit State(const GoProcess& go_process) : process(go_process) {
        const auto entry_of = [&](std::string_view name) -> uint64_t {
            const auto function = process.code().table().find_name(name);
            return function ? process.to_process(function->entry) : 0;
        };
        goexit = entry_of("runtime.goexit");
        interrupting = {entry_of("runtime.asyncPreempt"), entry_of("runtime.sigpanic"),
                        entry_of("runtime.debugCallV2")};
    }

    const Place& place_of(uint64_t pc) {
        const auto [found, is_new] = places.try_emplace(pc);
        if (!is_new) return found->second;
        Place& place = found->second;
        const auto function = process.function_at(pc);
        const auto delta = function ? process.code().table().stack_delta(*function, process.to_file(pc)) : std::nullopt;
        if (!delta || *delta < 0) return place;
        place.entry = process.to_process(function->entry);
        place.stack_delta = *delta;
        place.is_last = place.entry == goexit;
        for (const uint64_t entry : interrupting) place.interrupts_caller |= place.entry == entry;
        return place;
    }

    const GoProcess& process;
    uint64_t goexit = 0;
    std::array<uint64_t, 3> interrupting{};
    absl::flat_hash_map<uint64_t, Place> places;
};

GoStackWalker::GoStackWalker(const GoProcess& process) : state_(std::make_unique<State>(process)) {}
GoStackWalker::~GoStackWalker() = default;

// As the runtime does it (runtime/traceback.go): the table says how large each frame is at each instruction.
GoStack GoStackWalker::walk(const GoroutineRecord& record, std::span<const uint8_t> stack) {
    GoStack result;
    uint64_t pc = record.pc;
    uint64_t offset = 0;  // of the stack pointer, from record.sp
    uint64_t last_entry = 0;
    bool was_interrupted = false;
    while (true) {
        const State::Place place = state_->place_of(pc);
        if (place.entry == 0) return result;
        if (place.is_last) break;
        if (result.frames.size() == kMaxFrames) {
            result.end = GoStackEnd::kTooDeep;
            return result;
        }
        // A goroutine that never ran stands at the entry of its first function.
        const bool is_exact = was_interrupted || pc == place.entry;
        result.frames.push_back(is_exact ? pc | WH_FRAME_EXACT : pc);
        last_entry = place.entry;
        was_interrupted = place.interrupts_caller;
        offset += static_cast<uint64_t>(place.stack_delta);
        if (offset > stack.size() || stack.size() - offset < sizeof pc) return result;
        std::memcpy(&pc, stack.data() + offset, sizeof pc);
        offset += sizeof pc;
    }
    const bool starts_right = record.start == 0 || last_entry == record.start;
    if (record.sp + offset == record.stack_top && starts_right) result.end = GoStackEnd::kComplete;
    return result;
}

}  // namespace whoholds
