// The functions of JavaScript that a walk comes through (shared/v8_process.h): which ones, and where in them, goes into the stack behind the
// frame's program counter. All code of V8 keeps frame pointers, so the walk knows each frame's.
#ifndef WHOHOLDS_LIB_V8_H
#define WHOHOLDS_LIB_V8_H

#include "lib/rules.bpf.h"
#include "shared/v8_process.h"

#define WH_V8_WORDS_A_FRAME 4

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, struct wh_v8_process);
} v8_processes SEC(".maps");

WH_INLINE struct wh_v8_process* v8_process(u32 process) {
    struct wh_v8_process* v8 = bpf_map_lookup_elem(&v8_processes, &process);
    return v8 && v8->is_known ? v8 : 0;
}

WH_INLINE void add_v8_word(struct wh_walk* walk, struct wh_thread* thread, u64 word) {
    u32 index = walk->frame_count;
    if (index >= WH_STACK_ROOM) return;
    thread->record.frames[index] = WH_FRAME_V8 | word;
    walk->frame_count = index + 1;
}

// What is part of the stack's identity.
WH_INLINE void add_v8_identity(struct wh_walk* walk, struct wh_thread* thread, u64 word) {
    walk->hash = mix(walk->hash, word);
    add_v8_word(walk, thread, word);
}

WH_INLINE bool is_in_v8s_own_code(const struct wh_v8_process* v8, u64 address) {
    return address - v8->code_start[0] < v8->code_end[0] - v8->code_start[0] ||
           address - v8->code_start[1] < v8->code_end[1] - v8->code_start[1];
}

WH_INLINE bool is_v8_object(u64 word) { return (word & 3) == 1; }

// Numbers stand in the upper half of a word.
WH_INLINE u64 bytecode_offset(const u64* frame) {
    u64 offset = frame[WH_V8_FRAME_BYTECODE_OFFSET];
    if (!is_v8_object(frame[WH_V8_FRAME_BYTECODES]) || (u32)offset || offset >> 32 >= WH_V8_NO_OFFSET)
        return WH_V8_NO_OFFSET;
    return offset >> 32;
}

// What was read of a frame. It lies behind all that a walk fills, as there is hardly any room on the programs' stack.
struct wh_v8_frame {
    u64 words[WH_V8_FRAME_WORDS];
    u64 function[WH_V8_FUNCTION_BYTES / 8];
    u64 shared[WH_V8_SHARED_BYTES / 8];
    u64 code[WH_V8_CODE_BYTES / 8];
    u64 script_id;
};
WH_STATIC_ASSERT(WH_STACK_MAX_FRAMES + WH_V8_WORDS_A_FRAME + sizeof(struct wh_v8_frame) / 8 < WH_STACK_ROOM);

WH_INLINE struct wh_v8_frame* v8_frame(struct wh_thread* thread) {
    return (void*)&thread->record.frames[WH_STACK_ROOM - sizeof(struct wh_v8_frame) / 8];
}

WH_INLINE u64 shared_of(const struct wh_v8_process* v8, const struct wh_v8_frame* frame) {
    return v8->function_shared ? frame->function[1] : frame->function[0];
}

WH_INLINE u64 code_of(const struct wh_v8_process* v8, const struct wh_v8_frame* frame) {
    return v8->function_code ? frame->function[3] : frame->function[0];
}

// False: it runs no function that has a number, which V8's own have not.
WH_INLINE bool read_v8_frame(const struct wh_v8_process* v8, struct wh_v8_frame* frame, u64 fp) {
    if (bpf_probe_read_user(frame->words, sizeof(frame->words), (void*)(fp - sizeof(frame->words)))) return false;
    u64 function = frame->words[WH_V8_FRAME_FUNCTION];
    if (!is_v8_object(frame->words[WH_V8_FRAME_CONTEXT]) || !is_v8_object(function)) return false;
    if (bpf_probe_read_user(frame->function, sizeof(frame->function), (void*)(function - 1 + v8->function)))
        return false;
    u64 shared = shared_of(v8, frame);
    if (!is_v8_object(shared)) return false;
    if (bpf_probe_read_user(frame->shared, sizeof(frame->shared), (void*)(shared - 1 + v8->shared_script)))
        return false;
    u64 script = frame->shared[0];
    if (!is_v8_object(script) || (s64)frame->shared[WH_V8_LITERAL_ID_WORD] < 0) return false;
    return !bpf_probe_read_user(&frame->script_id, sizeof(frame->script_id), (void*)(script - 1 + v8->script_id));
}

