// Stacks that differ in addresses only (unrolled loops, identical code folded or not, instances of a template, stacks that were
// finished in user space) read the same: they are one row of a report. Told apart by what is known of each frame. Used by the
// report builder. Sums are exact.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analyze/leading_frames.h"
#include "analyze/python_stacks.h"
#include "analyze/v8_frame.h"
#include "bpf/shared/go_process.h"
#include "profile/aggregator.h"
#include "profile/profile.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

struct StackGroup {
    ProfileStack sum;              // its `stack` is the first of stacks
    std::vector<uint32_t> stacks;  // indexes of those in it
};

// What is equal for equal rows: function, file, line and module. Where no line is known two calls in one function differ
// by their place in the module; code that a JIT made has no lasting place, and goes by its name.
std::string key_of_frames(std::span<const Frame> frames);

// Of what reads like this: the same in every report and every run.
uint64_t id_of_frames(std::span<const Frame> frames);

// Of a row of such frames. Of scripts it goes by what it reads, as engines compile code anew all the time, and each time the same lines are
// another stack; names of native code may still be found later, so its id is that of one of the stacks.
uint64_t id_of_row(std::span<const Frame> frames, std::span<const uint32_t> stacks, const Aggregator& aggregator);

// What of a stack is shown, and how it reads.
struct FrameReader {
    Symbolizer& symbolizer;
    std::span<const AddressRange> libc;    // see leading_frames.h
    const Aggregator* stacks = nullptr;    // at which goroutines were created; null: their ancestry is not shown
    const PythonFrames* python = nullptr;  // of a process that runs Python code
    const V8Frames* v8 = nullptr;          // of a process that runs JavaScript

    // All frames that are shown of a stack of this kind, inlined calls and all.
    [[nodiscard]] std::vector<Frame> frames_of(const StackInfo& info, uint8_t kind) const;
    // The frames of the stack as numbers, and behind them those of the stack at which the goroutine was created, and so on
    // outwards; kFirstOfCreator marks where each begins.
    [[nodiscard]] std::vector<uint64_t> joined_frames(const StackInfo& info, uint8_t kind) const;
    // What one of joined_frames() reads.
    [[nodiscard]] std::vector<Frame> frames_at(uint64_t frame, uint32_t layout) const;
    static constexpr uint64_t kFirstOfCreator = WH_FRAME_CREATED_BY;
    static constexpr uint64_t kLeftOut = WH_FRAME_CUT;  // in place of a frame: creators that are not kept

private:
    void tidy_creation(std::vector<uint64_t>& frames, size_t begin) const;
    void erase_end(std::vector<uint64_t>& frames) const;
};

// Of one process and kind. In the order of the first stack of each. An incomplete stack is never joined with one that is complete, or
// incomplete for another reason.
std::vector<StackGroup> group_stacks(std::span<const ProfileStack> stacks, const Aggregator& aggregator,
                                     const FrameReader& reader, const Aggregator::Pause& pause);

}  // namespace whoholds
