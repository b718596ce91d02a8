#include "analyze/python_stacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyze/headline.h"
#include "bpf/shared/records.h"
#include "symbolize/python_origin.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kEntry = WH_FRAME_PYTHON_ENTRY;

// Code at 0x5000 is function f5 in line 5 of its file.
class PythonStacks : public ::testing::Test {
protected:
    void code(std::vector<uint64_t>& frames, uint64_t address, uint64_t flags = 0, uint64_t identity = 1) {
        frames.push_back(WH_FRAME_PYTHON | flags | address);
        frames.push_back(WH_PYTHON_PLACE(identity, 0ULL));
    }

    std::vector<std::string> read(const std::vector<uint64_t>& frames, bool is_complete = true) {
        std::vector<std::string> texts;
        const auto resolved = python_.resolve(frames);
        if (!resolved) return texts;
        for (const uint64_t frame : merge_python_frames(*resolved, python_, is_complete)) {
            if (!is_python_word(frame)) {
                texts.push_back(std::to_string(frame));
                continue;
            }
            const Frame read = python_frame(frame, python_);
            texts.push_back(read.line > 0 ? read.function + ":" + std::to_string(read.line) : read.function);
        }
        return texts;
    }

    PythonFrames python_{{0x1000, 0x9000},
                         {{0x2000, 0x3000}, {0x8000, 0x8100}},
                         [this](uint64_t address, uint64_t) -> Result<PythonCode> {
                             reads_++;
                             if (address == 0x666000) return Error{ErrorCode::kNotFound, "gone"};
                             PythonCode code;
                             code.file = "/app/main.py";
                             code.name = "f" + std::to_string(address >> 12);
                             code.first_line = static_cast<int>(address >> 12);
                             code.lines = PythonLines::kPairs;
                             return code;
                         }};
    unsigned reads_ = 0;
};

TEST_F(PythonStacks, frames_stand_where_the_evaluator_ran_them) {
    std::vector<uint64_t> frames = {20000, 0x1500, 0x2100, 0x1600, 300000, 0x8050, 0x1700, 40000};
    code(frames, 0x1000);
    code(frames, 0x2000, kEntry);
    code(frames, 0x3000, kEntry);

    EXPECT_THAT(read(frames), ElementsAre("20000", std::to_string(0x1500), "f1:1", "f2:2", "300000", "f3:3", "40000"))
        << "what calls the evaluator is left out, extensions and what is inside stay";
}

TEST_F(PythonStacks, a_call_of_the_evaluator_may_have_ended_its_frames) {
    std::vector<uint64_t> frames = {20000, 0x2100, 0x2200};
    frames.push_back(WH_FRAME_PYTHON | kEntry);
    code(frames, 0x3000);
    frames.push_back(WH_FRAME_PYTHON | kEntry);

    EXPECT_THAT(read(frames), ElementsAre("20000", "f3:3"));
}

TEST_F(PythonStacks, that_do_not_agree_stay_native) {
    std::vector<uint64_t> fewer = {20000, 0x2100, 0x2200};
    code(fewer, 0x3000, kEntry);
    std::vector<uint64_t> more = {20000, 0x2100};
    code(more, 0x3000, kEntry);
    code(more, 0x4000, kEntry);

    EXPECT_THAT(read(fewer), ElementsAre("20000", std::to_string(0x2100), std::to_string(0x2200)));
    EXPECT_THAT(read(more), ElementsAre("20000", std::to_string(0x2100)));
    EXPECT_THAT(read(more, false), ElementsAre("20000", "f3:3", "f4:4")) << "the native walk ended early";
}

TEST_F(PythonStacks, what_is_left_out_is_said) {
    std::vector<uint64_t> frames = {20000, 0x2100, 0x2200, 0x2300, 40000};
    code(frames, 0x3000, kEntry);
    code(frames, 0x4000);
    frames.push_back(WH_FRAME_PYTHON | WH_FRAME_PYTHON_CUT);

    EXPECT_THAT(read(frames),
                ElementsAre("20000", "f3:3", "f4:4", "(further frames of Python code are left out)", "40000"));
}

TEST_F(PythonStacks, T36_code_that_is_gone_has_no_name_and_other_code_at_its_place_another_one) {
    std::vector<uint64_t> frames = {20000, 0x2100};
    code(frames, 0x666000, kEntry);
    EXPECT_THAT(read(frames), ElementsAre("20000", "(Python code that was gone before it could be read)"));
    EXPECT_EQ(python_.unnamed(), 1U);

    std::vector<uint64_t> one = {20000, 0x2100};
    code(one, 0x5000, kEntry, 1);
    std::vector<uint64_t> other = {20000, 0x2100};
    code(other, 0x5000, kEntry, 2);
    reads_ = 0;
    static_cast<void>(read(one));
    static_cast<void>(read(one));
    EXPECT_EQ(reads_, 1U);
    static_cast<void>(read(other));
    EXPECT_EQ(reads_, 2U);
}

TEST_F(PythonStacks, words_that_make_no_sense_are_no_frames) {
    EXPECT_EQ(python_.resolve(std::vector<uint64_t>{1, 2, WH_FRAME_EXACT | 3}), std::nullopt);
    EXPECT_THAT(python_.resolve(std::vector<uint64_t>{WH_FRAME_PYTHON | 0x1000}).value(), IsEmpty());
    EXPECT_EQ(python_.place(WH_FRAME_PYTHON | 12345).name, "");
}

Frame frame_of(const std::string& function, const std::string& file) {
    Frame frame;
    frame.function = function;
    frame.file = file;
    frame.module = "[python]";
    frame.line = 1;
    frame.script = python_origin_of_file(file);
    return frame;
}

TEST(PythonHeadline, is_the_innermost_line_of_the_users_own_code) {
    Frame interpreter;
    interpreter.module = "/usr/bin/python3.11";
    interpreter.function = "PyBytes_FromStringAndSize";
    interpreter.script = ScriptOrigin::kInterpreter;
    std::vector<Frame> frames = {interpreter,
                                 frame_of("loads", "/usr/lib/python3.11/json/__init__.py"),
                                 frame_of("get", "/app/.venv/lib/python3.11/site-packages/requests/api.py"),
                                 frame_of("__init__", "<string>"),
                                 frame_of("render", "/app/article.py"),
                                 frame_of("<module>", "/app/article.py")};
    EXPECT_EQ(headline_of(frames, "/usr/bin/python3.11"), "render");
    frames.resize(4);
    EXPECT_EQ(headline_of(frames, "/usr/bin/python3.11"), "__init__");
    frames.resize(3);
    EXPECT_EQ(headline_of(frames, "/usr/bin/python3.11"), "get");
    frames.resize(2);
    EXPECT_EQ(headline_of(frames, "/usr/bin/python3.11"), "loads");
}

}  // namespace
}  // namespace whoholds
