// The stack of the caller, taken when the acquiring call returns: the program counter then is the return address, exactly.
// Gives it an index in the table of stacks, and sends its frames once. A walk that cannot be finished here sends the registers
// and a slice of the stack, for user space to finish it.
#ifndef WHOHOLDS_LIB_STACK_H
#define WHOHOLDS_LIB_STACK_H

#include "lib/python.bpf.h"
#include "lib/stream.bpf.h"

#define WH_TELL_NS 20000000ull  // tell user space of news about mappings no more often
#define WH_SNAPSHOT_PERIOD_NS 100000000ull
#define WH_SNAPSHOTS_A_PERIOD 128

struct wh_caller {
    u64 pc;
    u64 sp;
    u64 fp;
};

static __noinline int send_stack(struct wh_walk* walk, struct wh_thread* thread, u64* slot, u32 stack,
                                 u32 kind_process) {
    u64 unsent = *(volatile u64*)slot;
    if (unsent & WH_STACK_SENT) return 0;
    if (swap_if_equal(slot, unsent, unsent | WH_STACK_SENT) != unsent) return 0;
    struct wh_stack_record* record = &thread->record;
    u64 count_of_frames = walk->frame_count;
    record->type = WH_RECORD_STACK;
    record->kind = kind_process & 0xff;
    record->process = kind_process >> 16;
    record->stack = stack;
    record->hash = unsent;
    record->status = walk->status;
    record->frame_count = count_of_frames;
    record->layout = walk->layout;
    record->tid = (u32)bpf_get_current_pid_tgid();
    barrier_var(count_of_frames);
    if (count_of_frames > WH_STACK_ROOM) count_of_frames = WH_STACK_ROOM;
    u64 length = sizeof(*record) - sizeof(record->frames) + 8 * count_of_frames;
    if (!bpf_ringbuf_output(&ring, record, length, BPF_RB_NO_WAKEUP)) return 1;
    *(volatile u64*)slot = unsent;  // the next event with this stack tries again
    count(WH_COUNTER_STACK_RETRIED);
    return 0;
}

// The slot of a hash in the table of stacks: its number + 1, which is the stack's index; 0: the table is full.
WH_INLINE u32 stack_slot(u64 hash, u32 kind_process, u64** slot) {
    u32 bucket_index = (hash >> 32) & config.stack_bucket_mask;
#pragma unroll
    for (int probe = 0; probe < 2; probe++) {
        struct wh_stack_bucket* bucket = bpf_map_lookup_elem(&stacks, &bucket_index);
        if (!bucket) break;
#pragma unroll
        for (u32 way = 0; way < WH_STACK_WAYS; way++) {
            u64 found = *(volatile u64*)&bucket->hash[way];
            if (!found) found = claim_stack_slot(bucket, way, bucket_index, hash, kind_process);
            if ((found & ~WH_STACK_SENT) != hash) continue;
            *slot = &bucket->hash[way];
            return bucket_index * WH_STACK_WAYS + way + 1;
        }
        bucket_index = (hash >> 8) & config.stack_bucket_mask;
    }
    return 0;
}

WH_INLINE u64 usable_hash(u64 hash) {
    hash &= ~WH_STACK_SENT;
    return hash ? hash : 2;
}

// Index of the stack; if the table is full, the row for what has none. Sends its frames if they were not sent yet.
WH_INLINE u32 stack_index(struct wh_walk* walk, struct wh_thread* thread, u32 kind, u32 process) {
    u64 salt = (u64)walk->layout << 32 | process << 16 | kind << 8 | walk->status;
    u64* slot;
    u32 stack = stack_slot(usable_hash(mix(walk->hash, salt)), kind | process << 16, &slot);
    if (stack) {
        if (!(*(volatile u64*)slot & WH_STACK_SENT)) send_stack(walk, thread, slot, stack, kind | process << 16);
        return stack;
    }
    count(WH_COUNTER_STACK_TABLE_FULL);
    return config.no_stack_base + WH_NO_STACK_ROW(kind, process);
}

