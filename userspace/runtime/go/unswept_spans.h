// What the last collection has found alive in spans that were not swept since: their marks, which sweeping will make the bits of what
// is allocated. Used by the census of a Go heap.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/go/spans.h"

namespace whoholds {

constexpr size_t kGoInlineMarkBytes = 128;  // of spanInlineMarkBits, at the end of a span's first page

// How many of its elements the marks kept in the span itself name (Go 1.26's for objects of 16 to 512 bytes), together with those
// beside it; nullopt: they are not what is there. Both are untrusted. Pure.
std::optional<uint32_t> count_inline_marks(const GoSpan& span,
                                           std::span<const uint8_t, kGoInlineMarkBytes> inline_marks,
                                           std::span<const uint8_t> marks);

// For each span in use how many of its elements are marked; nullopt where that is not known, and of spans that are swept. Spans
// that were swept meanwhile are read again.
Result<std::vector<std::optional<uint32_t>>> count_go_marks(const GoProcess& process, GoSpans& spans);

}  // namespace whoholds
