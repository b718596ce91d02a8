// What the programs need to know of a CPython interpreter to follow the frames of the Python code that a thread runs, and how these
// travel. Included by BPF C and by C++.
#ifndef WHOHOLDS_SHARED_PYTHON_PROCESS_H
#define WHOHOLDS_SHARED_PYTHON_PROCESS_H

#include <linux/types.h>

#include "shared_assert.h"

// Which frame is the outermost one that a call of the evaluator runs.
enum wh_python_entry {
    WH_PYTHON_ENTRY_EACH = 0,  // each (until 3.10)
    WH_PYTHON_ENTRY_MARK = 1,  // the one that says so (3.11)
    WH_PYTHON_ENTRY_OWN =
        2,  // the one before a frame that is of the evaluator itself, and not of Python code (from 3.12 on)
};

enum wh_python_flag {
    WH_PYTHON_KEYS_BY_POINTER = 1 << 0,  // `keys_at` is the place of a pointer (musl)
    WH_PYTHON_FRAME_BY_CFRAME =
        1 << 1,  // the thread's state leads to the frame through a struct on the C stack (3.11, 3.12)
    WH_PYTHON_POINTS_INTO_CODE =
        1 << 2,  // the frame has a pointer to its instruction, and not its number (from 3.11 on)
};

// By slot of the process. Addresses are those of the process; offsets are bytes, places in a frame are words of 8 bytes.
struct wh_python_process {
    __u64
        key_at;  // the key under which the interpreter keeps each thread's state: is there one (4 bytes), which (4 bytes)
    __u32 is_known;      // 0: nothing of this is valid
    __u32 flags;         // wh_python_flag
    __u16 keys_at;       // from the thread pointer: a thread's values, by key
    __u16 key_count;     // so many are there
    __u16 key_shift;     // log2 of the bytes of one
    __u16 key_value;     // where in these the value is
    __u16 thread_id;     // in the thread's state: pthread_self(), which is the thread pointer
    __u16 frame;         // in the thread's state: its innermost frame, or the struct that has it
    __u16 cframe_frame;  // in that struct
    __u16 frame_bytes;   // of a frame that are to be read, a multiple of 8
    __u8 code;
    __u8 previous;
    __u8 instruction;
    __u8 entry;        // wh_python_entry
    __u8 entry_word;   // the word with the byte that tells
    __u8 entry_shift;  // bits to that byte
    __u8 entry_value;
    __u8 reserved;
    __u16 identity;      // in the code object: what tells it from others, see wh_python_identity()
    __u16 instructions;  // in the code object: the first instruction
    __u32 reserved_too;
};
WH_STATIC_ASSERT(sizeof(struct wh_python_process) == 48);

#define WH_PYTHON_FRAMES 64       // of one stack
#define WH_PYTHON_FRAME_WORDS 16  // the most that is read of a frame
#define WH_PYTHON_IDENTITY_WORDS 9
// What a stack record has room for behind the deepest stack. Others leave more: all 64 frames fit behind 160 frames of C.
#define WH_PYTHON_WORDS 32

// Behind the other frames of a stack, innermost first: for each frame of Python code two words, the code object's address and where in
// it. Which code it was is told by its identity, as the address may soon be another one's.
#define WH_FRAME_PYTHON (1ull << 59)
#define WH_FRAME_PYTHON_ENTRY \
    (1ull << 58)  // the frame is the last one of its call of the evaluator; without an address: the one before
#define WH_FRAME_PYTHON_CUT (1ull << 57)  // there are more, which are not known
#define WH_FRAME_PYTHON_VALUE(frame) ((frame) & ((1ull << 47) - 1))
#define WH_PYTHON_INSTRUCTION_BITS 24
#define WH_PYTHON_INSTRUCTION_MASK ((1ull << WH_PYTHON_INSTRUCTION_BITS) - 1)
#define WH_PYTHON_NO_INSTRUCTION WH_PYTHON_INSTRUCTION_MASK  // before the first one, or too far
#define WH_PYTHON_PLACE(identity, instruction) \
    (WH_FRAME_PYTHON | (identity) << WH_PYTHON_INSTRUCTION_BITS | ((instruction)&WH_PYTHON_INSTRUCTION_MASK))
#define WH_PYTHON_PLACE_IDENTITY(place) (((place) & (WH_FRAME_PYTHON - 1)) >> WH_PYTHON_INSTRUCTION_BITS)

// Of a part of a code object that does not change while it lives: pointers to the objects that it is made of, among them file, name and
// table of lines; from 3.12 on also a number that no other code object has.
static inline __attribute__((always_inline)) __u64 wh_python_identity(const __u64 words[WH_PYTHON_IDENTITY_WORDS]) {
    __u64 hash = 0;
#pragma GCC unroll 9
    for (int i = 0; i < WH_PYTHON_IDENTITY_WORDS; i++) {
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    }
    return hash >> (64 - (59 - WH_PYTHON_INSTRUCTION_BITS));
}

#endif
