// Walks a stack by the unwind tables of shared/unwind.h, one frame at a time, from the state of a caller outwards.
//
// Reading the target's memory is what costs, so the part of the stack that the last walk needed is copied at once, into a window
// that is private to the thread (uprobe programs may be preempted: nothing per CPU is safe). The caller's rbp is kept as a place
// and read only if a frame needs it. Rules come from a cache; the tables are searched where it has none.
//
// Each step is a global function: the verifier checks it once, and not for each frame.
#ifndef WHOHOLDS_LIB_UNWIND_H
#define WHOHOLDS_LIB_UNWIND_H

#include "lib/v8.bpf.h"

#define WH_FRAME_POINTER_STEP_MAX (1u << 20)  // bytes between two frame pointers; more is taken for garbage
#define WH_WINDOW_BYTES (8 * WH_WINDOW_WORDS)
#define WH_WINDOW_FIRST 256u  // bytes copied at first, at least
#define WH_WINDOW_NEXT 2048u  // ... and when the walk leaves the window
#define WH_TOP_UNKNOWN 512u   // bytes that are taken to belong to a stack of which no end was seen
#define WH_FRAMES_A_STEP 4    // more cost the verifier time

// Offsets into the frame of a signal handler, from the stack pointer at its return trampoline: struct ucontext.
#define WH_SIGNAL_RBP 120
struct wh_interrupted {
    u64 rbp, rbx, rdx, rax, rcx, rsp, rip;
};

// Where uretprobes make functions return to; 0 if this address space has none.
WH_INLINE u64 trampoline_address(struct task_struct* task) {
    struct mm_struct* mm = WH_FIELD(task, mm);
    if (!mm) return 0;
    struct xol_area* area = WH_FIELD(mm, uprobes_state.xol_area);
    return area ? WH_FIELD(area, vaddr) : 0;
}

// The return address that a uretprobe took away from the stack slot. Functions that were tail-called share a slot; the entry
// that is not chained holds the true address.
__noinline u64 hijacked_return_address(u64 slot) {
    struct task_struct* task = current_task();
    struct return_instance* instance = BPF_CORE_READ(task, utask, return_instances);
    for (int i = 0; i < 64 && instance; i++) {
        if (BPF_CORE_READ(instance, stack) == slot && !BPF_CORE_READ(instance, chained))
            return BPF_CORE_READ(instance, orig_ret_vaddr);
        instance = BPF_CORE_READ(instance, next);
    }
    return 0;
}

// Copies stack memory from `address` on; false if nothing could be copied.
WH_INLINE bool fill_window(struct wh_walk* walk, struct wh_thread* thread, u64 address, u32 wanted) {
    u64 left = walk->top - address;
    u32 length = wanted < WH_WINDOW_BYTES - 8 ? wanted : WH_WINDOW_BYTES - 8;
    if (left < length) length = left;
    // Masked behind the barrier: Linux 6.1's verifier knows the bound only then.
    asm volatile("" : "+r"(length));
    length &= WH_WINDOW_BYTES - 8;
    if (length < 8 || bpf_probe_read_user(thread->window, length, (void*)address)) {
        walk->window_bytes = 0;
        return false;
    }
    walk->window_start = address;
    walk->window_bytes = length;
    return true;
}

WH_INLINE bool read_word(struct wh_walk* walk, struct wh_thread* thread, u64 address, u64* value) {
    u64 offset = address - walk->window_start;
    if (!(offset & 7)) {
        if (offset < walk->window_bytes) {
            *value = thread->window[offset >> 3 & (WH_WINDOW_WORDS - 1)];
            return true;
        }
        bool is_above = address >= walk->window_start + walk->window_bytes && address < walk->top;
        if (is_above && fill_window(walk, thread, address, WH_WINDOW_NEXT)) {
            *value = thread->window[0];
            return true;
        }
    }
    return !bpf_probe_read_user(value, sizeof(*value), (void*)address);
}

WH_INLINE bool end_walk(struct wh_walk* walk, u32 status) {
    walk->status = status;
    return false;
}

WH_INLINE bool end_complete(struct wh_walk* walk) {
    return end_walk(walk, walk->flags & WH_WALK_GUESSED ? WH_STACK_FRAME_POINTERS : WH_STACK_DONE);
}

WH_INLINE bool needs_fp(u32 cfa_kind, u32 fp_kind) {
    return cfa_kind == WH_CFA_FP || cfa_kind == WH_CFA_FP_DEREFERENCED || cfa_kind == WH_CFA_FRAME_POINTER ||
           cfa_kind == WH_CFA_FRAME_POINTER_GUESS || fp_kind == WH_FP_AT_FP;
}

WH_INLINE bool load_fp(struct wh_walk* walk, struct wh_thread* thread) {
    if (walk->flags & WH_WALK_FP_UNKNOWN) return end_walk(walk, WH_STACK_UNSUPPORTED);
    if (!walk->fp_at) return true;
    if (!read_word(walk, thread, walk->fp_at, &walk->fp)) return end_walk(walk, WH_STACK_READ_FAILED);
    walk->fp_at = 0;
    return true;
}

