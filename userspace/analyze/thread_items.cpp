#include "analyze/thread_items.h"

namespace whoholds {
namespace {

constexpr double kNsPerS = 1e9;

double seconds_between(uint64_t from_ns, uint64_t to_ns) {
    return to_ns > from_ns ? static_cast<double>(to_ns - from_ns) / kNsPerS : 0;
}

std::optional<double> age_of(const HeldThread& thread, const ThreadSurroundings& surroundings) {
    if (!thread.before_attach) return seconds_between(thread.time_ns, surroundings.now_ns);
    if (surroundings.boottime_now_ns == 0 || thread.seen.start_time_ns == 0) return std::nullopt;
    return seconds_between(thread.seen.start_time_ns, surroundings.boottime_now_ns);
}

}  // namespace

std::string thread_state(char state) {
    switch (state) {
        case 'R': return "running";
        case 'S': return "sleeping";
        case 'D': return "uninterruptible";
        case 'T': return "stopped";
        case 't': return "stopped by a debugger";
        case 'Z': return "zombie";
        case 'X':
        case 'x': return "dead";
        case 'I': return "idle";
        case 'P': return "parked";
        default: return "";
    }
}

ItemReport describe_thread(const HeldThread& thread, const ThreadDetails& details,
                           const ThreadSurroundings& surroundings) {
    ItemReport item;
    item.key = thread.seen.our_tid != 0 ? thread.seen.our_tid : thread.seen.tid;
    item.is_thread = true;
    item.type = "thread";
    item.name = details.name;
    item.state = thread_state(details.state);
    if (details.wait_channel != "0") item.wait_channel = details.wait_channel;
    item.age_s = age_of(thread, surroundings);
    // The scheduler's own count is finer than the clock ticks of /proc.
    item.cpu_s = details.cpu_s;
    if (thread.seen.cpu_ns != 0) item.cpu_s = static_cast<double>(thread.seen.cpu_ns) / kNsPerS;
    item.start_routine = surroundings.start_routine;
    item.size_bytes = surroundings.stack_bytes;
    return item;
}

ItemReport describe_joinable(const JoinableHandle& handle, uint64_t now_ns) {
    ItemReport item = describe_handle(handle.handle, handle.time_ns, now_ns);
    item.type = "joinable thread";
    item.state = handle.finished ? "finished, never joined" : "not ended yet";
    if (handle.tid != 0) item.name = "thread " + std::to_string(handle.tid);
    item.size_bytes = handle.stack_bytes;
    return item;
}

ItemReport describe_handle(uint64_t handle, uint64_t time_ns, uint64_t now_ns) {
    ItemReport item;
    item.key = handle;
    item.type = "handle";
    item.age_s = seconds_between(time_ns, now_ns);
    return item;
}

}  // namespace whoholds
