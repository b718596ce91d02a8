// Unwind tables as the BPF programs read them. User space makes them of .eh_frame and writes them through mmap.
//
//   address -> mapping (sorted slice of the process, binary search) -> bucket of the module's index -> row (binary search) -> rule
//
// Rules are deduplicated over all modules; a row is 4 bytes. Index and rows live in one arena of 4-byte words: segments of 1 MiB,
// each of 16 chunks. The rows of one bucket never cross a chunk.
#ifndef WHOHOLDS_SHARED_UNWIND_H
#define WHOHOLDS_SHARED_UNWIND_H

#include <linux/types.h>

#include "shared_assert.h"

// What the canonical frame address (CFA) of a frame is: the value of the stack pointer in the caller after the return. The
// return address lies at CFA - 8, unless said otherwise.
enum wh_cfa_kind {
    WH_CFA_NONE = 0,                  // a gap: no information for this code
    WH_CFA_SP = 1,                    // rsp + cfa_offset
    WH_CFA_FP = 2,                    // rbp + cfa_offset
    WH_CFA_SP_DEREFERENCED = 3,       // *(rsp + cfa_offset) + 8 * extra
    WH_CFA_FP_DEREFERENCED = 4,       // *(rbp + cfa_offset) + 8 * extra
    WH_CFA_PLT = 5,                   // rsp + 8, and 8 more from byte `extra` of the 16-byte entry on
    WH_CFA_SIGNAL = 6,                // a signal handler's return trampoline: a ucontext lies at rsp
    WH_CFA_END = 7,                   // the outermost frame
    WH_CFA_UNSUPPORTED = 8,           // information is there, but not in a form that the kernel part evaluates
    WH_CFA_FRAME_POINTER = 9,         // rbp + 16, rbp saved at CFA - 16: code known to keep frame pointers
    WH_CFA_FRAME_POINTER_GUESS = 10,  // the same for code that may not: such a stack is never complete
};

// Where the caller's rbp is.
enum wh_fp_kind {
    WH_FP_SAME = 0,
    WH_FP_AT_CFA = 1,     // at CFA + 8 * fp_offset
    WH_FP_AT_FP = 2,      // at rbp + 8 * fp_offset
    WH_FP_UNDEFINED = 3,  // lost; nothing further out may need it
    WH_FP_UNSUPPORTED =
        4,  // not in a form that the kernel part evaluates: a frame further out that needs it cannot be walked
};

struct wh_unwind_rule {
    __s32 cfa_offset;  // bytes
    __s16 fp_offset;   // words of 8 bytes
    __s8 extra;        // words of 8 bytes; of WH_CFA_PLT: a byte offset
    __u8 kinds;        // wh_cfa_kind | wh_fp_kind << 4
};
WH_STATIC_ASSERT(sizeof(struct wh_unwind_rule) == 8);

// Most rules are this one: CFA is rsp + 8 * n, rbp is untouched or saved below the return address. They are numbers that say it all.
//   bit 15 set; bits 0 to 9: n; bits 10 to 14: 0, or k where rbp lies at CFA - 8 * (k + 1)
#define WH_RULE_COMPACT 0x8000
#define WH_COMPACT_CFA_WORDS(number) ((number)&0x3ff)
#define WH_COMPACT_FP(number) ((number) >> 10 & 0x1f)

#define WH_UNWIND_RULES 32768  // all others, in a table
// Rules with a fixed number, so that BPF programs can name them.
#define WH_RULE_GAP 0
#define WH_RULE_FRAME_POINTER 1
#define WH_RULE_FRAME_POINTER_GUESS 2
#define WH_RULE_UNSUPPORTED 3
#define WH_RULE_FIRST_FREE 4

#define WH_ARENA_CHUNK_WORDS 16384u  // 64 KiB
#define WH_ARENA_SEGMENT_CHUNKS 16u
#define WH_ARENA_SEGMENT_WORDS (WH_ARENA_CHUNK_WORDS * WH_ARENA_SEGMENT_CHUNKS)
#define WH_ARENA_SEGMENTS 1024u  // at most; 1 GiB

// A row: the rule that is in force from an address on. The address's lowest 16 bits suffice within a bucket.
#define WH_ROW(address, rule) ((__u32)((address)&0xffff) | (__u32)(rule) << 16)

// A bucket covers 1 << shift bytes of code, 10 <= shift <= 16, aligned. Its index word is two words of the arena, at an even
// place: where its rows begin, how many there are, and the rule that is in force where it begins.
#define WH_BUCKET_SHIFT_MIN 10
#define WH_BUCKET_SHIFT_MAX 16
#define WH_BUCKET(rows_at, row_count, rule) ((__u64)(rows_at) | (__u64)(row_count) << 32 | (__u64)(rule) << 48)
#define WH_BUCKET_MAX_ROWS 65535

enum wh_mapping_flag {
    WH_MAPPING_TABLE = 1 << 0,                 // index_at and the rest are valid
    WH_MAPPING_FRAME_POINTERS = 1 << 1,        // code without a rule keeps frame pointers
    WH_MAPPING_FRAME_POINTERS_GUESS = 1 << 2,  // ... perhaps
};

// One executable mapping of a process.
struct wh_mapping {
    __u64 start;  // in the process
    __u64 end;
    __u64 bias;          // address in the process - virtual address in the module
    __u64 first_bucket;  // (virtual address in the module) >> bucket_shift of the index's first entry
    __u32 index_at;      // word of the arena, even
    __u32 bucket_count;
    __u16 bucket_shift;
    __u16 flags;  // wh_mapping_flag
    __u32 reserved;
};
WH_STATIC_ASSERT(sizeof(struct wh_mapping) == 48);

#define WH_MAX_MAPPINGS 65536u  // of all processes together

// What is known of a process's code. User space writes it: version becomes odd, then the fields change, then version is even
// again. A walk that saw another version at its end than at its beginning is not complete.
struct wh_unwind_process {
    __u64 version;
    __u64 salt;        // of the cache of rules: another one for each process and change, in the bits above an address
    __u64 exec_pages;  // mm->exec_vm when the mappings were read; WH_ANY_EXEC_PAGES: do not compare
    __u64 loader_state_at;  // in the process: r_debug.r_state of its dynamic linker; 0: not known
    __u32 first;            // of its slice of mappings
    __u32 count;
    __u32 layout;          // counts up when addresses came to mean other code than before; part of a stack's identity
    __u32 flags;           // wh_unwind_flag
    __u32 removals_known;  // `removals` before the mappings were read
    __u32 reserved;
    // Written by BPF programs:
    __u32 removals;        // counts up when libraries go and when they have gone
    __u32 loader_deletes;  // the dynamic linker is about to unmap libraries
    __u64 told_ns;         // when user space was last told
    __u64 snapshot_ns;     // start of the period for which snapshots were counted
    __u64 snapshot_count;  // in this period
};
WH_STATIC_ASSERT(sizeof(struct wh_unwind_process) == 88);

enum wh_unwind_flag {
    WH_UNWIND_LOADER_TELLS = 1 << 0,  // the dynamic linker's hook is probed, so no library goes unseen
};

#define WH_ANY_EXEC_PAGES (~0ull)

// Cache of rules, shared by all processes: (address ^ salt) * WH_CACHE_MULTIPLIER is a bijection; its upper 16 bits are the
// place, its lower 48 bits stand in the entry beside the rule. So an entry is either exactly this address's or no hit.
#define WH_CACHE_BITS 16
#define WH_CACHE_MULTIPLIER 0x9e3779b97f4a7c15ull
#define WH_CACHE_SALT_SHIFT 47

#endif
