// Samples of what a Go program allocates: the first object of every new span, and every large object. Where the callers of
// runtime.(*mheap).alloc test its result, or at its own ret instruction, on the stack of the goroutine that allocates; never a
// return probe, whose trampoline Go's runtime does not know.

#include "shared/go_samples.h"
#include "lib/stack.bpf.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, struct wh_go_heap);
} go_heaps SEC(".maps");

WH_INLINE struct wh_go_heap* go_heap_of(u64 cookie, u32* generation) {
    u32 slot = WH_SHAPE_GET(cookie, PROCESS);
    struct wh_go_heap* heap = bpf_map_lookup_elem(&go_heaps, &slot);
    if (!heap || bpf_probe_read_user(generation, sizeof(*generation), (void*)heap->sweep_generation)) return 0;
    return heap;
}

struct wh_go_new_span {
    u64 start;
    u64 pages;
    u64 counts;  // allocCount u16, spanclass u8, state u8
    u64 element_size;
};

WH_INLINE bool read_new_span(u64 span, const struct wh_go_heap* heap, struct wh_go_new_span* read) {
    return !bpf_probe_read_user(&read->start, 16, (void*)(span + WH_GO_SPAN_START)) &&
           !bpf_probe_read_user(&read->counts, 16, (void*)(span + heap->span_element_size - 8));
}

// 0: not one that a span of objects can have.
WH_INLINE u32 packed_go_size(const struct wh_go_new_span* span) {
    u32 span_class = span->counts >> 16 & 0xff;
    u32 flags = span_class & 1 ? WH_GO_SIZE_NO_POINTERS : 0;
    if (span_class >> 1) return span->element_size <= WH_GO_LARGEST_SMALL ? flags | span->element_size : 0;
    return span->pages <= WH_GO_SIZE_MASK ? flags | WH_GO_SIZE_IS_PAGES | span->pages : 0;
}

// What a sample costs is measured where it is taken, of one in eight; what the trap itself costs is known to user space.
WH_INLINE void note_time(struct wh_go_heap* heap, u64 since_ns) {
    if (since_ns >> 6 & 7) return;
    u64 ns = bpf_ktime_get_ns() - since_ns;
    if (ns > WH_GO_SAMPLE_LONGEST_NS) return;
    __sync_fetch_and_add(&heap->timed, 1);
    __sync_fetch_and_add(&heap->timed_ns, ns);
}

SEC("uprobe")
int go_span_made(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    u64 now_ns = bpf_ktime_get_ns();
    count_hit(cookie);
    u64 span = PT_REGS_RC(ctx), sp;
    u32 generation = 0;
    struct wh_go_heap* heap = go_heap_of(cookie, &generation);
    struct wh_thread* thread = make_thread(task);
    struct wh_go_new_span read;
    if (!heap || !thread || !span || !read_new_span(span, heap, &read)) {
        count(WH_COUNTER_GO_SAMPLE_LOST);
        return 0;
    }
    u64 pc, fp;
    WH_READ_REGISTER(ctx, pc, rip);
    WH_READ_REGISTER(ctx, sp, rsp);
    WH_READ_REGISTER(ctx, fp, rbp);
    bool at_ret = WH_SHAPE_GET(cookie, BY_RET);
    if (at_ret) bpf_probe_read_user(&pc, sizeof(pc), (void*)sp);
    struct wh_caller caller = {.pc = pc, .sp = at_ret ? sp + 8 : sp, .fp = fp};
    struct wh_record record = {
        .type = WH_RECORD_GO_SAMPLE,
        .kind = WH_KIND_GO_HEAP,
        .process = WH_SHAPE_GET(cookie, PROCESS),
        .tid = packed_go_size(&read),
        .key = span,
        .size = read.start,
        .time_ns = now_ns,
        // What is allocated while a collection marks counts as marked: the next collection is the first to judge it.
        .flags = generation == *(volatile u32*)&heap->marking_in_generation ? generation + 2 : generation,
    };
    record.stack = caller_stack(ctx, &caller, task, thread, WH_KIND_GO_HEAP, record.process);
    if (!send(&record)) count(WH_COUNTER_GO_SAMPLE_LOST);
    note_time(heap, now_ns);
    return 0;
}

// At the ret instruction of runtime.gcResetMarkState, once a collection: what the one before found is swept, and stays as it is
// until this one has marked.
SEC("uprobe")
int go_marking_begins(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    if (!is_traced(cookie, current_task())) return 0;
    count_hit(cookie);
    u32 generation = 0;
    struct wh_go_heap* heap = go_heap_of(cookie, &generation);
    if (!heap) return 0;
    *(volatile u32*)&heap->marking_in_generation = generation;
    notify(WH_RECORD_GO_MARKING, WH_SHAPE_GET(cookie, PROCESS), generation, 0);
    return 0;
}
