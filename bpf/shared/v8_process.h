// What the programs need to know of V8, the JavaScript engine of Node, to say which function a frame on the stack belongs to, and how that
// travels. Included by BPF C and by C++.
#ifndef WHOHOLDS_SHARED_V8_PROCESS_H
#define WHOHOLDS_SHARED_V8_PROCESS_H

#include <linux/types.h>

#include "shared_assert.h"

#define WH_V8_CODE_RANGES 2

// By slot of the process. Offsets are bytes from the address of an object on, its tag taken away.
struct wh_v8_process {
    __u32 is_known;  // 0: nothing of this is valid
    __u32 reserved;
    // Where V8's own code is mapped: a function whose frame runs there is interpreted. Others are looked at by user space.
    __u64 code_start[WH_V8_CODE_RANGES];
    __u64 code_end[WH_V8_CODE_RANGES];
    __u8 function;         // in a JSFunction: what is read of it, WH_V8_FUNCTION_BYTES
    __u8 function_shared;  // word in that: its SharedFunctionInfo
    __u8 function_code;    // ... its Code
    __u8
        shared_script;  // in a SharedFunctionInfo: its Script; WH_V8_LITERAL_ID behind it the number of the function in it
    __u8 script_id;     // in a Script
    __u8 code;          // in a Code: what is read of it, WH_V8_CODE_BYTES; first where its instructions begin
    __u8 code_size;     // byte in that: the size of its instructions
    __u8 code_inline;  // not 0: instructions are part of the Code, from here on
};
WH_STATIC_ASSERT(sizeof(struct wh_v8_process) == 48);

#define WH_V8_FRAME_WORDS 5  // below the frame pointer, lowest first:
#define WH_V8_FRAME_BYTECODE_OFFSET 0
#define WH_V8_FRAME_BYTECODES 1
#define WH_V8_FRAME_FUNCTION 3
#define WH_V8_FRAME_CONTEXT 4  // or a small number: the frame is no function's
#define WH_V8_FUNCTION_BYTES 32
#define WH_V8_SHARED_BYTES 24
#define WH_V8_LITERAL_ID_WORD 2  // upper half
#define WH_V8_CODE_BYTES 24

// In a stack behind the program counter of a frame that runs a function of JavaScript:
//   the address of its SharedFunctionInfo, which may move: a hint, and no part of the stack's identity
//   its identity, and the offset of its bytecode, if that is what it runs
//   with WH_FRAME_V8_CODE two more: the address of its Code, a hint again, and that code's identity
#define WH_FRAME_V8 (1ull << 58)
#define WH_FRAME_V8_CODE (1ull << 57)
// On a program counter: a frame of V8's own.
#define WH_FRAME_V8_OWN (1ull << 57)
#define WH_FRAME_V8_VALUE(frame) ((frame) & ((1ull << 47) - 1))
#define WH_V8_OFFSET_BITS 24
#define WH_V8_OFFSET_MASK ((1ull << WH_V8_OFFSET_BITS) - 1)
#define WH_V8_NO_OFFSET WH_V8_OFFSET_MASK
#define WH_V8_PLACE(identity, offset) (WH_FRAME_V8 | (identity) << WH_V8_OFFSET_BITS | (offset))
#define WH_V8_PLACE_IDENTITY(place) (((place) & (WH_FRAME_V8 - 1)) >> WH_V8_OFFSET_BITS)

static inline __attribute__((always_inline)) __u64 wh_v8_mixed(__u64 hash, __u64 word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 29;
}

// Objects move, numbers of scripts and of the functions in them do not. They are those of one isolate, which is one thread's.
static inline __attribute__((always_inline)) __u64 wh_v8_function_identity(__u32 tid, __u32 script, __u32 literal) {
    return wh_v8_mixed(wh_v8_mixed(0, (__u64)script << 32 | literal), tid) >> (64 - (58 - WH_V8_OFFSET_BITS));
}

static inline __attribute__((always_inline)) __u64 wh_v8_code_identity(__u64 start, __u32 size) {
    return wh_v8_mixed(wh_v8_mixed(0, start), size) >> 6;
}

#endif
