// What the checker's BPF program sends of each event: the frames as the product's walker found them, and what another unwinder
// needs to find them on its own.
#ifndef WHOHOLDS_TESTS_STACKS_CHECK_H
#define WHOHOLDS_TESTS_STACKS_CHECK_H

#include "bpf/shared/records.h"

// Slices of stack come in four sizes, and up to a page more: most stacks are small, and the ring holds more of those.
#define CHECK_PAGE 4096
#define CHECK_SMALL_SLICE 4096
#define CHECK_MIDDLE_SLICE 16384
#define CHECK_LARGE_SLICE 65536
#define CHECK_HUGE_SLICE 524288

struct check_event {
    __u64 registers[WH_SNAPSHOT_REGISTERS];  // in the order of wh_snapshot_record
    __u32 tid;                               // of the init namespace
    __u32 status;                            // wh_stack_status
    __u32 frame_count;
    __u32 slice_bytes;
    struct wh_replaced_return returns[WH_SNAPSHOT_RETURNS];  // place 0: none
    __u64 frames[WH_STACK_MAX_FRAMES];
    __u8 slice[];
};

#endif
