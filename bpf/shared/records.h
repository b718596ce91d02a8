// What travels through the ring buffers, and the tables that BPF programs and user space share.
// Included by BPF C and by C++; every struct that crosses the boundary is declared here, once.
#ifndef WHOHOLDS_SHARED_RECORDS_H
#define WHOHOLDS_SHARED_RECORDS_H

#include <linux/types.h>

#include "python_process.h"
#include "shared_assert.h"
#include "stack_status.h"
#include "v8_process.h"

enum wh_record_type {
    WH_RECORD_NONE = 0,
    WH_RECORD_ACQUIRE = 1,   // a resource that did not go through the young table
    WH_RECORD_RELEASE = 2,   // of a resource that was not in the young table
    WH_RECORD_RESTORE = 3,   // the call that released `key` failed: undo
    WH_RECORD_STACK = 4,     // wh_stack_record
    WH_RECORD_LOADER = 5,    // the dynamic linker changed its list of libraries
    WH_RECORD_EXEC = 6,      // key: host tgid, size: pid as whoholds sees it; of WH_NO_PROCESS: one that is not traced
    WH_RECORD_FORK = 7,      // key: child's host tgid, size: its pid as whoholds sees it; flags: WH_FLAG_SHARED_MM
    WH_RECORD_MAPPINGS = 8,  // the process runs code that the unwind tables do not know
    WH_RECORD_SNAPSHOT = 9,  // wh_snapshot_record
    WH_RECORD_FAILED = 10,   // a connect that failed; key: descriptor, size: error number, stack
    WH_RECORD_GO_SAMPLE = 11,   // see go_samples.h
    WH_RECORD_GO_MARKING = 12,  // a collection of a Go program begins; key: mheap_.sweepgen
    WH_RECORD_JS_SAMPLE = 13,   // key: number of the heap's table, see js_heap.h; stack, time_ns
    WH_RECORD_JS_HEAP = 14,     // key: address of a heap that has no table yet
    WH_RECORD_JS_HEAP_ENDS = 15,
};

enum wh_record_flag {
    WH_FLAG_TENTATIVE = 1 << 0,  // of a release: a RESTORE of the same key and thread may follow
    WH_FLAG_SHARED_MM = 1 << 1,  // of a fork: the child shares the address space (vfork)
    WH_FLAG_INCOMING = 1 << 2,   // of an acquired socket: accepted
    WH_FLAG_REPLACES = 1 << 3,   // of an acquired descriptor: whatever had its number is closed by that (dup2)
    WH_FLAG_RANGE = 1 << 4,      // of released descriptors: all from key to size
    WH_FLAG_CALL_SHIFT = 8,      // of an acquired range: the flags argument of the call from this bit on
};

struct wh_record {
    __u8 type;
    __u8 kind;
    __u16 process;  // index into the table of processes
    __u32 tid;      // of the init namespace
    __u64 key;
    __u64 size;
    __u64 time_ns;  // CLOCK_MONOTONIC
    __u32 stack;    // index into the table of stacks
    __u32 flags;
};
WH_STATIC_ASSERT(sizeof(struct wh_record) == 40);

#define WH_STACK_MAX_FRAMES 256
#define WH_STACK_ROOM (WH_STACK_MAX_FRAMES + WH_PYTHON_WORDS)
#define WH_FRAME_EXACT (1ull << 63)  // the address that was interrupted by a signal, not a return address

struct wh_stack_record {  // sent with as many frames as there are
    __u8 type;
    __u8 kind;
    __u16 process;
    __u32 stack;
    __u64 hash;
    __u32 status;
    __u32 frame_count;
    __u32 layout;  // wh_unwind_process.layout when it was walked
    __u32 tid;     // of the init namespace
    // Innermost first; frame 0 is the return address of the acquiring call. Between them what is known of functions of JavaScript
    // (v8_process.h), behind them of the goroutine's creator (go_process.h), or the frames of Python code (python_process.h).
    __u64 frames[WH_STACK_ROOM];
};
WH_STATIC_ASSERT(sizeof(struct wh_stack_record) == 32 + 8 * WH_STACK_ROOM);

