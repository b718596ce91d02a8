#include "runtime/native/threads.h"

#include <array>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

// The handle is written where the first argument points; the second is the attributes, which say whether it is detached, the third
// the function that the thread begins with.
constexpr uint64_t kCreate = pack({.operation = WH_OPERATION_CREATE_THREAD,
                                   .kind = WH_KIND_JOINABLE,
                                   .size_arg = 3,
                                   .key_arg = 1,
                                   .key_indirect = true,
                                   .success = WH_SUCCESS_ZERO,
                                   .flags_arg = 2});
// Fails if the thread is joined or detached already, has not ended in time, or is the caller itself.
constexpr uint64_t kEnd =
    pack({.operation = WH_OPERATION_TRY_RELEASE, .kind = WH_KIND_JOINABLE, .key_arg = 1, .success = WH_SUCCESS_ZERO});

// thrd_create is not here: it jumps into pthread_create. Those that wait are points of cancellation.
constexpr auto kFunctions = std::to_array<ThreadFunction>({
    {"pthread_create", kCreate, false},
    {"pthread_join", kEnd, true},
    {"pthread_tryjoin_np", kEnd, false},
    {"pthread_timedjoin_np", kEnd, true},
    {"pthread_clockjoin_np", kEnd, true},
    {"pthread_detach", kEnd, false},
    {"thrd_join", kEnd, true},
    {"thrd_detach", kEnd, false},
});

constexpr bool every_shape_is_valid() {
    for (const ThreadFunction& function : kFunctions) {
        if (!is_valid(unpack(function.shape))) return false;
    }
    return true;
}
static_assert(every_shape_is_valid());

}  // namespace

std::span<const ThreadFunction> thread_functions() { return kFunctions; }

const ThreadFunction* find_thread_function(std::string_view symbol) {
    for (const ThreadFunction& function : kFunctions) {
        if (function.symbol == symbol) return &function;
    }
    return nullptr;
}

}  // namespace whoholds
