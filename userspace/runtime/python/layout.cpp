#include "runtime/python/layout.h"

namespace whoholds {
namespace {

// Until 3.10 frames are objects, and each is run by a call of the evaluator. In their first words: f_back, f_code; then f_lasti,
// which counts bytes until 3.9 and instructions in 3.10.
PythonLayout with_frame_objects(unsigned minor, uint16_t key_at, uint8_t instruction) {
    PythonLayout layout{.minor = minor, .interpreters = 32, .threads = 8};
    layout.code = {.file = 104,
                   .name = 112,
                   .qualified_name = 0,
                   .table = 120,
                   .first_line = 40,
                   .lines = minor < 10 ? PythonLines::kPairs : PythonLines::kRanges};
    layout.text = {.ascii = 48, .compact = 72};
    wh_python_process& process = layout.process;
    process.key_at = key_at;
    process.thread_id = 176;
    process.frame = 24;
    process.frame_bytes = 112;
    process.code = 4;
    process.previous = 3;
    process.instruction = instruction;
    process.entry = WH_PYTHON_ENTRY_EACH;
    process.identity = 56;  // from co_consts to co_lnotab or co_linetable
    return layout;
}

// From 3.11 on frames are structs on a stack of their own (_PyInterpreterFrame), and one call of the evaluator runs many.
PythonLayout with_interpreter_frames(unsigned minor) {
    PythonLayout layout{.minor = minor};
    layout.code = {.file = 112, .name = 120, .qualified_name = 128, .table = 136, .first_line = 68};
    wh_python_process& process = layout.process;
    process.flags = WH_PYTHON_POINTS_INTO_CODE;
    process.frame_bytes = 72;
    process.code = 0;
    process.previous = 1;
    process.instruction = 7;
    process.entry = WH_PYTHON_ENTRY_OWN;
    process.entry_word = 8;
    process.entry_shift = 48;
    process.entry_value = 3;  // FRAME_OWNED_BY_CSTACK
    process.identity = 72;    // until co_linetable
    return layout;
}

PythonLayout python_3_11() {
    PythonLayout layout = with_interpreter_frames(11);
    layout.interpreters = 40;
    layout.threads = 16;
    layout.code.first_line = 72;
    layout.text = {.ascii = 48, .compact = 72};
    wh_python_process& process = layout.process;
    process.flags |= WH_PYTHON_FRAME_BY_CFRAME;
    process.key_at = 592;
    process.thread_id = 152;
    process.frame = 56;
    process.cframe_frame = 8;
    process.code = 4;
    process.previous = 6;
    process.entry = WH_PYTHON_ENTRY_MARK;
    process.entry_shift = 32;  // is_entry
    process.entry_value = 1;
    process.instructions = 184;
    return layout;
}

PythonLayout python_3_12() {
    PythonLayout layout = with_interpreter_frames(12);
    layout.interpreters = 40;
    layout.threads = 72;
    wh_python_process& process = layout.process;
    process.flags |= WH_PYTHON_FRAME_BY_CFRAME;
    process.key_at = 1544;
    process.thread_id = 136;
    process.frame = 56;
    process.cframe_frame = 0;
    process.instructions = 192;
    return layout;
}

PythonLayout python_3_13() {
    PythonLayout layout = with_interpreter_frames(13);
    layout.interpreters = 632;
    layout.threads = 7344;
    wh_python_process& process = layout.process;
    process.key_at = 2160;
    process.thread_id = 152;
    process.frame = 72;
    process.instructions = 200;
    return layout;
}

}  // namespace

std::optional<PythonLayout> python_layout(unsigned minor) {
    switch (minor) {
        case 8: return with_frame_objects(8, 1392, 13);
        case 9: return with_frame_objects(9, 584, 13);
        case 10: return with_frame_objects(10, 584, 12);
        case 11: return python_3_11();
        case 12: return python_3_12();
        case 13: return python_3_13();
        default: return std::nullopt;
    }
}

}  // namespace whoholds
