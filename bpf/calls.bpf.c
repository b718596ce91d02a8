// Three programs serve every acquire/release pair there is: the uprobe's cookie is the shape of the call (shared/call_shape.h).
//
// Per thread and group of calls only the outermost call counts. It is recognised by its stack pointer: a return belongs to the
// call that was entered at sp if the stack pointer now is sp + 8 (sp, at a ret instruction). No counting of nesting, so a return that never comes
// (longjmp, exception, a return probe that the kernel dropped) cannot put the count wrong for good.

#include "lib/filter.bpf.h"
#include "lib/held.bpf.h"
#include "lib/stack.bpf.h"

#define WH_MREMAP_DONTUNMAP 4

WH_INLINE u32 group_of(u32 kind) {
    if (kind >= WH_KIND_PAIR_FIRST) return WH_GROUP_PAIR_FIRST + kind - WH_KIND_PAIR_FIRST;
    switch (kind) {
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) \
    case enumerator: return group;
        WH_RESOURCE_KINDS(X)
#undef X
    }
    return WH_GROUP_NONE;
}

WH_INLINE u32 hiding_groups(u32 kind) {
    switch (kind) {
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) \
    case enumerator: return hidden_inside;
        WH_RESOURCE_KINDS(X)
#undef X
    }
    return 0;
}

WH_INLINE bool kind_is_range(u32 kind) {
    switch (kind) {
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) \
    case enumerator: return (travel) == WH_TRAVEL_RANGE;
        WH_RESOURCE_KINDS(X)
#undef X
    }
    return false;
}

// Integer argument n of the System V calling convention, counted from 1; 0 for n = 0.
WH_INLINE u64 argument(struct pt_regs* ctx, u32 n) {
    u64 value = 0;
    switch (n) {
        case 1: WH_READ_REGISTER(ctx, value, rdi); break;
        case 2: WH_READ_REGISTER(ctx, value, rsi); break;
        case 3: WH_READ_REGISTER(ctx, value, rdx); break;
        case 4: WH_READ_REGISTER(ctx, value, rcx); break;
        case 5: WH_READ_REGISTER(ctx, value, r8); break;
        case 6: WH_READ_REGISTER(ctx, value, r9); break;
    }
    return value;
}

WH_INLINE u64 size_of_call(struct pt_regs* ctx, u64 cookie) {
    u32 size_arg = WH_SHAPE_GET(cookie, SIZE_ARG);
    if (!size_arg) return 1;
    u64 size = argument(ctx, size_arg);
    u32 factor_arg = WH_SHAPE_GET(cookie, SIZE_FACTOR_ARG);
    if (!factor_arg) return size;
    u64 factor = argument(ctx, factor_arg);
    if ((size | factor) >> 32 && size) {
        u64 most = ~0ull / size;
        barrier_var(most);                // else clang makes a 128-bit multiplication of it, which BPF does not have
        if (factor > most) return ~0ull;  // the call is going to fail
    }
    return size * factor;
}

// Whether `call` is still in progress at a call with `cookie` and stack pointer sp: its slot for the return address still holds
// the trampoline, or, without a return probe, the address that it held when the call began.
WH_INLINE bool in_progress(struct wh_call* call, u64 cookie, u64 sp, struct task_struct* task) {
    if (!call->sp || sp > call->sp) return false;
    u64 return_address = 0;
    if (bpf_probe_read_user(&return_address, sizeof(return_address), (void*)call->sp) || !return_address) return false;
    if (return_address == trampoline_address(task))
        return true;  // also if one with BY_RET jumped to one with a return probe
    if (!WH_SHAPE_GET(call->cookie, BY_RET)) return false;
    // The same function entered again at the same place is a second try after an exception, and not a tail call.
    if (sp == call->sp && cookie == call->cookie) return false;
    return return_address == call->return_address;
}

WH_INLINE bool is_inside(struct wh_call* call, u64 cookie, u64 sp, struct task_struct* task) {
    if (!call->sp) return false;
    if (in_progress(call, cookie, sp, task)) return true;
    call->sp = 0;
    count(WH_COUNTER_ABANDONED);
    return false;
}

// True if this call is part of another one that we see as a whole.
WH_INLINE bool is_nested(struct wh_thread* thread, u32 group, u64 cookie, u64 sp, struct task_struct* task) {
    _Static_assert(WH_GROUP_HEAP == 0, "the one group that hides calls of others");
    if (group >= WH_GROUP_COUNT) return true;
    if (is_inside(&thread->calls[group], cookie, sp, task)) return true;
    bool may_be_hidden = hiding_groups(WH_SHAPE_GET(cookie, KIND)) & 1u << WH_GROUP_HEAP;
    return may_be_hidden && is_inside(&thread->calls[WH_GROUP_HEAP], cookie, sp, task);
}

