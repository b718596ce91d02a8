// Any bytes as what is read of a Python process: a table of lines, the characters of a name, and the words of a stack. The first byte says
// how wide characters are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "analyze/python_stacks.h"
#include "runtime/python/code_object.h"
#include "runtime/python/line_table.h"

using namespace whoholds;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::span<const uint8_t> bytes(data + 1, size - 1);
    for (const PythonLines form : {PythonLines::kPairs, PythonLines::kRanges, PythonLines::kLocations})
        for (const uint64_t instruction : {uint64_t{0}, uint64_t{data[0]}, uint64_t{1} << 20}) {
            const auto line = python_line(form, bytes, data[0], instruction);
            if (line && *line <= 0) std::abort();
        }
    (void)python_text(bytes, data[0] & 7, (data[0] & 8) != 0);

    std::vector<uint64_t> words(bytes.size() / 8);
    if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * 8);
    PythonFrames python({0x1000, 0x9000}, {{0x2000, 0x3000}}, [&](uint64_t address, uint64_t) -> Result<PythonCode> {
        if ((address & 1) != 0) return Error{ErrorCode::kNotFound, "gone"};
        return PythonCode{.file = "f", .name = "n", .first_line = 1, .table = {bytes.begin(), bytes.end()}};
    });
    const auto resolved = python.resolve(words);
    if (!resolved) return 0;
    for (const bool is_complete : {false, true})
        for (const uint64_t frame : merge_python_frames(*resolved, python, is_complete))
            if (is_python_word(frame)) (void)python_frame(frame, python);
    return 0;
}
