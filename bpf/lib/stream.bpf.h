// Sends records to user space. The main ring keeps the order of reservation; a release that finds it full goes to the backlog,
// which user space reads first and matches by time.
#ifndef WHOHOLDS_LIB_STREAM_H
#define WHOHOLDS_LIB_STREAM_H

#include "lib/maps.bpf.h"

// Waking costs the target an interrupt, so it is done when much waits; else user space comes by on its timer.
WH_INLINE u64 wake_flags(void) {
    u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
    return waiting >= config.ring_wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

WH_INLINE bool send(const struct wh_record* record) {
    struct wh_record* place = bpf_ringbuf_reserve(&ring, sizeof(*place), 0);
    if (!place) return false;
    *place = *record;
    bpf_ringbuf_submit(place, wake_flags());
    return true;
}

WH_INLINE bool send_or_keep(const struct wh_record* record) {
    if (send(record)) return true;
    struct wh_record* place = bpf_ringbuf_reserve(&backlog, sizeof(*place), 0);
    if (!place) return false;
    *place = *record;
    bpf_ringbuf_submit(place, BPF_RB_FORCE_WAKEUP);
    count(WH_COUNTER_BACKLOG);
    return true;
}

WH_INLINE bool send_now(const struct wh_record* record) {
    struct wh_record* place = bpf_ringbuf_reserve(&ring, sizeof(*place), 0);
    if (!place) {
        count(WH_COUNTER_RECORD_LOST);
        return false;
    }
    *place = *record;
    bpf_ringbuf_submit(place, BPF_RB_FORCE_WAKEUP);
    return true;
}

WH_INLINE void notify_of(u32 type, u32 process, u64 key, u64 size, u32 flags) {
    struct wh_record record = {
        .type = type,
        .process = process,
        .tid = (u32)bpf_get_current_pid_tgid(),
        .key = key,
        .size = size,
        .time_ns = bpf_ktime_get_ns(),
        .flags = flags,
    };
    send_now(&record);
}

WH_INLINE void notify(u32 type, u32 process, u64 key, u32 flags) { notify_of(type, process, key, 0, flags); }

#endif
