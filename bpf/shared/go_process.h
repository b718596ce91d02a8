// What the programs need to know of a Go program to follow its goroutines, and what they keep of each. Included by BPF C and by C++.
#ifndef WHOHOLDS_SHARED_GO_PROCESS_H
#define WHOHOLDS_SHARED_GO_PROCESS_H

#include <linux/types.h>

#include "shared_assert.h"

// By slot of the process. Addresses are those of the process, offsets are bytes.
struct wh_go_process {
    __u64 switch_start;  // runtime.systemstack_switch: where a goroutine stands that has gone to the thread's own stack
    __u64 switch_end;
    __u64 runtime_start;  // the code of package runtime: goroutines that begin there are its own ...
    __u64 runtime_end;
    __u64 coroutine_start;  // ... but for this one (iter.Pull); 0: there is none
    __s64 tls_offset;       // of the current g from the thread pointer, in C code; 0: not known
    __u16 g_saved_bp;       // in g: sched.bp
    __u16 g_id;
    __u16 g_creator;  // gopc
    __u16 g_start;    // startpc
    __u16 m_current;  // in m: curg
    __u16 is_known;   // 0: nothing of this is valid
    __u32 reserved;
};
WH_STATIC_ASSERT(sizeof(struct wh_go_process) == 64);

// The same since Go 1.16, on 64-bit machines.
#define WH_GO_G_STACK_HIGH 8
#define WH_GO_G_M 48
#define WH_GO_G_SAVED_SP 56
#define WH_GO_G_SAVED_PC 64
#define WH_GO_M_G0 0

// A goroutine that lives: the stack that it was created at, with its own ancestry.
struct wh_lineage {
    __u64 frames_hash;  // of the frames alone
    __u32 stack;        // index into the table of stacks
    __u32 depth;        // how many creations are joined in it
    __u32 root;         // the stack of the first of them
    __u32 reserved;
};
WH_STATIC_ASSERT(sizeof(struct wh_lineage) == 24);

// So many creations are told of one goroutine: whoever creates its successor again and again makes no endless story.
#define WH_LINEAGE_DEPTH 8

// The last frame of a stack may be one of these instead of an address: who created the goroutine.
#define WH_FRAME_CREATED_BY (1ull << 62)  // | index of the stack at which it was created
#define WH_FRAME_CREATED_AT (1ull << 61)  // | return address of its go statement: it was there before we came
#define WH_FRAME_CUT (1ull << 60)         // | index of the stack of the first creation: those in between are left out
#define WH_FRAME_ORIGINS (WH_FRAME_CREATED_BY | WH_FRAME_CREATED_AT | WH_FRAME_CUT)
#define WH_FRAME_ORIGIN_VALUE(frame) ((frame) & ~WH_FRAME_ORIGINS)

#endif