// At most so many a period and process: a snapshot costs the target microseconds and user space more.
WH_INLINE bool may_take_snapshot(u32 process) {
    struct wh_unwind_process* known = bpf_map_lookup_elem(&unwind_processes, &process);
    if (!known) return false;
    u64 now = bpf_ktime_get_ns();
    if (now - known->snapshot_ns > WH_SNAPSHOT_PERIOD_NS) {
        known->snapshot_ns = now;
        known->snapshot_count = 0;
    }
    return count_up(&known->snapshot_count) < WH_SNAPSHOTS_A_PERIOD;
}

// Of all that decides what a walk of it finds: also the return addresses that are not in the slice, and which libraries there were.
WH_CHECKED_ONCE u64 hash_of_snapshot(struct wh_snapshot_record* record) {
    if (!record) return 0;
    u64 hash = mix(record->slice_bytes, record->removals);
    u32 returns = record->return_count;
    for (u32 i = 0; i < WH_SNAPSHOT_RETURNS && i < returns; i++)
        hash = mix(mix(hash, record->returns[i].place), record->returns[i].address);
    for (u32 i = 0; i < WH_SNAPSHOT_REGISTERS; i++) hash = mix(hash, record->registers[i]);
    u32 words = record->slice_bytes / 8;
    for (u32 i = 0; i < WH_SNAPSHOT_BYTES / 8 && i < words; i += 8) {
#pragma unroll
        for (u32 k = 0; k < 8; k++) hash = mix(hash, record->slice[i + k]);
    }
    return hash;
}

// Page by page, so that all is read up to the end of the stack. Returns the number of bytes.
WH_INLINE u32 copy_slice(struct wh_snapshot_record* record, u64 sp) {
    u32 bytes = 0;
    for (u32 page = 0; page <= WH_SNAPSHOT_BYTES / WH_PAGE_BYTES; page++) {
        u32 length = page ? WH_PAGE_BYTES : WH_PAGE_BYTES - (sp & (WH_PAGE_BYTES - 1));
        if (bytes > WH_SNAPSHOT_BYTES - WH_PAGE_BYTES || length > WH_PAGE_BYTES) break;
        if (bpf_probe_read_user((u8*)record->slice + bytes, length, (void*)(sp + bytes))) break;
        bytes += length;
    }
    return bytes;
}

// What return probes replaced on the stack. Where several share a place, the one that is not chained is true; the places of
// others are 0. Without a branch in the loop, for the verifier's sake.
WH_CHECKED_ONCE u32 copy_replaced_returns(struct wh_snapshot_record* record) {
    if (!record) return 0;
    struct task_struct* task = current_task();
    struct return_instance* instance = BPF_CORE_READ(task, utask, return_instances);
    u32 i = 0;
    for (; i < WH_SNAPSHOT_RETURNS && instance; i++) {
        u64 is_true = !BPF_CORE_READ(instance, chained);
        record->returns[i].place = BPF_CORE_READ(instance, stack) * is_true;
        record->returns[i].address = BPF_CORE_READ(instance, orig_ret_vaddr);
        instance = BPF_CORE_READ(instance, next);
    }
    return i;
}

// Index of the stack by its snapshot, which is sent if it was not yet; 0: there is no room.
__noinline u32 snapshot_index(WH_WALK_PARAMETERS, u32 kind_process) {
    WH_WALK_BEGIN(0);
    struct wh_snapshot_record* record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
    if (!record) return 0;
    u32 process = kind_process >> 16;
    struct wh_unwind_process* known = bpf_map_lookup_elem(&unwind_processes, &process);
    record->removals = known ? *(volatile u32*)&known->removals : 0;
    record->exec_pages = executable_pages(current_task());
    for (u32 i = 0; i < WH_SNAPSHOT_REGISTERS; i++) record->registers[i] = thread->registers[i];
    record->return_count = copy_replaced_returns(record);
    record->slice_bytes = copy_slice(record, thread->registers[1]) & ~63u;  // whole rounds of the hash
    u64 hash = usable_hash(mix(hash_of_snapshot(record), (u64)walk->layout << 32 | kind_process));
    u64* slot;
    u32 stack = stack_slot(hash, kind_process, &slot);
    if (!stack || *(volatile u64*)slot & WH_STACK_SENT || swap_if_equal(slot, hash, hash | WH_STACK_SENT) != hash) {
        bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
        return stack;
    }
    record->type = WH_RECORD_SNAPSHOT;
    record->kind = kind_process & 0xff;
    record->process = kind_process >> 16;
    record->stack = stack;
    record->hash = hash;
    record->status = walk->status;
    record->layout = walk->layout;
    bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
    return stack;
}

