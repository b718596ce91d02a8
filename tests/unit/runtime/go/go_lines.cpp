#include "unit/runtime/go/go_lines.h"

#include "bpf/shared/records.h"

namespace whoholds {
namespace {

std::string line_of(const SourceFrame& frame) { return frame.function + ":" + std::to_string(frame.line); }

}  // namespace

GoLines lines_of(const GoProcess& process, const std::vector<uint64_t>& frames) {
    GoLines lines;
    for (const uint64_t frame : frames) {
        const uint64_t address = process.to_file(frame & ~WH_FRAME_EXACT) - ((frame & WH_FRAME_EXACT) != 0 ? 0 : 1);
        const auto function = process.code().table().find(address);
        if (!function || process.code().is_wrapper(function->kind)) {
            // Only the calls inlined into a wrapper count.
            auto calls = process.code().frames(process.image(), address);
            if (function && calls.back().function == readable_go_name(process.code().table().name_of(*function)))
                continue;
            for (const SourceFrame& call : calls) lines.push_back(line_of(call));
            continue;
        }
        for (const SourceFrame& call : process.code().frames(process.image(), address)) lines.push_back(line_of(call));
    }
    return lines;
}

GoLines lines_of_profile(const GoProcess& process, const std::vector<uint64_t>& frames) {
    GoLines lines;
    for (const uint64_t frame : frames) {
        const auto calls = process.code().frames(process.image(), process.to_file(frame - 1));
        if (!calls.empty() && calls.front().function != "runtime.goexit") lines.push_back(line_of(calls.front()));
    }
    return lines;
}

PprofHeap as_pprof(const std::vector<GoHeapStack>& stacks) {
    PprofHeap heap;
    for (const GoHeapStack& stack : stacks) {
        heap[stack.frames] = {stack.allocated.objects - stack.freed.objects, stack.allocated.bytes - stack.freed.bytes,
                              stack.allocated.objects, stack.allocated.bytes};
    }
    return heap;
}

}  // namespace whoholds
