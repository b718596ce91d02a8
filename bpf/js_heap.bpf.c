// Samples of what JavaScript code allocates on heaps of V8, and what becomes of them. New space is filled page by page: where it goes
// on to another page, the object that is being allocated will be the first one there. Collections move objects and leave the new
// address in the first word of the old copy; what a full collection found alive is told by mark bits.
// Invariant: a heap's table is written by the heap's own thread alone, which allocates and begins and ends its collections.

#include "shared/js_heap.h"

#include "lib/stack.bpf.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, struct wh_js_layout);
} js_layouts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_JS_HEAPS);
    __type(key, u32);
    __type(value, struct wh_js_heap);
} js_heaps SEC(".maps");

// Which of js_heaps is whose. User space gives them out.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WH_MAX_JS_HEAPS);
    __type(key, struct wh_js_heap_key);
    __type(value, u32);
} js_heap_numbers SEC(".maps");

enum wh_js_look { WH_JS_LOOK_BEGUN, WH_JS_LOOK_SCAVENGED, WH_JS_LOOK_MARKED, WH_JS_LOOK_EVACUATED };

WH_INLINE const struct wh_js_layout* js_layout_of(u32 process) {
    struct wh_js_layout* layout = bpf_map_lookup_elem(&js_layouts, &process);
    return layout && layout->current_page ? layout : 0;
}

WH_INLINE bool read_user_word(u64* word, u64 address) {
    return !bpf_probe_read_user(word, sizeof(*word), (void*)address);
}

// The number of a heap's table + 1; 0: it has none yet.
WH_INLINE u32 js_heap_number(u64 heap, u32 process) {
    struct wh_js_heap_key key = {.heap = heap, .process = process};
    u32* number = bpf_map_lookup_elem(&js_heap_numbers, &key);
    return number ? *number + 1 : 0;
}

WH_INLINE struct wh_js_heap* js_heap_at(u32 number) {
    u32 index = number - 1;
    return bpf_map_lookup_elem(&js_heaps, &index);
}

// The less room there is, the fewer samples are followed, and each stands for more: of 2^n one.
WH_INLINE u32 js_sample_shift(u32 used) {
    u32 room = WH_JS_SAMPLES - used, shift = 0;
#pragma unroll
    for (u32 half = WH_JS_SAMPLES / 2; half >= 32; half /= 2) shift += room <= half;
    return shift;
}

// Not one after the other, so that what comes in a rhythm is left out as evenly as anything else.
WH_INLINE bool is_js_sample_followed(u32 number, u32 shift) {
    return !(number * 0x9e3779b1u >> 8 & ((1u << shift) - 1));
}

// Bounded where it is used: the verifier of Linux 6.1 forgets the bounds of numbers that the compiler puts aside.
WH_INLINE struct wh_js_sample* js_sample_at(struct wh_js_heap* heap, u32 at) {
    barrier_var(at);
    return &heap->samples[at & (WH_JS_SAMPLES - 1)];
}

WH_INLINE void follow_js_sample(struct wh_js_heap* heap, u64 address, const struct wh_record* record) {
    u32 at = heap->counts.used;
    if (at >= WH_JS_SAMPLES) return;
    struct wh_js_sample* sample = js_sample_at(heap, at);
    heap->counts.changes++;
    barrier();
    sample->address = address;
    sample->time_ns = record->time_ns;
    sample->stack = record->stack;
    sample->flags = 0;
    sample->number = record->flags;
    heap->counts.used = at + 1;
    barrier();
    heap->counts.changes++;
}

// Where the next page of to-space begins; 0: there is none.
WH_INLINE u64 next_js_page(u64 space, const struct wh_js_layout* layout) {
    u64 page, next, start, flags;
    if (!read_user_word(&page, space + layout->current_page) || !page ||
        !read_user_word(&next, page + layout->next_page))
        return 0;
    if (!next || !read_user_word(&start, next + layout->area_start)) return 0;
    if (!read_user_word(&flags, (start & ~(WH_JS_PAGE_BYTES - 1)) + layout->flags)) return 0;
    return (flags & (WH_JS_FROM_PAGE | WH_JS_TO_PAGE)) == WH_JS_TO_PAGE ? start : 0;
}

// Whether there is no room for the object in the page, in SemiSpaceNewSpace::Allocate, of which AddFreshPage is a part from V8 12 on.
WH_INLINE bool js_page_is_full(u64 space, u64 size, const struct wh_js_layout* layout) {
    u64 page, top, end;
    return read_user_word(&page, space + layout->current_page) && page &&
           read_user_word(&top, space + layout->allocation_top) && read_user_word(&end, page + layout->area_end) &&
           top + size > end;
}

