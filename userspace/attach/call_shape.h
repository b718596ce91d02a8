// CallShape: bpf/shared/call_shape.h for C++: named fields, packing, unpacking, text.
// Used by the tables under runtime/native, the planner and the edge. Invariant: every shape that is_valid accepts
// survives pack and unpack unchanged, so what the table says is what the BPF programs see.
#pragma once

#include <cstdint>
#include <string>

#include "bpf/shared/call_shape.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {

// The integer arguments that travel in registers in the System V x86-64 calling convention.
constexpr unsigned kMaxArgument = 6;
constexpr unsigned kMaxProbes = WH_SHAPE_PROBE_MAX;

// Argument numbers are 1-based, 0 means none (for key_arg: the return value).
struct CallShape {
    wh_operation operation = WH_OPERATION_NONE;
    wh_resource_kind kind = WH_KIND_NONE;
    unsigned size_arg = 0;
    unsigned size_factor_arg = 0;
    unsigned key_arg = 0;
    bool key_indirect = false;
    unsigned old_key_arg = 0;
    unsigned old_size_arg = 0;
    wh_success success = WH_SUCCESS_NOT_ZERO;
    unsigned flags_arg = 0;
    unsigned pushed_words = 0;
    bool by_ret = false;
    unsigned probe = 0;
    unsigned process = 0;

    constexpr bool operator==(const CallShape&) const = default;
};

constexpr uint64_t pack(const CallShape& shape) {
    return WH_SHAPE_PUT(OPERATION, shape.operation) | WH_SHAPE_PUT(KIND, shape.kind) |
           WH_SHAPE_PUT(SIZE_ARG, shape.size_arg) | WH_SHAPE_PUT(SIZE_FACTOR_ARG, shape.size_factor_arg) |
           WH_SHAPE_PUT(KEY_ARG, shape.key_arg) | WH_SHAPE_PUT(KEY_INDIRECT, shape.key_indirect ? 1 : 0) |
           WH_SHAPE_PUT(OLD_KEY_ARG, shape.old_key_arg) | WH_SHAPE_PUT(OLD_SIZE_ARG, shape.old_size_arg) |
           WH_SHAPE_PUT(SUCCESS, shape.success) | WH_SHAPE_PUT(FLAGS_ARG, shape.flags_arg) |
           WH_SHAPE_PUT(PUSHED_WORDS, shape.pushed_words) | WH_SHAPE_PUT(BY_RET, shape.by_ret ? 1 : 0) |
           WH_SHAPE_PUT(PROBE, shape.probe) | WH_SHAPE_PUT(PROCESS, shape.process);
}

constexpr CallShape unpack(uint64_t packed) {
    return {
        .operation = static_cast<wh_operation>(WH_SHAPE_GET(packed, OPERATION)),
        .kind = static_cast<wh_resource_kind>(WH_SHAPE_GET(packed, KIND)),
        .size_arg = static_cast<unsigned>(WH_SHAPE_GET(packed, SIZE_ARG)),
        .size_factor_arg = static_cast<unsigned>(WH_SHAPE_GET(packed, SIZE_FACTOR_ARG)),
        .key_arg = static_cast<unsigned>(WH_SHAPE_GET(packed, KEY_ARG)),
        .key_indirect = WH_SHAPE_GET(packed, KEY_INDIRECT) != 0,
        .old_key_arg = static_cast<unsigned>(WH_SHAPE_GET(packed, OLD_KEY_ARG)),
        .old_size_arg = static_cast<unsigned>(WH_SHAPE_GET(packed, OLD_SIZE_ARG)),
        .success = static_cast<wh_success>(WH_SHAPE_GET(packed, SUCCESS)),
        .flags_arg = static_cast<unsigned>(WH_SHAPE_GET(packed, FLAGS_ARG)),
        .pushed_words = static_cast<unsigned>(WH_SHAPE_GET(packed, PUSHED_WORDS)),
        .by_ret = WH_SHAPE_GET(packed, BY_RET) != 0,
        .probe = static_cast<unsigned>(WH_SHAPE_GET(packed, PROBE)),
        .process = static_cast<unsigned>(WH_SHAPE_GET(packed, PROCESS)),
    };
}

// Seen where the system call has returned, and not by calls of a function.
constexpr bool is_system_call(const CallShape& shape) {
    switch (shape.operation) {
        case WH_OPERATION_CONNECT:
        case WH_OPERATION_OPEN:
        case WH_OPERATION_ACCEPT:
        case WH_OPERATION_OPEN_TWO:
        case WH_OPERATION_DUP_IF_ASKED:
        case WH_OPERATION_DUP_OVER:
        case WH_OPERATION_CLOSE:
        case WH_OPERATION_CLOSE_RANGE:
        case WH_OPERATION_RECEIVE: return true;
        default: return false;
    }
}

