// One goroutine as the runtime's own record of it (struct g) says, and a walk of its stack. Used by the reader of all
// goroutines and by the self-checks. Pure: they see bytes, never a process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/go/layout.h"

namespace whoholds {

class GoProcess;

enum class GoroutineState : uint8_t {  // the runtime's numbers (runtime/runtime2.go), without its scan bit
    kIdle = 0,
    kRunnable = 1,
    kRunning = 2,
    kSystemCall = 3,
    kWaiting = 4,
    kDead = 6,
    kCopyingStack = 8,
    kPreempted = 9,
    kLeaked = 10,     // waits for what nothing can reach (since 1.26)
    kDeadExtra = 11,  // of a thread of C code, not in use (since 1.26)
};

struct GoroutineRecord {
    uint64_t stack_low = 0;
    uint64_t stack_high = 0;
    uint64_t sp = 0;  // where the walk begins: as saved when it was suspended, or at its system call
    uint64_t pc = 0;
    uint64_t stack_top = 0;  // the stack pointer in the frame of its first function's caller
    uint64_t id = 0;
    uint64_t parent_id = 0;     // 0: not known
    uint64_t creator = 0;       // return address of its go statement
    uint64_t start = 0;         // its first function
    uint64_t waiting = 0;       // what it waits for (sudog); 0: none
    int64_t wait_since_ns = 0;  // CLOCK_MONOTONIC, of the first collection that saw it blocked; 0: not yet
    GoroutineState state{};
    uint8_t wait_reason = 0;
    friend bool operator==(const GoroutineRecord&, const GoroutineRecord&) = default;

    [[nodiscard]] bool is_alive() const {
        return state != GoroutineState::kIdle && state != GoroutineState::kDead && state != GoroutineState::kDeadExtra;
    }
    // Its stack is at rest, as far as this record says.
    [[nodiscard]] bool has_stack_to_walk() const {
        return is_alive() && state != GoroutineState::kRunning && state != GoroutineState::kCopyingStack &&
               sp >= stack_low && sp < stack_high && stack_high - stack_low <= kMaxStackBytes;
    }
    static constexpr uint64_t kMaxStackBytes = uint64_t{1} << 30;  // the runtime's own limit
};

// bytes: layout.size of them.
GoroutineRecord parse_goroutine(std::span<const uint8_t> bytes, const GoroutineLayout& layout);

enum class GoStackEnd : uint8_t {
    kComplete,      // reached the caller of its first function, at exactly the place that the record says
    kTooDeep,       // more frames than are kept
    kInconsistent,  // it changed while it was read, or code is in it that Go's tables do not know
};

struct GoStack {
    // Innermost first, without the runtime's own outermost frame. WH_FRAME_EXACT marks addresses that are not return addresses.
    std::vector<uint64_t> frames;
    GoStackEnd end = GoStackEnd::kInconsistent;
};

// Remembers what it learns of each program counter; made for one reading of all goroutines.
class GoStackWalker {
public:
    explicit GoStackWalker(const GoProcess& process);
    ~GoStackWalker();
    GoStackWalker(const GoStackWalker&) = delete;
    GoStackWalker& operator=(const GoStackWalker&) = delete;

    // stack: the bytes from record.sp on.
    [[nodiscard]] GoStack walk(const GoroutineRecord& record, std::span<const uint8_t> stack);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