// The identity of a function's code, if that is what the frame runs; 0: it runs other code.
WH_INLINE u64 v8_code_identity(const struct wh_v8_process* v8, struct wh_v8_frame* frame, u64 pc) {
    u64 code = code_of(v8, frame);
    if (!is_v8_object(code) || bpf_probe_read_user(frame->code, sizeof(frame->code), (void*)(code - 1 + v8->code)))
        return 0;
    u64 start = v8->code_inline ? code_of(v8, frame) - 1 + v8->code_inline : frame->code[0];
    u32 at = v8->code_size >> 3;
    u32 size = (at == 0 ? frame->code[0] : at == 1 ? frame->code[1] : frame->code[2]) >> (v8->code_size & 4) * 8;
    return pc - 1 - start < size ? wh_v8_code_identity(start, size) : 0;
}

// Which function it is. Nothing is checked beyond what keeps numbers sensible: user space believes only what it finds to be the object
// of that identity.
WH_INLINE void add_v8_function(struct wh_walk* walk, struct wh_thread* thread, const struct wh_v8_process* v8, u64 pc) {
    struct wh_v8_frame* frame = v8_frame(thread);
    u64 code = is_in_v8s_own_code(v8, pc - 1) ? 0 : v8_code_identity(v8, frame, pc);
    add_v8_word(walk, thread, WH_FRAME_V8_VALUE(shared_of(v8, frame) - 1) | (code ? WH_FRAME_V8_CODE : 0));
    u64 identity = wh_v8_function_identity((u32)bpf_get_current_pid_tgid(), frame->script_id >> 32,
                                           frame->shared[WH_V8_LITERAL_ID_WORD] >> 32);
    add_v8_identity(walk, thread, WH_V8_PLACE(identity, bytecode_offset(frame->words)));
    if (!code) return;
    add_v8_word(walk, thread, WH_FRAME_V8_VALUE(code_of(v8, frame) - 1));
    add_v8_identity(walk, thread, code);
}

// The process, if the frame that was noted last was not interrupted anywhere, maybe before it was made.
WH_INLINE struct wh_v8_process* v8_of_last_frame(const struct wh_walk* walk, const struct wh_thread* thread, u64* pc) {
    u32 index = walk->frame_count - 1;
    if (index >= WH_STACK_MAX_FRAMES) return 0;
    *pc = thread->record.frames[index];
    return *pc & WH_FRAME_EXACT ? 0 : v8_process(WH_WALK_PROCESS(walk));
}

// The frame that was noted last keeps its frame pointer as V8's code does. Whether it runs a function that add_v8_function can add. Both are
// global, so that the verifier looks at them once, and follow each other, as there is no room on the stack for one within the other.
__noinline int read_v8_frame_noted_last(WH_WALK_PARAMETERS) {
    WH_WALK_BEGIN(0);
    u64 pc;
    const struct wh_v8_process* v8 = v8_of_last_frame(walk, thread, &pc);
    if (!v8) return 0;
    if (read_v8_frame(v8, v8_frame(thread), walk->fp)) return 1;
    u32 index = walk->frame_count - 1;
    if (index < WH_STACK_MAX_FRAMES) thread->record.frames[index] = pc | WH_FRAME_V8_OWN;
    return 0;
}

__noinline int add_v8_function_noted_last(WH_WALK_PARAMETERS) {
    WH_WALK_BEGIN(0);
    u64 pc;
    const struct wh_v8_process* v8 = v8_of_last_frame(walk, thread, &pc);
    if (v8) add_v8_function(walk, thread, v8, pc);
    return 0;
}

#endif