// Where the kernel part cannot finish a walk: what user space needs to do it. The stack's hash is that of registers and
// slice, so equal hashes mean equal stacks, as far as the slice goes.
#define WH_SNAPSHOT_BYTES 16384
#define WH_SNAPSHOT_REGISTERS 8  // rip, rsp, rbp, rbx, r12, r13, r14, r15
#define WH_SNAPSHOT_RETURNS 16   // return addresses that return probes replaced in the slice

struct wh_replaced_return {
    __u64 place;
    __u64 address;
};

struct wh_snapshot_record {
    __u8 type;
    __u8 kind;
    __u16 process;
    __u32 stack;
    __u64 hash;
    __u32 status;  // how the kernel's walk ended
    __u32 slice_bytes;
    __u32 layout;
    __u32 return_count;
    // Nothing that was mapped then has gone, as long as there were no more removals and the pages have not become fewer.
    __u32 removals;
    __u32 reserved;
    __u64 exec_pages;
    __u64 registers[WH_SNAPSHOT_REGISTERS];
    struct wh_replaced_return returns[WH_SNAPSHOT_RETURNS];
    __u64 slice[WH_SNAPSHOT_BYTES / 8];  // from rsp on
};
WH_STATIC_ASSERT(sizeof(struct wh_snapshot_record) == 112 + 16 * WH_SNAPSHOT_RETURNS + WH_SNAPSHOT_BYTES);

// The table of the young: a set-associative hash table in a BPF array that user space maps. Slots change hands by
// compare-and-swap on `owner` alone:
//   free -> busy (acquire) -> live -> busy (release in BPF, or sweep in user space) -> free.
// The version grows with each filling, so that a compare-and-swap from a live owner succeeds only if key, size, stack and
// time still are those read before.
#define WH_YOUNG_WAYS 8

struct wh_young_bucket {
    __u64 key[WH_YOUNG_WAYS];
    __u64 owner[WH_YOUNG_WAYS];       // state:8 kind:8 process:16 version:32, lowest first
    __u64 size_stack[WH_YOUNG_WAYS];  // size:40 stack:24
    __u64 time_ns[WH_YOUNG_WAYS];
};
WH_STATIC_ASSERT(sizeof(struct wh_young_bucket) == 256);

enum wh_young_state { WH_YOUNG_FREE = 0, WH_YOUNG_BUSY = 1, WH_YOUNG_LIVE = 2 };

#define WH_YOUNG_SIZE_BITS 40
#define WH_YOUNG_SIZE_MAX ((1ull << WH_YOUNG_SIZE_BITS) - 1)
#define WH_YOUNG_OWNER(state, kind, process) ((__u64)(state) | (__u64)(kind) << 8 | (__u64)(process) << 16)
#define WH_YOUNG_OWNER_MASK 0xffffffffull
#define WH_YOUNG_VERSION_ONE (1ull << 32)

// The table of stacks: slot number + 1 is the stack's index. A slot holds the 64-bit hash, never 0, lowest bit: frames sent.
#define WH_STACK_WAYS 8
#define WH_STACK_SENT 1ull

struct wh_stack_bucket {
    __u64 hash[WH_STACK_WAYS];
    __u32 kind_process[WH_STACK_WAYS];  // kind | process << 16
};

// Per stack and shard of CPUs: what never reached user space as single events.
struct wh_stack_counters {
    __u64 died_count;  // released while in the young table
    __u64 died_bytes;
    __u64 lost_count;  // acquired, but there was no room to record it
    __u64 lost_bytes;
};

struct wh_process {
    __u64 mm;     // the address space; 0: not to be traced (now)
    __u32 tgid;   // of the init namespace
    __u32 flags;  // wh_process_flag
};

