// Goroutines as a resource, and pairs of Go functions that the user names. Go code is never given a return probe, nor a probe at
// the entry of a function with a stack check: the planner chooses RET instructions, and the instruction behind the check
// (userspace/attach/go_functions.h).

#include "lib/filter.bpf.h"
#include "lib/held.bpf.h"
#include "lib/stack.bpf.h"

#define WH_GO_G_BYTES 112  // of g, with all of g.sched

// Where the creator stands, if it has gone to the thread's own stack to create a goroutine: in the caller of systemstack. What
// systemstack keeps of it is its stack pointer (from Go 1.21 on at the frame pointer that was pushed there, before at the
// return address) and its frame pointer.
WH_INLINE bool stand_at_creator(struct wh_walk* start, struct wh_thread* thread, const struct wh_go_process* go,
                                u64 creator) {
    u64* g = thread->window;
    if (bpf_probe_read_user(g, WH_GO_G_BYTES, (void*)creator)) return false;
    u64 pc = g[WH_GO_G_SAVED_PC / 8];
    if (pc - go->switch_start >= go->switch_end - go->switch_start) return false;
    u64 sp = g[WH_GO_G_SAVED_SP / 8], fp = g[go->g_saved_bp / 8 & 15];
    thread->stack_top = g[WH_GO_G_STACK_HIGH / 8];
    if (fp == sp) {
        fp = read_target_word(sp);
        sp += 8;
    }
    start->pc = read_target_word(sp);
    start->sp = sp + 8;
    start->fp = fp;
    return start->pc != 0;
}

// On the thread's own stack: the runtime itself creates it, a timer for example. The one thing that tells what it is for is the
// function that it begins with.
WH_INLINE void stand_at_probe(struct pt_regs* ctx, struct wh_walk* start, struct wh_thread* thread, u64 begins_with,
                              bool at_ret) {
    add_frame(start, thread, begins_with | WH_FRAME_EXACT);
    WH_READ_REGISTER(ctx, start->sp, rsp);
    WH_READ_REGISTER(ctx, start->fp, rbp);
    if (!at_ret) {
        WH_READ_REGISTER(ctx, start->pc, rip);
        start->flags = WH_WALK_EXACT;
        return;
    }
    start->pc = read_target_word(start->sp);
    start->sp += 8;
}

// In which register the goroutine is at this probe (attach/go_value_sites.h).
WH_INLINE u64 goroutine_at(struct pt_regs* ctx, u64 cookie) {
    u64 value = PT_REGS_RC(ctx);
    if (WH_SHAPE_GET(cookie, KEY_ARG)) WH_READ_REGISTER(ctx, value, rbx);
    return value;
}

// The stack at which a goroutine is created, with the creator's ancestry: one index for both.
WH_INLINE void find_lineage(struct wh_walk* walk, struct wh_thread* thread, const struct wh_go_process* go, u32 process,
                            u64 creator, struct wh_lineage* made) {
    u64 creator_id = creator ? read_target_word(creator + go->g_id) : 0;
    struct wh_lineage* parent = creator ? lineage_of(process, creator_id) : 0;
    made->frames_hash = walk->hash;
    made->depth = parent ? parent->depth : 1;
    made->root = parent ? parent->root : 0;
    made->reserved = 0;
    if (parent && parent->frames_hash == walk->hash) {  // it creates its like, again and again
        made->stack = parent->stack;
        return;
    }
    if (parent && parent->depth >= WH_LINEAGE_DEPTH) {
        add_frame(walk, thread, WH_FRAME_CUT | parent->root);
    } else if (creator) {
        if (parent) made->depth++;
        add_origin(walk, thread, go, creator, creator_id, parent);
    }
    made->stack = stack_index(walk, thread, WH_KIND_GOROUTINE, process);
    if (!parent) made->root = made->stack;
}

WH_INLINE void keep_lineage(u32 process, u64 id, const struct wh_lineage* lineage) {
    void* table = bpf_map_lookup_elem(&goroutines, &process);
    if (!table || lineage->stack >= config.no_stack_base) return;
    if (bpf_map_update_elem(table, &id, lineage, BPF_ANY)) count(WH_COUNTER_LINEAGE_LOST);
}

// Where the callers of runtime.newproc1 have its result, or at its RET instructions: on the thread's own stack, and the new goroutine
// does not run yet.
SEC("uprobe")
int go_created(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx), r14;
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    u32 process = WH_SHAPE_GET(cookie, PROCESS);
    struct wh_go_process* go = go_process(process);
    if (!go) return 0;
    struct wh_thread* thread = make_thread(task);
    u64 made = goroutine_at(ctx, cookie);
    u64 id = read_target_word(made + go->g_id);
    if (!id || !thread) {
        count(WH_COUNTER_GOROUTINE_LOST);
        return 0;
    }
    if (is_runtimes_own(go, made, id)) return 0;
    WH_READ_REGISTER(ctx, r14, r14);
    u64 creator = goroutine_of_candidate(go, r14);
    struct wh_walk start = {};
    if (!creator || !stand_at_creator(&start, thread, go, creator)) {
        creator = 0;
        stand_at_probe(ctx, &start, thread, read_target_word(made + go->g_start), WH_SHAPE_GET(cookie, BY_RET));
    }
    struct wh_walk* walk = place_of_walk(thread, &start);
    walk_and_tell(walk, task, thread, process);
    // Where the thread's own stack ends there is nothing to be seen, for frame pointers lead to any goroutine's.
    if (!creator && walk->status == WH_STACK_BROKEN) walk->status = WH_STACK_DONE;
    struct wh_lineage lineage;
    find_lineage(walk, thread, go, process, creator, &lineage);
    put_or_spill(WH_KIND_GOROUTINE, process, id, 1, lineage.stack, bpf_ktime_get_ns());
    keep_lineage(process, id, &lineage);
    return 0;
}

