// Samples of a Go program's allocations: what the programs need to know of a process, and how a sample packs the size of an object.
// Included by BPF C and by C++.
#ifndef WHOHOLDS_SHARED_GO_SAMPLES_H
#define WHOHOLDS_SHARED_GO_SAMPLES_H

#include <linux/types.h>

#include "shared_assert.h"

// A sample is a wh_record: key is the span, size the address of the object, tid its size (wh_go_size), flags the collection from
// which on it may be judged (a value of mheap_.sweepgen), stack and time as everywhere.

// The kind that their stacks have in the tables. It has no row in resource_kinds.h, as nothing is acquired or released by itself.
#define WH_KIND_GO_HEAP 15

struct wh_go_heap {               // by slot of the process
    __u64 sweep_generation;       // address of mheap_.sweepgen
    __u32 span_element_size;      // offset of elemsize in mspan; allocCount, spanclass and state lie in the word before
    __u32 marking_in_generation;  // the collection after this one has begun to mark; 0: none that we saw
    __u64 timed;                  // samples whose time in the program was taken
    __u64 timed_ns;               // ... and what they took
};
WH_STATIC_ASSERT(sizeof(struct wh_go_heap) == 32);

#define WH_GO_SAMPLE_LONGEST_NS 50000ull  // what takes longer was interrupted

#define WH_GO_SPAN_START 24  // startAddr and npages of mspan, Go 1.16 to 1.27

// Small objects by their bytes, large ones (which have a span of their own) by its pages; either without pointers or with.
#define WH_GO_PAGE_BYTES 8192ull
#define WH_GO_SIZE_IS_PAGES 0x80000000u
#define WH_GO_SIZE_NO_POINTERS 0x40000000u
#define WH_GO_SIZE_MASK 0x3fffffffu
#define WH_GO_LARGEST_SMALL 32768

#endif
