// The frames of the Python code that a thread runs, behind those of its stack (shared/python_process.h). The thread's own state is found
// by the key under which the interpreter keeps it, whether the thread has the interpreter's lock at that moment or not.
#ifndef WHOHOLDS_LIB_PYTHON_H
#define WHOHOLDS_LIB_PYTHON_H

#include "lib/goroutine.bpf.h"
#include "shared/python_process.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, struct wh_python_process);
} python_processes SEC(".maps");

WH_INLINE struct wh_python_process* python_process(u32 process) {
    struct wh_python_process* python = bpf_map_lookup_elem(&python_processes, &process);
    return python && python->is_known ? python : 0;
}

WH_INLINE u64 python_state_of_thread(const struct wh_python_process* python, u64 thread_pointer) {
    u64 key = read_target_word(python->key_at);
    if (!(u32)key || key >> 32 >= python->key_count) return 0;
    u64 values = thread_pointer + python->keys_at;
    if (python->flags & WH_PYTHON_KEYS_BY_POINTER) values = read_target_word(values);
    u64 state = read_target_word(values + (key >> 32 << (python->key_shift & 7)) + python->key_value);
    if (!state || read_target_word(state + python->thread_id) != thread_pointer) return 0;
    return state;
}

WH_INLINE u64 innermost_python_frame(const struct wh_python_process* python) {
    u64 state = python_state_of_thread(python, BPF_CORE_READ(current_task(), thread.fsbase));
    if (!state) return 0;
    u64 frame = read_target_word(state + python->frame);
    if (frame && python->flags & WH_PYTHON_FRAME_BY_CFRAME) frame = read_target_word(frame + python->cframe_frame);
    return frame;
}

WH_INLINE void add_python_word(struct wh_walk* walk, struct wh_thread* thread, u64 word) {
    u32 index = walk->frame_count;
    if (index >= WH_STACK_ROOM) return;
    thread->record.frames[index] = word;
    walk->hash = mix(walk->hash, word);
    walk->frame_count = index + 1;
}

WH_INLINE u64 python_instruction(const struct wh_python_process* python, u64 code, u64 in_frame) {
    if (!(python->flags & WH_PYTHON_POINTS_INTO_CODE))
        return (u32)in_frame < WH_PYTHON_NO_INSTRUCTION ? (u32)in_frame : WH_PYTHON_NO_INSTRUCTION;
    u64 bytes = in_frame - code - python->instructions;
    return bytes >> 1 < WH_PYTHON_NO_INSTRUCTION ? bytes >> 1 : WH_PYTHON_NO_INSTRUCTION;
}

// The walk has ended: what it no longer needs is used again. Its window is a copy of memory that frames lie in, as reading many bytes
// costs hardly more than reading eight; its pc is the frame that comes next.
#define WH_PYTHON_WORDS_A_FRAME 2
#define WH_PYTHON_WINDOW_BYTES 3072
#define WH_PYTHON_IDENTITY_AT (WH_PYTHON_WINDOW_BYTES / 8)  // behind it

// From the start of the frame's page on, but not more than fits: what lies before that page may not be mapped.
WH_INLINE bool fill_python_window(struct wh_walk* walk, struct wh_thread* thread,
                                  const struct wh_python_process* python, u64 frame) {
    u64 end = frame + python->frame_bytes;
    u64 start = frame;
    if (python->entry != WH_PYTHON_ENTRY_EACH) {  // callers' frames mostly lie just below
        start = frame & ~(u64)(WH_PAGE_BYTES - 1);
        if (end - start > WH_PYTHON_WINDOW_BYTES) start = end - WH_PYTHON_WINDOW_BYTES;
    }
    u64 length = end - start;
    asm volatile("" : "+r"(length));
    length &= WH_WINDOW_BYTES - 8;
    walk->window_start = start;
    walk->window_bytes = length;
    return length >= 8 && !bpf_probe_read_user(thread->window, length, (void*)start);
}

WH_INLINE u64 python_frame_word(const struct wh_thread* thread, u64 offset, u32 word) {
    return thread->window[((offset >> 3) + word) & (WH_WINDOW_WORDS - 1)];
}

// One frame, and the address of its caller; 0: there is none, or it cannot be read.
WH_INLINE u64 add_python_frame(struct wh_walk* walk, struct wh_thread* thread, const struct wh_python_process* python,
                               u64 frame) {
    u64 flags = WH_FRAME_PYTHON;
    bool is_inside =
        frame >= walk->window_start && frame + python->frame_bytes <= walk->window_start + walk->window_bytes;
    if (frame & 7 || (!is_inside && !fill_python_window(walk, thread, python, frame))) goto unknown;
    u64 offset = frame - walk->window_start;
    u64 previous = python_frame_word(thread, offset, python->previous);
    u8 byte = python_frame_word(thread, offset, python->entry_word) >> (python->entry_shift & 63);
    if (python->entry == WH_PYTHON_ENTRY_EACH || byte == python->entry_value) flags |= WH_FRAME_PYTHON_ENTRY;
    if (python->entry == WH_PYTHON_ENTRY_OWN && flags & WH_FRAME_PYTHON_ENTRY) {
        add_python_word(walk, thread, flags);
        return previous;
    }
    u64 code = python_frame_word(thread, offset, python->code);
    u64* identity = thread->window + WH_PYTHON_IDENTITY_AT;
    if (!code || code != WH_FRAME_PYTHON_VALUE(code)) goto unknown;
    if (bpf_probe_read_user(identity, 8 * WH_PYTHON_IDENTITY_WORDS, (void*)(code + python->identity))) goto unknown;
    u64 in_frame = python_frame_word(thread, offset, python->instruction);
    add_python_word(walk, thread, flags | code);
    add_python_word(walk, thread,
                    WH_PYTHON_PLACE(wh_python_identity(identity), python_instruction(python, code, in_frame)));
    return previous;
unknown:
    add_python_word(walk, thread, WH_FRAME_PYTHON | WH_FRAME_PYTHON_CUT);
    return 0;
}

// One frame further; 0: there is no other. Global, as is the one below: the verifier looks at it once.
__noinline int python_step(WH_WALK_PARAMETERS, u32 process) {
    WH_WALK_BEGIN(0);
    struct wh_python_process* python = python_process(process);
    if (!python || !walk->pc) return 0;
    if (walk->frame_count > WH_STACK_ROOM - WH_PYTHON_WORDS_A_FRAME - 1) {  // the last one is for saying so
        add_python_word(walk, thread, WH_FRAME_PYTHON | WH_FRAME_PYTHON_CUT);
        return 0;
    }
    walk->pc = add_python_frame(walk, thread, python, walk->pc);
    return walk->pc != 0;
}

// Of the code that this thread runs.
__noinline int add_python_frames(WH_WALK_PARAMETERS, u32 process) {
    WH_WALK_BEGIN(0);
    struct wh_python_process* python = python_process(process);
    if (!python) return 0;
    walk->window_bytes = 0;
    walk->pc = innermost_python_frame(python);
    if (!walk->pc) return 0;
    for (int i = 0; i < WH_PYTHON_FRAMES; i++)
        if (!python_step(WH_WALK_ARGUMENTS(walk, thread), process)) return 0;
    add_python_word(walk, thread, WH_FRAME_PYTHON | WH_FRAME_PYTHON_CUT);
    return 0;
}

#endif