// Before anything has changed, in AddFreshPage, where rdi is the space, or in Allocate, where rsi is that and edx the size.
SEC("uprobe")
int js_page_added(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    u32 process = WH_SHAPE_GET(cookie, PROCESS);
    const struct wh_js_layout* layout = js_layout_of(process);
    if (!layout) return 0;
    u64 space = PT_REGS_PARM1(ctx), heap_address, start;
    if (layout->allocation_top) {
        space = PT_REGS_PARM2(ctx);
        if (!js_page_is_full(space, (u32)PT_REGS_PARM3(ctx), layout)) return 0;
    }
    if (!read_user_word(&heap_address, space + layout->space_heap)) return 0;
    u32 number = js_heap_number(heap_address, process);
    if (!number) {
        notify(WH_RECORD_JS_HEAP, process, heap_address, 0);
        return 0;
    }
    struct wh_js_heap* heap = js_heap_at(number);
    if (!heap || heap->counts.phase != WH_JS_RUNS) return 0;  // the collector's own copies
    start = next_js_page(space, layout);
    if (!start) return 0;
    u32 taken = heap->counts.taken++, used = heap->counts.used;
    if (used >= WH_JS_SAMPLES) {
        heap->counts.lost++;
        return 0;
    }
    u32 shift = js_sample_shift(used);
    if (!is_js_sample_followed(taken, shift)) return 0;
    struct wh_thread* thread = make_thread(task);
    if (!thread) return 0;
    u64 pc, sp, fp;
    WH_READ_REGISTER(ctx, sp, rsp);
    WH_READ_REGISTER(ctx, fp, rbp);
    if (!read_user_word(&pc, sp)) return 0;
    struct wh_caller caller = {.pc = pc, .sp = sp + 8, .fp = fp};
    struct wh_record record = {
        .type = WH_RECORD_JS_SAMPLE,
        .kind = WH_KIND_JS_HEAP,
        .process = process,
        .key = number - 1,
        .size = WH_JS_PAGE_BYTES << shift,
        .time_ns = bpf_ktime_get_ns(),
        .flags = taken,
    };
    record.stack = caller_stack(ctx, &caller, task, thread, WH_KIND_JS_HEAP, process);
    follow_js_sample(heap, start, &record);
    if (!send(&record)) heap->counts.lost++;
    return 0;
}

WH_INLINE bool is_js_marked(u64 address, const struct wh_js_layout* layout, bool* is_readable) {
    u64 chunk = address & ~(WH_JS_PAGE_BYTES - 1), bits = chunk;
    u64 word = (address - chunk) >> 3;
    u8 byte = 0;
    *is_readable = !(layout->metadata && !read_user_word(&bits, chunk + layout->metadata)) &&
                   !bpf_probe_read_user(&byte, 1, (void*)(bits + layout->mark_bits + (word >> 3)));
    return byte >> (word & 7) & 1;
}

// After a scavenge: what lies in from-space was moved or is dead.
WH_INLINE bool is_kept_by_scavenge(struct wh_js_sample* sample, u64 flags, u64 word) {
    if (!(flags & WH_JS_FROM_PAGE)) return !(flags & WH_JS_TO_PAGE);  // in old space; nothing in to-space has a sample
    if (word & 1 || !word) return false;
    sample->address = word;
    return true;
}

// After a full collection. Objects of new space were moved, unless their page became one of old space; their mark bits are held
// against that.
WH_INLINE bool is_kept_by_full(struct wh_js_heap* heap, struct wh_js_sample* sample, u64 flags, u64 word) {
    bool is_marked = sample->flags & WH_JS_MARKED, is_moved = !(word & 1) && word;
    sample->flags &= ~WH_JS_MARKED;
    if (flags & (WH_JS_FROM_PAGE | WH_JS_TO_PAGE)) {
        if (is_marked == is_moved)
            heap->counts.confirmed++;
        else
            heap->counts.contradicted++;
        is_marked = is_moved;
    }
    if (!is_marked) return false;
    if (is_moved) sample->address = word;
    sample->flags |= WH_JS_FOUND_ALIVE;
    return true;
}

// Whether the sample stays in the table.
WH_INLINE bool look_at_js_sample(struct wh_js_heap* heap, struct wh_js_sample* sample,
                                 const struct wh_js_layout* layout, u32 look) {
    u64 flags = 0, word = 0;
    bool is_readable = true;
    if (look == WH_JS_LOOK_BEGUN || look == WH_JS_LOOK_MARKED) {
        if (!(sample->flags & WH_JS_SEEN_BEGUN)) {
            // The page may not have been used after all: then it holds what an earlier collection left.
            is_readable = read_user_word(&word, sample->address);
            if (!(word & 1)) return false;
            sample->flags |= WH_JS_SEEN_BEGUN;
        }
        if (look == WH_JS_LOOK_MARKED && is_js_marked(sample->address, layout, &is_readable))
            sample->flags |= WH_JS_MARKED;
    } else {
        u64 chunk = sample->address & ~(WH_JS_PAGE_BYTES - 1);
        is_readable = read_user_word(&flags, chunk + layout->flags) && read_user_word(&word, sample->address);
        if (is_readable) {
            return look == WH_JS_LOOK_SCAVENGED ? is_kept_by_scavenge(sample, flags, word)
                                                : is_kept_by_full(heap, sample, flags, word);
        }
    }
    if (!is_readable) heap->counts.unreadable++;
    return is_readable;
}

