// Goroutines: which one a thread runs, and who created it. A stack that was taken on one ends with a frame that names the stack at
// which the goroutine was created (shared/go_process.h): libraries do their work in goroutines of their own, and the line that
// is to be blamed is in an ancestor.
#ifndef WHOHOLDS_LIB_GOROUTINE_H
#define WHOHOLDS_LIB_GOROUTINE_H

#include "lib/unwind.bpf.h"
#include "shared/go_process.h"
#include "shared/go_samples.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, struct wh_go_process);
} go_processes SEC(".maps");

// The goroutines of one process that were created under our eyes, by number. User space makes it for each Go program.
struct wh_goroutine_table {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(u64));
    __uint(value_size, sizeof(struct wh_lineage));
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, u32);
    __array(values, struct wh_goroutine_table);
} goroutines SEC(".maps");

WH_INLINE struct wh_go_process* go_process(u32 process) {
    struct wh_go_process* go = bpf_map_lookup_elem(&go_processes, &process);
    return go && go->is_known ? go : 0;
}

WH_INLINE u64 read_target_word(u64 at) {
    u64 value = 0;
    bpf_probe_read_user(&value, sizeof(value), (void*)at);
    return value;
}

// What a register or the thread's memory says is the current g may be anything in C code; a goroutine's own m leads back to it.
WH_INLINE u64 goroutine_of_candidate(const struct wh_go_process* go, u64 candidate) {
    if (!candidate || candidate & 7) return 0;
    u64 m = read_target_word(candidate + WH_GO_G_M);
    if (!m) return 0;
    u64 current = read_target_word(m + go->m_current);
    if (current == candidate || read_target_word(m + WH_GO_M_G0) == candidate) return current;
    return 0;
}

WH_INLINE u64 current_goroutine(const struct wh_go_process* go, struct task_struct* task, u64 r14) {
    u64 goroutine = goroutine_of_candidate(go, r14);
    if (goroutine || !go->tls_offset) return goroutine;
    u64 thread_pointer = BPF_CORE_READ(task, thread.fsbase);
    return goroutine_of_candidate(go, read_target_word(thread_pointer + go->tls_offset));
}

// The runtime's own goroutines begin in its code; the first one is the program's.
WH_INLINE bool is_runtimes_own(const struct wh_go_process* go, u64 goroutine, u64 id) {
    u64 start = read_target_word(goroutine + go->g_start);
    if (id == 1 || start == go->coroutine_start) return false;
    return start - go->runtime_start < go->runtime_end - go->runtime_start;
}

WH_INLINE void add_frame(struct wh_walk* walk, struct wh_thread* thread, u64 frame) {
    u32 index = walk->frame_count;
    if (index >= WH_STACK_MAX_FRAMES) return;
    thread->record.frames[index] = frame;
    walk->hash = mix(walk->hash, frame);
    walk->frame_count = index + 1;
}

WH_INLINE struct wh_lineage* lineage_of(u32 process, u64 id) {
    void* table = bpf_map_lookup_elem(&goroutines, &process);
    return table ? bpf_map_lookup_elem(table, &id) : 0;
}

// Ends the walk's frames with who created this goroutine, whose lineage was looked up.
WH_INLINE void add_origin(struct wh_walk* walk, struct wh_thread* thread, const struct wh_go_process* go, u64 goroutine,
                          u64 id, const struct wh_lineage* lineage) {
    if (lineage)
        add_frame(walk, thread, WH_FRAME_CREATED_BY | lineage->stack);
    else if (id > 1 && !is_runtimes_own(go, goroutine, id))
        add_frame(walk, thread,
                  WH_FRAME_CREATED_AT | WH_FRAME_ORIGIN_VALUE(read_target_word(goroutine + go->g_creator)));
}

// Of the goroutine that runs on this thread, where it runs Go code. Global: the verifier looks at it once.
__noinline int add_ancestry(WH_WALK_PARAMETERS, u32 process) {
    WH_WALK_BEGIN(0);
    struct wh_go_process* go = go_process(process);
    if (!go) return 0;
    u64 goroutine = current_goroutine(go, current_task(), thread->r14);
    if (!goroutine) return 0;
    u64 id = read_target_word(goroutine + go->g_id);
    add_origin(walk, thread, go, goroutine, id, lineage_of(process, id));
    return 0;
}

// What is taken on behalf of the whole process needs no ancestry; a goroutine has its own.
WH_INLINE bool has_ancestry(u32 kind) {
    return kind != WH_KIND_HEAP && kind != WH_KIND_MAPPING && kind != WH_KIND_GOROUTINE;
}

#endif