// To the code that a signal interrupted: all its registers lie in the handler's frame.
WH_INLINE bool step_over_signal(struct wh_walk* walk) {
    struct wh_interrupted interrupted;
    if (bpf_probe_read_user(&interrupted, sizeof(interrupted), (void*)(walk->sp + WH_SIGNAL_RBP)))
        return end_walk(walk, WH_STACK_READ_FAILED);
    if (!interrupted.rip) return end_walk(walk, WH_STACK_BROKEN);
    walk->pc = interrupted.rip;
    walk->sp = interrupted.rsp;
    walk->fp = interrupted.rbp;
    walk->fp_at = 0;
    walk->flags = (walk->flags & (WH_WALK_GUESSED | WH_WALK_V8_MASK)) | WH_WALK_EXACT;
    return true;
}

// The canonical frame address; 0: the walk has ended.
WH_INLINE u64 frame_address(struct wh_walk* walk, struct wh_thread* thread, const struct wh_unwind_rule* rule,
                            u32 kind) {
    u64 base = walk->sp;
    switch (kind) {
        case WH_CFA_SP: return base + rule->cfa_offset;
        case WH_CFA_FP: return walk->fp + rule->cfa_offset;
        case WH_CFA_PLT: return base + 8 + ((walk->pc & 15) >= (u8)rule->extra ? 8 : 0);
        case WH_CFA_FP_DEREFERENCED: base = walk->fp;  // fall through
        case WH_CFA_SP_DEREFERENCED:
            if (!read_word(walk, thread, base + rule->cfa_offset, &base)) return end_walk(walk, WH_STACK_READ_FAILED);
            return base + 8 * (s64)rule->extra;
        case WH_CFA_FRAME_POINTER_GUESS: walk->flags |= WH_WALK_GUESSED;  // fall through
        case WH_CFA_FRAME_POINTER:
            if (!walk->fp) return end_complete(walk);  // so the outermost frame is marked
            if (walk->fp & 7 || walk->fp < walk->sp || walk->fp - walk->sp > WH_FRAME_POINTER_STEP_MAX)
                return end_walk(walk, WH_STACK_BROKEN);
            return walk->fp + 16;
        case WH_CFA_END: return end_complete(walk);
        case WH_CFA_NONE: return end_walk(walk, WH_STACK_NO_INFORMATION);
    }
    return end_walk(walk, WH_STACK_UNSUPPORTED);
}

WH_INLINE void find_callers_fp(struct wh_walk* walk, const struct wh_unwind_rule* rule, u32 cfa_kind, u32 fp_kind,
                               u64 cfa) {
    if (cfa_kind == WH_CFA_FRAME_POINTER || cfa_kind == WH_CFA_FRAME_POINTER_GUESS) {
        walk->fp_at = cfa - 16;
    } else if (fp_kind == WH_FP_AT_CFA) {
        walk->fp_at = cfa + 8 * (s64)rule->fp_offset;
    } else if (fp_kind == WH_FP_AT_FP) {
        walk->fp_at = walk->fp + 8 * (s64)rule->fp_offset;
    } else {
        if (fp_kind != WH_FP_SAME) walk->flags |= WH_WALK_FP_UNKNOWN;
        return;
    }
    walk->flags &= ~WH_WALK_FP_UNKNOWN;
}

// By a rule that stands in the table; 0: the walk has ended.
WH_INLINE u64 apply_rule(struct wh_walk* walk, struct wh_thread* thread, u32 number) {
    union {
        u64 bits;
        struct wh_unwind_rule rule;
    } entry = {.bits = rules[number & (WH_UNWIND_RULES - 1)]};
    u32 cfa_kind = entry.rule.kinds & 15, fp_kind = entry.rule.kinds >> 4;
    if (needs_fp(cfa_kind, fp_kind) && !load_fp(walk, thread)) return 0;
    if (cfa_kind == WH_CFA_FRAME_POINTER && walk->flags & WH_WALK_V8_MASK &&
        read_v8_frame_noted_last(WH_WALK_ARGUMENTS(walk, thread)))
        add_v8_function_noted_last(WH_WALK_ARGUMENTS(walk, thread));
    u64 cfa = frame_address(walk, thread, &entry.rule, cfa_kind);
    if (cfa) find_callers_fp(walk, &entry.rule, cfa_kind, fp_kind, cfa);
    return cfa;
}

WH_INLINE u64 apply_compact_rule(struct wh_walk* walk, u32 number) {
    u64 cfa = walk->sp + 8 * WH_COMPACT_CFA_WORDS(number);
    u32 fp = WH_COMPACT_FP(number);
    if (fp) {
        walk->fp_at = cfa - 8 * (fp + 1);
        walk->flags &= ~WH_WALK_FP_UNKNOWN;
    }
    return cfa;
}