// Moves the sample to the others that stay, in front of it. A global function, so that it is verified once, on Linux 5.10 too, as it takes
// numbers alone.
__noinline u32 look_at_js_sample_of(u32 number, u32 process, u32 at, u32 look) {
    struct wh_js_heap* heap = js_heap_at(number);
    const struct wh_js_layout* layout = js_layout_of(process);
    if (!heap || !layout || at >= WH_JS_SAMPLES) return 0;
    struct wh_js_sample* sample = js_sample_at(heap, at);
    if (!look_at_js_sample(heap, sample, layout, look)) return 0;
    u32 to = heap->counts.kept++ & (WH_JS_SAMPLES - 1);
    if (to != at) heap->samples[to] = *sample;
    return 1;
}

WH_INLINE void look_at_js_heap(struct wh_js_heap* heap, u32 number, u32 process, u32 look) {
    heap->counts.changes++;
    barrier();
    heap->counts.kept = 0;
    u32 used = heap->counts.used;
    for (u32 i = 0; i < WH_JS_SAMPLES; i++) {
        if (i >= used) break;
        look_at_js_sample_of(number, process, i, look);
    }
    heap->counts.used = heap->counts.kept;
    barrier();
    heap->counts.changes++;
}

// The table of the heap that `object` names at this offset.
WH_INLINE struct wh_js_heap* js_heap_of(struct pt_regs* ctx, u32 process, u32 offset, u32* number) {
    u64 heap_address;
    if (!read_user_word(&heap_address, PT_REGS_PARM1(ctx) + offset)) return 0;
    *number = js_heap_number(heap_address, process);
    return *number ? js_heap_at(*number) : 0;
}

#define WH_JS_BEGIN(ctx, offset)                                                 \
    WH_KEEP_OWN_STACK(ctx);                                                      \
    u64 cookie = cookie_of(ctx);                                                 \
    if (!is_traced(cookie, current_task())) return 0;                            \
    count_hit(cookie);                                                           \
    u32 process = WH_SHAPE_GET(cookie, PROCESS), number = 0;                     \
    const struct wh_js_layout* layout = js_layout_of(process);                   \
    if (!layout) return 0;                                                       \
    struct wh_js_heap* heap = js_heap_of(ctx, process, layout->offset, &number); \
    if (!heap) return 0

// At the entry of ScavengerCollector::CollectGarbage.
SEC("uprobe")
int js_scavenge_begins(struct pt_regs* ctx) {
    WH_JS_BEGIN(ctx, scavenger_heap);
    heap->counts.phase = WH_JS_SCAVENGES;
    look_at_js_heap(heap, number, process, WH_JS_LOOK_BEGUN);
    return 0;
}

// At the entry of NewLargeObjectSpace::FreeDeadObjects, which each scavenge calls when all is moved.
SEC("uprobe")
int js_scavenge_ends(struct pt_regs* ctx) {
    WH_JS_BEGIN(ctx, space_heap);
    if (heap->counts.phase != WH_JS_SCAVENGES) return 0;
    look_at_js_heap(heap, number, process, WH_JS_LOOK_SCAVENGED);
    heap->counts.scavenges++;
    heap->counts.phase = WH_JS_RUNS;
    return 0;
}

// At the entry of MarkCompactCollector::ClearNonLiveReferences: all that is alive is marked.
SEC("uprobe")
int js_marking_ends(struct pt_regs* ctx) {
    WH_JS_BEGIN(ctx, collector_heap);
    heap->counts.phase = WH_JS_HAS_MARKED;
    look_at_js_heap(heap, number, process, WH_JS_LOOK_MARKED);
    return 0;
}

// At the entry of MarkCompactCollector::ReleaseEvacuationCandidates: all is moved, and what it was moved from is still there.
SEC("uprobe")
int js_evacuation_ends(struct pt_regs* ctx) {
    WH_JS_BEGIN(ctx, collector_heap);
    if (heap->counts.phase != WH_JS_HAS_MARKED) {
        heap->counts.missed++;
        return 0;
    }
    look_at_js_heap(heap, number, process, WH_JS_LOOK_EVACUATED);
    heap->counts.full_collections++;
    heap->counts.phase = WH_JS_RUNS;
    return 0;
}

// At the entry of Heap::TearDown.
SEC("uprobe")
int js_heap_ends(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    if (!is_traced(cookie, current_task())) return 0;
    count_hit(cookie);
    struct wh_js_heap_key key = {.heap = PT_REGS_PARM1(ctx), .process = WH_SHAPE_GET(cookie, PROCESS)};
    if (!bpf_map_delete_elem(&js_heap_numbers, &key)) notify(WH_RECORD_JS_HEAP_ENDS, key.process, key.heap, 0);
    return 0;
}