// News about the mappings of a process: user space looks at them.
static __noinline void tell_of_mappings(u32 process) {
    struct wh_unwind_process* known = bpf_map_lookup_elem(&unwind_processes, &process);
    if (!known) return;
    u64 now = bpf_ktime_get_ns(), told = known->told_ns;
    if (now - told < WH_TELL_NS || swap_if_equal(&known->told_ns, told, now) != told) return;
    notify(WH_RECORD_MAPPINGS, process, 0, 0);
}

// Walks from walk's pc, sp and fp. 0: user space has to finish it, see snapshot_index().
WH_INLINE bool walk_and_tell(struct wh_walk* walk, struct task_struct* task, struct wh_thread* thread, u32 process) {
    bool has_news = false;
    walk_stack(walk, thread, task, process, &has_news);
    if (has_news) tell_of_mappings(process);
    return walk->status != WH_STACK_NO_MAPPING && walk->status != WH_STACK_MAPPINGS_CHANGED &&
           walk->status != WH_STACK_UNSUPPORTED;
}

// Of a stack that cannot be finished here, by thread->registers. 0: it stays as it is.
WH_INLINE u32 snapshot_if_allowed(struct wh_walk* walk, struct wh_thread* thread, u32 kind, u32 process) {
    u32 stack = may_take_snapshot(process) ? snapshot_index(WH_WALK_ARGUMENTS(walk, thread), kind | process << 16) : 0;
    count(stack ? WH_COUNTER_SNAPSHOT : WH_COUNTER_SNAPSHOT_LOST);
    return stack;
}

// The stack of the caller, as it is when the acquiring call has returned.
WH_INLINE u32 caller_stack(struct pt_regs* ctx, const struct wh_caller* caller, struct task_struct* task,
                           struct wh_thread* thread, u32 kind, u32 process) {
    struct wh_walk start = {.pc = caller->pc, .sp = caller->sp, .fp = caller->fp};
    struct wh_walk* walk = place_of_walk(thread, &start);
    if (!walk_and_tell(walk, task, thread, process)) {
        thread->registers[0] = caller->pc;
        thread->registers[1] = caller->sp;
        thread->registers[2] = caller->fp;
        read_callee_saved(ctx, &thread->registers[3]);
        u32 stack = snapshot_if_allowed(walk, thread, kind, process);
        if (stack) return stack;
    }
    if (has_ancestry(kind) && go_process(process)) {
        u64 r14;
        WH_READ_REGISTER(ctx, r14, r14);
        thread->r14 = r14;
        add_ancestry(WH_WALK_ARGUMENTS(walk, thread), process);
    }
    if (python_process(process)) add_python_frames(WH_WALK_ARGUMENTS(walk, thread), process);
    return stack_index(walk, thread, kind, process);
}

// The stack at a system call, by thread->registers: the program counter is that of the next instruction.
WH_INLINE u32 system_call_stack(struct task_struct* task, struct wh_thread* thread, u32 kind, u32 process) {
    struct wh_walk start = {
        .pc = thread->registers[0], .sp = thread->registers[1], .fp = thread->registers[2], .flags = WH_WALK_EXACT};
    struct wh_walk* walk = place_of_walk(thread, &start);
    if (!walk_and_tell(walk, task, thread, process)) {
        u32 stack = snapshot_if_allowed(walk, thread, kind, process);
        if (stack) return stack;
    }
    if (go_process(process)) {
        thread->r14 = thread->registers[6];
        add_ancestry(WH_WALK_ARGUMENTS(walk, thread), process);
    }
    if (python_process(process)) add_python_frames(WH_WALK_ARGUMENTS(walk, thread), process);
    return stack_index(walk, thread, kind, process);
}

#endif