enum wh_process_flag {
    WH_PROCESS_ADOPT_ON_EXEC = 1 << 0,  // take over the address space that the next exec makes
    // Of our own child only: SIGSTOP when the dynamic linker has mapped the libraries, or at the exec that is adopted.
    WH_PROCESS_STOP_AT_LOADER = 1 << 1,
    WH_PROCESS_STOP_AT_EXEC = 1 << 2,
    WH_PROCESS_SYSTEM_CALLS = 1 << 3,  // its system calls are followed by the tracepoint
    WH_PROCESS_THREADS = 1 << 4,       // its threads are resources
};

// What the task iterator says of one thread of the process that is asked for.
struct wh_located_task {
    __u64 mm;
    __u64 start_time_ns;
    __u64 exec_pages;  // of the address space that are executable and not writable
    __u32 tgid;        // of the init namespace
    __u32 tid;
};

// What the descriptor iterator says of one open descriptor. Fields of sockets are 0 for others.
struct wh_seen_descriptor {
    __u64 file;     // identity of the open file, the same for what dup() made of it
    __u64 seen_ns;  // CLOCK_MONOTONIC
    __u64 inode;
    __u64 size;  // bytes, of the file; of a pipe 0
    __u32 fd;
    __u32 links;          // names that the file has; 0: deleted
    __u32 net_inode;      // of the socket's network namespace
    __u32 receive_bytes;  // waiting to be read; of a listening socket the connections that wait to be accepted
    __u32 send_bytes;     // not yet acknowledged; of a listening socket its backlog
    __u16 mode;           // type bits of the inode, as in stat
    __u16 family;         // AF_…
    __u16 type;           // SOCK_…
    __u16 protocol;       // IPPROTO_…
    __u16 local_port;     // host order
    __u16 remote_port;
    __u8 state;  // TCP_… of <linux/tcp.h>, also of unix sockets
    __u8 reserved[7];
    __u8 local_address[16];  // IPv4 in the first four bytes
    __u8 remote_address[16];
    __u64 peer_inode;  // of unix sockets, 0: none
};
WH_STATIC_ASSERT(sizeof(struct wh_seen_descriptor) == 112);

// What the thread iterator says of one thread.
struct wh_seen_thread {
    __u64 seen_ns;
    __u64 start_time_ns;  // CLOCK_BOOTTIME
    __u64 cpu_ns;         // used so far
    __u32 tid;            // of the init namespace
    __u32 our_tid;        // in the PID namespace of whoholds, as /proc shows it
};

#define WH_MAX_PROCESSES 1024
#define WH_NO_PROCESS 0xffff
#define WH_MAX_PROBES 8192
#define WH_TRACEPOINT_PROBE (WH_MAX_PROBES - 1)  // hits of the tracepoint of system calls, for all processes together
#define WH_SYSTEM_CALLS 512

// Where the table of stacks is full, acquires are counted under one row for each process and kind, behind the table's rows.
#define WH_NO_STACK_KINDS 32
#define WH_NO_STACK_ROWS (WH_MAX_PROCESSES * WH_NO_STACK_KINDS)
#define WH_NO_STACK_ROW(kind, process) \
    (((process) & (WH_MAX_PROCESSES - 1)) * WH_NO_STACK_KINDS + ((kind) & (WH_NO_STACK_KINDS - 1)))

// Rows in front of those, which user space uses for what was not seen to be acquired.
#define WH_ORIGIN_ROWS 4096

struct wh_config {
    __u64 pid_namespace_inode;
    __u64 ring_wake_bytes;  // wake user space when this much waits in the ring
    __u32 young_bucket_mask;
    __u32 stack_bucket_mask;
    __u32 no_stack_base;  // first of the WH_NO_STACK_ROWS
    __u32 stack_stride;   // rows of stack counters a shard
    __u32 shard_mask;     // shards of CPUs, a power of two, minus one
    __u32 reserved;
};
WH_STATIC_ASSERT(sizeof(struct wh_config) == 40);

#endif
