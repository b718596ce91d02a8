// What one instruction does to the stack pointer and the frame pointer. Used by decoded_code.
// Invariant: what a state says holds for every way that leads to the instruction; an instruction that is not fully understood
// has the flow kUnknown.
#pragma once

#include <Zydis/Zydis.h>

#include <cstdint>
#include <optional>
#include <span>

#include "bpf/shared/unwind.h"

namespace whoholds {

// Distances in bytes from the CFA down. At a function's entry the stack pointer is 8 below it.
struct StackState {
    enum class FramePointer : uint8_t { kCallers, kFrame, kOther };
    static constexpr int32_t kUnknown = INT32_MIN;

    int32_t stack_pointer = 8;  // kUnknown where the frame pointer alone leads to the CFA
    int32_t frame_pointer = 0;  // of kFrame
    int32_t saved_at = 0;       // where the caller's rbp is; 0: nowhere, or in rbp (kCallers)
    FramePointer kind = FramePointer::kCallers;

    bool operator==(const StackState&) const = default;
    [[nodiscard]] wh_unwind_rule rule() const;
};

enum class Flow : uint8_t {
    kNext,
    kCall,          // the next instruction follows unless the called function never returns
    kHalt,          // the next one follows as compilers see it
    kBranch,        // the target or the next one
    kJump,          // the target
    kComputedJump,  // nobody knows
    kReturn,
    kStop,
    kUnknown,
};

struct Step {
    Flow flow = Flow::kUnknown;
    uint8_t length = 0;
    std::optional<uint64_t> target;  // of a call, branch or jump
    std::optional<uint64_t> named;   // an address that the instruction computes by lea
    bool is_padding = false;
};

class StackStepper {
public:
    StackStepper();
    // Decodes the instruction that `code` begins with and applies it to the state in front of it.
    Step step(std::span<const uint8_t> code, uint64_t address, StackState& state) const;

private:
    bool apply_operands(ZydisDecoderContext& context, const ZydisDecodedInstruction& instruction,
                        StackState& state) const;

    ZydisDecoder decoder_;
};

}  // namespace whoholds
