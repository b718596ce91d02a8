// Acquires and releases of what goes through the table of the young.
#ifndef WHOHOLDS_LIB_HELD_H
#define WHOHOLDS_LIB_HELD_H

#include "lib/stream.bpf.h"
#include "lib/young.bpf.h"

// Not found young: user space holds it, or it was taken before we attached.
static __noinline void send_release(u32 kind_process, u64 key, u64 size, u32 flags) {
    struct wh_record record = {
        .type = WH_RECORD_RELEASE,
        .kind = kind_process & 0xff,
        .process = kind_process >> 16,
        .tid = (u32)bpf_get_current_pid_tgid(),
        .key = key,
        .size = size,
        .time_ns = bpf_ktime_get_ns(),
        .flags = flags,
    };
    if (!send_or_keep(&record)) count(WH_COUNTER_RELEASE_LOST);
}

static __noinline void send_acquire(u32 kind_process, u64 key, u64 size, u64 time_ns, u64 flags_stack) {
    struct wh_record record = {
        .type = WH_RECORD_ACQUIRE,
        .kind = kind_process & 0xff,
        .process = kind_process >> 16,
        .tid = (u32)bpf_get_current_pid_tgid(),
        .key = key,
        .size = size,
        .time_ns = time_ns,
        .stack = (u32)flags_stack,
        .flags = flags_stack >> 32,
    };
    if (!send(&record)) count_lost(record.stack, size);
}

WH_INLINE void put_or_spill(u32 kind, u32 process, u64 key, u64 size, u32 stack, u64 time_ns) {
    if (WH_HAS_YOUNG && size <= WH_YOUNG_SIZE_MAX) {
        u64 old = 0;
        enum wh_young_result result = young_put(kind, process, key, pack_size_stack(size, stack), time_ns, &old);
        if (result == WH_YOUNG_INSERTED) return;
        if (result == WH_YOUNG_REPLACED) {
            count(WH_COUNTER_HEALED);
            count_died(stack_of_packed(old), size_of_packed(old));
            return;
        }
        count(WH_COUNTER_SPILLED);
    }
    send_acquire(kind | process << 16, key, size, time_ns, stack);
}

WH_INLINE void release(u32 kind, u32 process, u64 key) {
    u64 size_stack, time_ns;
    if (young_take(kind, process, key, &size_stack, &time_ns))
        count_died(stack_of_packed(size_stack), size_of_packed(size_stack));
    else
        send_release(kind | process << 16, key, 0, 0);
}

#endif
