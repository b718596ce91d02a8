// Stacks of Python programs as their authors know them: where the interpreter's evaluator stands in the native stack, the frames of Python
// code that it ran. Used by FrameReader.
// Invariant: never a guess: where the calls of the evaluator and the frames do not agree, the stack stays native.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/python/python_frames.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

// frames: native ones, and behind them words of PythonFrames::resolve(); is_complete: the native ones are. What of the interpreter called the
// evaluator is left out; native frames inside of the innermost Python frame stay, and those of extensions in between.
std::vector<uint64_t> merge_python_frames(std::span<const uint64_t> frames, const PythonFrames& python,
                                          bool is_complete);

// How one word of merge_python_frames() reads.
Frame python_frame(uint64_t word, const PythonFrames& python);

}  // namespace whoholds