// Notes the frame and goes on to its caller; 0: the walk has ended, walk->status says how.
WH_INLINE int walk_frame(struct wh_walk* walk, struct wh_thread* thread) {
    u32 index = walk->frame_count;
    if (index >= WH_STACK_MAX_FRAMES) return end_walk(walk, WH_STACK_TOO_DEEP);
    u64 pc = walk->pc, lookup = pc - 1;
    if (walk->flags & WH_WALK_EXACT) {
        lookup = pc;
        pc |= WH_FRAME_EXACT;
        walk->flags &= ~WH_WALK_EXACT;
    }
    thread->record.frames[index] = pc;
    walk->hash = mix(walk->hash, pc);
    walk->frame_count = index + 1;

    u32 number = rule_at(walk, thread, lookup);
    u64 cfa;
    if (number == (u32)WH_RULE_NO_MAPPING) return end_walk(walk, WH_STACK_NO_MAPPING);
    if (number & WH_RULE_COMPACT) {  // nearly always
        cfa = apply_compact_rule(walk, number);
    } else {
        if (rules[number & (WH_UNWIND_RULES - 1)] >> 56 == WH_CFA_SIGNAL) return step_over_signal(walk);
        cfa = apply_rule(walk, thread, number);
        if (!cfa) return 0;
    }
    if (cfa <= walk->sp) return end_walk(walk, WH_STACK_BROKEN);
    u64 return_address = 0;
    if (!read_word(walk, thread, cfa - 8, &return_address)) return end_walk(walk, WH_STACK_READ_FAILED);
    walk->sp = cfa;
    if (!return_address) return end_complete(walk);
    if (return_address == walk->trampoline) return_address = hijacked_return_address(cfa - 8);
    walk->pc = return_address;
    return return_address ? 1 : end_walk(walk, WH_STACK_BROKEN);
}

// Some frames further; 0: the walk has ended.
__noinline int walk_step(WH_WALK_PARAMETERS) {
    WH_WALK_BEGIN(0);
    for (int i = 0; i < WH_FRAMES_A_STEP; i++)
        if (!walk_frame(walk, thread)) return 0;
    return 1;
}

WH_INLINE u64 executable_pages(struct task_struct* task) {
    struct mm_struct* mm = WH_FIELD(task, mm);
    return mm ? WH_FIELD(mm, exec_vm) : 0;
}

// Whether the tables may be of other mappings than the process has now. Executable pages that were added do no harm where the
// dynamic linker tells us of those that go.
WH_INLINE bool mappings_are_stale(struct wh_unwind_process* known, struct task_struct* task, bool* has_more) {
    if (*(volatile u32*)&known->removals != known->removals_known || known->loader_deletes) return true;
    if (known->exec_pages == WH_ANY_EXEC_PAGES) return false;
    u64 exec_pages = executable_pages(task);
    if (exec_pages == known->exec_pages) return false;
    *has_more = true;
    return exec_pages < known->exec_pages || !(known->flags & WH_UNWIND_LOADER_TELLS);
}

// The walk from a state of registers to the end of the stack. Frames are in thread->record.
WH_INLINE void walk_stack(struct wh_walk* walk, struct wh_thread* thread, struct task_struct* task, u32 process,
                          bool* has_news) {
    struct wh_unwind_process* known = bpf_map_lookup_elem(&unwind_processes, &process);
    walk->status = WH_STACK_MAPPINGS_CHANGED;
    if (!known) return;
    u64 version = *(volatile u64*)&known->version;
    barrier();
    walk->layout = known->layout;
    walk->salt = known->salt;
    walk->first_mapping = known->first;
    walk->mapping = known->first;
    walk->mapping_count = known->count;
    walk->trampoline = trampoline_address(task);
    if (v8_process(process)) walk->flags |= WH_WALK_V8(process);
    barrier();
    // What was just read must be of one version: a rule found by a mixture would stay in the cache.
    bool is_torn = version & 1 || *(volatile u64*)&known->version != version;
    if (is_torn || mappings_are_stale(known, task, has_news)) {
        thread->record.frames[0] = walk->pc;
        walk->frame_count = 1;
        walk->hash = mix(0, walk->pc);
        *has_news = true;
        return;
    }
    u64 start = walk->sp;
    walk->top = thread->stack_top > start ? thread->stack_top : start + WH_TOP_UNKNOWN;
    fill_window(walk, thread, start, thread->window_wanted > WH_WINDOW_FIRST ? thread->window_wanted : WH_WINDOW_FIRST);
    for (int i = 0; i <= WH_STACK_MAX_FRAMES / WH_FRAMES_A_STEP; i++)
        if (!walk_step(WH_WALK_ARGUMENTS(walk, thread))) break;
    if (walk->status == WH_STACK_DONE) thread->stack_top = walk->sp;
    u64 span = walk->sp - start;
    thread->window_wanted = span < WH_WINDOW_BYTES ? span : WH_WINDOW_BYTES;
    // Wherever a guess led to, it was the guess.
    if (walk->flags & WH_WALK_GUESSED && walk->status != WH_STACK_TOO_DEEP) walk->status = WH_STACK_FRAME_POINTERS;
    *has_news |= walk->status == WH_STACK_NO_MAPPING;
    barrier();
    if (*(volatile u64*)&known->version != version) walk->status = WH_STACK_MAPPINGS_CHANGED;
}

#endif
