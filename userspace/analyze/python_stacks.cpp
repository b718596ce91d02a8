#include "analyze/python_stacks.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "bpf/shared/records.h"
#include "symbolize/python_origin.h"

namespace whoholds {
namespace {

constexpr std::string_view kPython = "[python]";

// What one call of the evaluator ran, innermost first.
struct Runs {
    std::vector<std::vector<uint64_t>> calls;
    bool is_cut = false;  // there were more
};

Runs runs_of(std::span<const uint64_t> words) {
    Runs runs;
    std::vector<uint64_t> call;
    for (const uint64_t word : words) {
        if ((word & WH_FRAME_PYTHON_CUT) != 0) {
            runs.is_cut = true;
            break;
        }
        if (WH_FRAME_PYTHON_VALUE(word) != 0) call.push_back(word);
        if ((word & WH_FRAME_PYTHON_ENTRY) != 0) runs.calls.push_back(std::exchange(call, {}));
    }
    // The outermost frame that there is always ends a call; without, something is missing.
    if (!call.empty()) {
        runs.calls.push_back(std::move(call));
        runs.is_cut = true;
    }
    return runs;
}

uint64_t address_of(uint64_t frame) { return (frame & ~WH_FRAME_EXACT) - ((frame & WH_FRAME_EXACT) != 0 ? 0 : 1); }

class Merge {
public:
    Merge(const PythonFrames& python, const Runs& runs) : python_(python), runs_(runs) {}

    void add(uint64_t native) {
        if (python_.is_evaluator(address_of(native)))
            add_call();
        else if (next_ == 0 || !python_.is_interpreter(address_of(native)))
            merged_.push_back(native);
    }

    std::vector<uint64_t> end() && {
        while (next_ < runs_.calls.size()) add_call();
        if (runs_.is_cut) add_call();
        return std::move(merged_);
    }

private:
    void add_call() {
        if (next_ < runs_.calls.size()) {
            const auto& call = runs_.calls[next_];
            merged_.insert(merged_.end(), call.begin(), call.end());
        } else if (next_ == runs_.calls.size()) {
            merged_.push_back(WH_FRAME_PYTHON | WH_FRAME_PYTHON_CUT);
        }
        next_++;
    }

    const PythonFrames& python_;
    const Runs& runs_;
    std::vector<uint64_t> merged_;
    size_t next_ = 0;
};

}  // namespace

std::vector<uint64_t> merge_python_frames(std::span<const uint64_t> frames, const PythonFrames& python,
                                          bool is_complete) {
    const auto first = std::ranges::find_if(frames, is_python_word);
    const std::span native(frames.begin(), first);
    const Runs runs = runs_of({first, frames.end()});
    const auto calls = static_cast<size_t>(
        std::ranges::count_if(native, [&](uint64_t frame) { return python.is_evaluator(address_of(frame)); }));
    const bool has_enough = runs.is_cut || calls <= runs.calls.size();
    const bool has_too_many = is_complete && calls < runs.calls.size();
    if (runs.calls.empty() || !has_enough || has_too_many) return {native.begin(), native.end()};
    Merge merge(python, runs);
    for (const uint64_t frame : native) merge.add(frame);
    return std::move(merge).end();
}

Frame python_frame(uint64_t word, const PythonFrames& python) {
    Frame frame;
    frame.module = kPython;
    if ((word & WH_FRAME_PYTHON_CUT) != 0) {
        frame.function = "(further frames of Python code are left out)";
        frame.script = ScriptOrigin::kStandard;
        return frame;
    }
    PythonPlace place = python.place(word);
    if (place.name.empty()) {
        frame.function = "(Python code that was gone before it could be read)";
        frame.script = ScriptOrigin::kGenerated;
        return frame;
    }
    frame.script = python_origin_of_file(place.file);
    frame.function = frame.raw_function = std::move(place.name);
    frame.file = std::move(place.file);
    frame.line = place.line;
    return frame;
}

}  // namespace whoholds