// Behind the stack check of the function that ends a goroutine: runtime.gdestroy, before Go 1.22 runtime.goexit0.
SEC("uprobe")
int go_ended(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    u32 process = WH_SHAPE_GET(cookie, PROCESS);
    struct wh_go_process* go = go_process(process);
    if (!go) return 0;
    u64 goroutine = goroutine_at(ctx, cookie);
    u64 id = read_target_word(goroutine + go->g_id);
    if (!id) {
        count(WH_COUNTER_GOROUTINE_LOST);
        return 0;
    }
    if (is_runtimes_own(go, goroutine, id)) return 0;
    release(WH_KIND_GOROUTINE, process, id);
    void* table = bpf_map_lookup_elem(&goroutines, &process);
    if (table) bpf_map_delete_elem(table, &id);
    return 0;
}

// As every type of Go begins, 1.16 to 1.26: so does what an itab, the first word of most interfaces, leads to.
struct wh_go_type {
    u64 size;
    u64 pointer_bytes;
    u32 hash;
    u8 flags;
    u8 align;
    u8 field_align;
    u8 kind;
};
struct wh_go_itab {
    u64 interface;
    u64 type;
    u32 hash;
    u32 reserved;
};
#define WH_GO_KIND(type) ((type).kind & 31)
#define WH_GO_KIND_INTERFACE 20
#define WH_GO_KIND_LAST 26

WH_INLINE bool read_go_type(u64 at, struct wh_go_type* type) {
    if (!at || at & 7 || bpf_probe_read_user(type, sizeof(*type), (void*)at)) return false;
    return type->align == type->field_align && type->align && type->align <= 8 && !(type->align & (type->align - 1)) &&
           type->pointer_bytes <= type->size && !(type->pointer_bytes & 7) && WH_GO_KIND(*type) &&
           WH_GO_KIND(*type) <= WH_GO_KIND_LAST;
}

// Whether this is the first word of an interface. Objects do not look like that: a type is told by five of its fields, an itab
// repeats the hash of its type.
__noinline int begins_interface(u64 word) {
    struct wh_go_itab itab = {};
    struct wh_go_type type = {};
    if (!word || word & 7) return 0;
    if (read_go_type(word, &type)) return 1;
    if (bpf_probe_read_user(&itab, sizeof(itab), (void*)word)) return 0;
    if (!read_go_type(itab.type, &type) || type.hash != itab.hash) return 0;
    return read_go_type(itab.interface, &type) && WH_GO_KIND(type) == WH_GO_KIND_INTERFACE;
}

// Word n, from 1, of what a Go function takes or returns (ABIInternal of Go 1.17).
WH_INLINE u64 go_word(struct pt_regs* ctx, u32 n) {
    u64 value = PT_REGS_RC(ctx);
    if (n == 2) WH_READ_REGISTER(ctx, value, rbx);
    if (n == 3) WH_READ_REGISTER(ctx, value, rcx);
    if (n == 4) WH_READ_REGISTER(ctx, value, rdi);
    if (n == 5) WH_READ_REGISTER(ctx, value, rsi);
    if (n == 6) WH_READ_REGISTER(ctx, value, r8);
    if (n == 7) WH_READ_REGISTER(ctx, value, r9);
    return value;
}

// No memory of a process lies below.
#define WH_FIRST_ADDRESS 4096

// The handle of a pair's function (attach/go_handles.h); 0: there is none.
WH_INLINE u64 go_handle(struct pt_regs* ctx, u64 cookie) {
    u32 word = WH_SHAPE_GET(cookie, KEY_ARG);
    u64 key = go_word(ctx, word);
    if (!WH_SHAPE_GET(cookie, KEY_INDIRECT)) return key;
    if (begins_interface(key)) key = go_word(ctx, word + 1);
    if (!key || key >= WH_FIRST_ADDRESS) return key;
    count(WH_COUNTER_HANDLE_UNKNOWN);
    return 0;
}

// At the RET instructions of a function that makes what a pair is about: its handle is null if it failed.
SEC("uprobe")
int go_acquired(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx), sp;
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    u64 key = go_handle(ctx, cookie);
    if (!key) return 0;
    struct wh_thread* thread = make_thread(task);
    if (!thread) {
        count(WH_COUNTER_NO_THREAD_STATE);
        return 0;
    }
    WH_READ_REGISTER(ctx, sp, rsp);
    struct wh_caller caller = {.pc = read_target_word(sp), .sp = sp + 8};
    WH_READ_REGISTER(ctx, caller.fp, rbp);
    u32 kind = WH_SHAPE_GET(cookie, KIND), process = WH_SHAPE_GET(cookie, PROCESS);
    u32 stack = caller_stack(ctx, &caller, task, thread, kind, process);
    put_or_spill(kind, process, key, 1, stack, bpf_ktime_get_ns());
    return 0;
}

// Behind the stack check of a function that ends it.
SEC("uprobe")
int go_released(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    u64 key = go_handle(ctx, cookie);
    if (key) release(WH_SHAPE_GET(cookie, KIND), WH_SHAPE_GET(cookie, PROCESS), key);
    return 0;
}