static __noinline void send_restore(u32 kind_process, u64 key) {
    struct wh_record record = {
        .type = WH_RECORD_RESTORE,
        .kind = kind_process & 0xff,
        .process = kind_process >> 16,
        .tid = (u32)bpf_get_current_pid_tgid(),
        .key = key,
        .time_ns = bpf_ktime_get_ns(),
    };
    if (!send_or_keep(&record)) count(WH_COUNTER_RESTORE_LOST);
}

// The old resource of a realloc is released when the call begins, since another thread may be given its address before the
// call returns; should the call fail, it is put back.
WH_INLINE void release_tentatively(struct wh_call* call, u32 kind, u32 process, u64 key, u64 size) {
    call->old_key = key;
    if (!kind_is_range(kind) && young_take(kind, process, key, &call->old_size_stack, &call->old_time_ns)) {
        count_died(stack_of_packed(call->old_size_stack), size_of_packed(call->old_size_stack));
        call->old_state = WH_OLD_TAKEN_FROM_YOUNG;
        return;
    }
    send_release(kind | process << 16, key, size, WH_FLAG_TENTATIVE);
    call->old_state = WH_OLD_SENT;
}

WH_INLINE void restore(struct wh_call* call, u32 kind, u32 process) {
    if (call->old_state == WH_OLD_TAKEN_FROM_YOUNG) {
        u32 stack = stack_of_packed(call->old_size_stack);
        u64 size = size_of_packed(call->old_size_stack);
        count_undied(stack, size);
        put_or_spill(kind, process, call->old_key, size, stack, call->old_time_ns);
    } else if (call->old_state == WH_OLD_SENT) {
        send_restore(kind | process << 16, call->old_key);
    }
}

WH_INLINE bool succeeded(u64 cookie, u64 result) {
    switch (WH_SHAPE_GET(cookie, SUCCESS)) {
        case WH_SUCCESS_NOT_ZERO: return result != 0;
        case WH_SUCCESS_NOT_MINUS_ONE: return result != ~0ull;
        case WH_SUCCESS_ZERO: return (u32)result == 0;  // an int: the upper half is undefined
    }
    return true;
}

#define WH_ATTR_FLAGS 8  // in glibc's struct pthread_attr
#define WH_ATTR_DETACHED 1

WH_INLINE bool is_created_detached(u64 attributes) {
    u32 flags = 0;
    if (attributes) bpf_probe_read_user(&flags, sizeof(flags), (void*)(attributes + WH_ATTR_FLAGS));
    return flags & WH_ATTR_DETACHED;
}

WH_INLINE void begin_call(struct pt_regs* ctx, struct wh_call* call, u64 cookie, u32 kind, u32 process) {
    u32 operation = WH_SHAPE_GET(cookie, OPERATION);
    call->cookie = cookie;
    call->size = size_of_call(ctx, cookie);
    call->key = argument(ctx, WH_SHAPE_GET(cookie, KEY_ARG));
    call->flags = argument(ctx, WH_SHAPE_GET(cookie, FLAGS_ARG));
    call->old_state = WH_OLD_NONE;
    if (operation == WH_OPERATION_CREATE_THREAD) {
        call->flags = is_created_detached(argument(ctx, WH_SHAPE_GET(cookie, FLAGS_ARG)));
        call->old_key = 0;
    } else if (operation == WH_OPERATION_REACQUIRE) {
        u64 old_key = argument(ctx, WH_SHAPE_GET(cookie, OLD_KEY_ARG));
        u64 old_size = argument(ctx, WH_SHAPE_GET(cookie, OLD_SIZE_ARG));
        bool keeps_old = kind_is_range(kind) && (!old_size || call->flags & WH_MREMAP_DONTUNMAP);
        if (old_key && !keeps_old) release_tentatively(call, kind, process, old_key, old_size);
    } else if (operation == WH_OPERATION_TRY_RELEASE && call->key) {
        release_tentatively(call, kind, process, call->key, call->size);
    }
}

