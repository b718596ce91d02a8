// Samples of what JavaScript code allocates on heaps of V8: what the programs need to know of a process, and the tables in which
// they follow the samples. Included by BPF C and by C++.
#ifndef WHOHOLDS_SHARED_JS_HEAP_H
#define WHOHOLDS_SHARED_JS_HEAP_H

#include <linux/types.h>

#include "shared_assert.h"

// A sample is a wh_record: key is the number of its heap's table, flags that of the sample, size what it stands for; stack and time
// as everywhere.

#define WH_JS_PAGE_BYTES 0x40000ull  // of V8's pages, and what a sample stands for
#define WH_MAX_JS_HEAPS 64           // at once, of all processes
#define WH_JS_SAMPLES 2048           // that are followed of one heap

// Where V8 has what we read, by slot of the process; in bytes from the object named.
struct wh_js_layout {
    __u16 current_page;    // SemiSpaceNewSpace: the page where to-space is filled; 0: nothing is known of this process
    __u16 next_page;       // of a page in its list
    __u16 area_start;      // page: the address of its first object
    __u16 space_heap;      // Space: its Heap
    __u16 scavenger_heap;  // ScavengerCollector
    __u16 collector_heap;  // MarkCompactCollector
    __u16 flags;           // what lies at the address of a page rounded down
    __u16 metadata;        // likewise: where the page's mark bits are counted from; 0: from there
    __u16 mark_bits;
    __u16
        allocation_top;  // SemiSpaceNewSpace: where it has allocated to; 0: the probe is on the way to another page only
    __u16 area_end;      // page: the end of its objects
    __u16 reserved;
};
WH_STATIC_ASSERT(sizeof(struct wh_js_layout) == 24);

#define WH_JS_FROM_PAGE (1ull << 3)  // flags of MemoryChunk, V8 9 to 13
#define WH_JS_TO_PAGE (1ull << 4)

enum wh_js_sample_flag {
    WH_JS_SEEN_BEGUN = 1 << 0,   // there was an object when a collection began
    WH_JS_MARKED = 1 << 1,       // by the full collection that is under way
    WH_JS_FOUND_ALIVE = 1 << 2,  // by a full collection
};

struct wh_js_sample {
    __u64 address;
    __u64 time_ns;
    __u32 stack;
    __u32 flags;   // wh_js_sample_flag
    __u32 number;  // of this heap, in the order in which they came
    __u32 reserved;
};
WH_STATIC_ASSERT(sizeof(struct wh_js_sample) == 32);

enum wh_js_phase {
    WH_JS_RUNS = 0,
    WH_JS_SCAVENGES = 1,
    WH_JS_HAS_MARKED = 2,  // a full collection
};

struct wh_js_heap_counts {
    __u64 heap;  // address of the Heap
    __u32 process;
    __u32 changes;  // odd while something changes
    __u32 phase;    // wh_js_phase
    __u32 used;     // samples in the table
    __u32 kept;     // of them so far, while a collection is looked at
    __u32 taken;    // samples, ever, followed or not
    __u32 lost;     // not followed for lack of room, or not told
    __u32 scavenges;
    __u32 full_collections;
    __u32 confirmed;     // young objects whose mark bit says what became of them
    __u32 contradicted;  // and those where it does not
    __u32 unreadable;    // samples whose fate could not be read
    __u32 missed;        // full collections whose marks were not seen
    __u32 reserved;
};

// Written by the thread of the heap alone; user space may read while `changes` is even and stays the same.
struct wh_js_heap {
    struct wh_js_heap_counts counts;
    struct wh_js_sample samples[WH_JS_SAMPLES];
};
WH_STATIC_ASSERT(sizeof(struct wh_js_heap) == 64 + 32 * WH_JS_SAMPLES);

struct wh_js_heap_key {
    __u64 heap;
    __u64 process;
};

#endif
