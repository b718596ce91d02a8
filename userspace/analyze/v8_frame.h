// How a function of JavaScript in a stack reads. Used by FrameReader.
#pragma once

#include <cstdint>

#include "runtime/v8/v8_frames.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

// word: one of V8Frames::resolve().
Frame v8_frame(uint64_t word, const V8Frames& v8);

}  // namespace whoholds