SEC("uprobe")
int call_enter(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    struct wh_thread* thread = make_thread(task);
    if (!thread) {
        count(WH_COUNTER_NO_THREAD_STATE);
        return 0;
    }
    u32 kind = WH_SHAPE_GET(cookie, KIND);
    u64 sp = PT_REGS_SP(ctx) + 8 * WH_SHAPE_GET(cookie, PUSHED_WORDS);
    u32 group = group_of(kind);
    if (group >= WH_GROUP_COUNT || is_nested(thread, group, cookie, sp, task)) return 0;
    struct wh_call* call = &thread->calls[group];
    begin_call(ctx, call, cookie, kind, WH_SHAPE_GET(cookie, PROCESS));
    if (WH_SHAPE_GET(cookie, BY_RET) &&
        bpf_probe_read_user(&call->return_address, sizeof(call->return_address), (void*)sp))
        return 0;
    call->sp = sp;
    return 0;
}

WH_INLINE void record_acquired(struct pt_regs* ctx, struct task_struct* task, struct wh_thread* thread,
                               struct wh_call* call, u32 kind, u32 process, u64 result, bool at_ret) {
    u64 key = result;
    if (WH_SHAPE_GET(call->cookie, KEY_INDIRECT)) {
        if (bpf_probe_read_user(&key, sizeof(key), (void*)call->key)) {
            count(WH_COUNTER_KEY_UNREADABLE);
            return;
        }
    } else if (WH_SHAPE_GET(call->cookie, KEY_ARG)) {
        key = call->key;
    }
    if (!key) return;  // sqlite3_prepare of a comment succeeds without a statement
    u64 pc, sp, fp;
    WH_READ_REGISTER(ctx, pc, rip);
    WH_READ_REGISTER(ctx, sp, rsp);
    WH_READ_REGISTER(ctx, fp, rbp);
    struct wh_caller caller = {
        .pc = at_ret ? call->return_address : pc,
        .sp = at_ret ? sp + 8 : sp,
        .fp = fp,
    };
    u32 stack = caller_stack(ctx, &caller, task, thread, kind, process);
    u64 time_ns = bpf_ktime_get_ns();
    if (kind_is_range(kind)) {
        u32 flags = call->flags << WH_FLAG_CALL_SHIFT;
        send_acquire(kind | process << 16, key, call->size, time_ns, (u64)flags << 32 | stack);
        return;
    }
    put_or_spill(kind, process, key, call->size, stack, time_ns);
}

SEC("uprobe")
int call_return(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    struct wh_thread* thread = find_thread(task);
    if (!thread) return 0;
    u32 kind = WH_SHAPE_GET(cookie, KIND);
    u32 group = group_of(kind);
    if (group >= WH_GROUP_COUNT) return 0;
    struct wh_call* call = &thread->calls[group];
    bool at_ret = WH_SHAPE_GET(cookie, BY_RET);  // the return address is still on the stack
    if (!call->sp || PT_REGS_SP(ctx) != call->sp + (at_ret ? 0 : 8)) return 0;
    if (at_ret && !WH_SHAPE_GET(call->cookie, BY_RET))
        return 0;  // shared code: the return probe of that call comes next
    call->sp = 0;

    u64 result = PT_REGS_RC(ctx);
    u32 process = WH_SHAPE_GET(call->cookie, PROCESS);
    u32 operation = WH_SHAPE_GET(call->cookie, OPERATION);
    if (operation == WH_OPERATION_CREATE_THREAD) {  // acquired when the thread was made, see note_created_thread()
        if (!succeeded(call->cookie, result) && call->old_key) release(kind, process, call->old_key);
        return 0;
    }
    if (operation == WH_OPERATION_RESIZE) {
        if (result < call->size) return 0;
        release(kind, process, call->key);
    } else if (!succeeded(call->cookie, result)) {
        // realloc(p, 0) that returns a null pointer has freed p.
        bool freed = operation == WH_OPERATION_REACQUIRE && !kind_is_range(kind) && !call->size;
        if (!freed) restore(call, kind, process);
        return 0;
    }
    if (operation != WH_OPERATION_TRY_RELEASE) record_acquired(ctx, task, thread, call, kind, process, result, at_ret);
    return 0;
}

SEC("uprobe")
int call_release(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    u64 key = argument(ctx, WH_SHAPE_GET(cookie, KEY_ARG));
    if (!key) return 0;
    u32 kind = WH_SHAPE_GET(cookie, KIND);
    struct wh_thread* thread = find_thread(task);
    u64 sp = PT_REGS_SP(ctx) + 8 * WH_SHAPE_GET(cookie, PUSHED_WORDS);
    if (thread && is_nested(thread, group_of(kind), cookie, sp, task)) return 0;
    release(kind, WH_SHAPE_GET(cookie, PROCESS), key);
    return 0;
}