// The call is followed to its return: its result decides, or is the key.
constexpr bool needs_return(const CallShape& shape) {
    return !is_system_call(shape) && shape.operation != WH_OPERATION_NONE && shape.operation != WH_OPERATION_RELEASE;
}

// Bit n-1 is set if argument n (1-based) is read when the function is entered.
constexpr unsigned argument_mask(const CallShape& shape) {
    unsigned mask = 0;
    for (const unsigned arg : {shape.size_arg, shape.size_factor_arg, shape.key_arg, shape.old_key_arg,
                               shape.old_size_arg, shape.flags_arg}) {
        if (arg != 0) mask |= 1U << (arg - 1);
    }
    return mask;
}

// Releases nothing, but is followed to its return: calls of its group that are made inside of it are nested, and do not count.
constexpr bool only_hides(const CallShape& shape) {
    return shape.operation == WH_OPERATION_TRY_RELEASE && shape.key_arg == 0;
}

// Complete and free of contradictions, and every field fits its bits.
constexpr bool is_valid(const CallShape& shape) {
    for (const unsigned arg : {shape.size_arg, shape.size_factor_arg, shape.key_arg, shape.old_key_arg,
                               shape.old_size_arg, shape.flags_arg}) {
        if (arg > kMaxArgument) return false;
    }
    if (shape.kind == WH_KIND_NONE) return false;
    if (shape.size_factor_arg != 0 && shape.size_arg == 0) return false;
    if (shape.key_indirect && shape.key_arg == 0) return false;
    if (shape.old_size_arg != 0 && shape.old_key_arg == 0) return false;
    switch (shape.operation) {
        case WH_OPERATION_OPEN:
        case WH_OPERATION_ACCEPT:
        case WH_OPERATION_DUP_OVER:
            if (shape.key_arg != 0) return false;
            break;
        case WH_OPERATION_DUP_IF_ASKED:
            if (shape.key_arg != 0 || shape.flags_arg == 0) return false;
            break;
        case WH_OPERATION_OPEN_TWO:
        case WH_OPERATION_RECEIVE:
            if (!shape.key_indirect) return false;
            break;
        case WH_OPERATION_CLOSE_RANGE:
            if (shape.key_arg == 0 || shape.size_arg == 0) return false;
            break;
        case WH_OPERATION_CONNECT:
        case WH_OPERATION_CLOSE:
            if (shape.key_arg == 0) return false;
            break;
        case WH_OPERATION_CREATE_THREAD:
            if (!shape.key_indirect || shape.flags_arg == 0) return false;
            break;
        case WH_OPERATION_ACQUIRE:
            if (shape.old_key_arg != 0) return false;
            break;
        case WH_OPERATION_REACQUIRE:
            if (shape.old_key_arg == 0) return false;
            break;
        case WH_OPERATION_TRY_RELEASE:
            if (shape.old_key_arg != 0) return false;
            if (shape.key_arg == 0 && shape.success != WH_SUCCESS_ALWAYS) return false;
            break;
        case WH_OPERATION_RESIZE:
        case WH_OPERATION_RELEASE:
            if (shape.key_arg == 0 || shape.old_key_arg != 0) return false;
            break;
        case WH_OPERATION_NONE:
        default: return false;
    }
    return unpack(pack(shape)) == shape;
}

static_assert(WH_SHAPE_PROCESS_SHIFT + WH_SHAPE_PROCESS_BITS == 64, "the shape fills the cookie");
static_assert(WH_SHAPE_PROBE_SHIFT + WH_SHAPE_PROBE_BITS == WH_SHAPE_PROCESS_SHIFT);
static_assert(unsigned{WH_OPERATION_RECEIVE} <= unsigned{WH_SHAPE_OPERATION_MAX});
static_assert(unsigned{WH_SUCCESS_ALWAYS} <= unsigned{WH_SHAPE_SUCCESS_MAX});
static_assert(unsigned{WH_KIND_LIMIT} <= unsigned{WH_SHAPE_KIND_MAX} + 1);
static_assert(kMaxArgument <= unsigned{WH_SHAPE_KEY_ARG_MAX});

// The json_name of resource_kinds.h, "?" for values that are not in it.
std::string kind_name(wh_resource_kind kind);

// "acquire heap size=arg1*arg2 key=return if not 0"
std::string shape_to_text(uint64_t packed);

}  // namespace whoholds
