#include "elf/debug_lines.h"

#include <elf.h>
#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <vector>

#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;

// The line numbers below are those of this text; the first line is empty.
constexpr const char* kProgram = R"(
#include <cstdlib>
namespace shop {
inline __attribute__((always_inline)) void* take(unsigned n) {
    return std::malloc(n);
}
struct Basket {
    __attribute__((noinline)) void* add(unsigned n);
};
void* Basket::add(unsigned n) {
    void* item = take(n + 1);
    return static_cast<char*>(item) + 1;
}
}
int main(int argc, char**) {
    auto twice = [argc](unsigned n) __attribute__((always_inline)) { return static_cast<char*>(std::malloc(n * 2)) + argc; };
    char* more = twice(7);
    return shop::Basket().add(argc) == more + 1;
}
)";

bool never() { return false; }

class DebugLinesOf : public CompiledFixture {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("c++");
        WH_NEEDS_TOOL("objcopy");
    }

    // Where the only call of the function of this name returns to, found in the machine code.
    static uint64_t call_in(const ElfImage& image, const std::string& function) {
        const auto symbols =
            image.function_symbols({.debug_roots = {}}, [&](std::string_view name) { return name == function; });
        if (!symbols || symbols->empty()) return 0;
        const std::vector<uint8_t> code = image.code_at(symbols->front().address, symbols->front().size);
        for (size_t i = 0; i + 5 <= code.size(); ++i) {
            if (code[i] == 0xe8) return symbols->front().address + i + 5;
        }
        return 0;
    }

    [[nodiscard]] std::vector<SourceFrame> frames_at_call(const std::string& file, const std::string& lines_file,
                                                          const std::string& function) const {
        auto image = ElfImage::open(path(file));
        EXPECT_TRUE(image);
        const uint64_t address = call_in(*image, function);
        EXPECT_NE(address, 0U);
        auto lines = DebugLines::open(*ElfImage::open(path(lines_file)), {.debug_roots = {}});
        EXPECT_TRUE(lines) << (lines ? "" : lines.error().message);
        if (!lines) return {};
        return lines->find(address - 1, never).value();
    }
};

void expect_take_inlined_into_add(const std::vector<SourceFrame>& frames) {
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_THAT(frames[0].function, AnyOf("_ZN4shop4takeEj", "shop::take"));
    EXPECT_THAT(frames[0].file, EndsWith("program.cpp"));
    EXPECT_EQ(frames[0].line, 5);
    EXPECT_EQ(frames[1].function, "_ZN4shop6Basket3addEj");
    EXPECT_THAT(frames[1].file, EndsWith("program.cpp"));
    EXPECT_EQ(frames[1].line, 11);
}

TEST_F(DebugLinesOf, inlined_calls_carry_their_call_site) {
    ASSERT_TRUE(compile(kProgram, "-O1 -g", "program"));

    expect_take_inlined_into_add(frames_at_call("program", "program", "_ZN4shop6Basket3addEj"));
}

TEST_F(DebugLinesOf, dwarf_4_is_read_too) {
    ASSERT_TRUE(compile(kProgram, "-O1 -gdwarf-4", "program"));

    expect_take_inlined_into_add(frames_at_call("program", "program", "_ZN4shop6Basket3addEj"));
}

TEST_F(DebugLinesOf, compressed_sections_are_unpacked) {
    ASSERT_TRUE(compile(kProgram, "-O1 -g -gz=zlib", "program"));

    expect_take_inlined_into_add(frames_at_call("program", "program", "_ZN4shop6Basket3addEj"));
}

TEST_F(DebugLinesOf, clang_without_aranges_is_read_too) {
    WH_NEEDS_TOOL("clang++-14");
    std::ofstream(path("program.cpp")) << kProgram;
    ASSERT_TRUE(run("clang++-14 -O1 -g -o program program.cpp"));

    expect_take_inlined_into_add(frames_at_call("program", "program", "_ZN4shop6Basket3addEj"));
}

TEST_F(DebugLinesOf, a_separate_debug_file_serves_as_well) {
    ASSERT_TRUE(compile(kProgram, "-O1 -g", "program"));
    ASSERT_TRUE(run("objcopy --only-keep-debug program program.dbg && strip --strip-debug program"));

    expect_take_inlined_into_add(frames_at_call("program", "program.dbg", "_ZN4shop6Basket3addEj"));
    EXPECT_EQ(DebugLines::bytes_to_read(*ElfImage::open(path("program"))), 0U);
}

TEST_F(DebugLinesOf, what_dwz_moved_to_a_shared_file_is_found) {
    WH_NEEDS_TOOL("dwz");
    ASSERT_TRUE(compile(kProgram, "-O1 -gdwarf-4", "program"));
    ASSERT_TRUE(run(
        "cp program second && dwz -m shared.debug -M \"$PWD/shared.debug\" program second && test -s shared.debug"));

    expect_take_inlined_into_add(frames_at_call("program", "program", "_ZN4shop6Basket3addEj"));
}

// A program may name a FIFO or a device there, which must not even be opened: that could block, or do something.
TEST_F(DebugLinesOf, T29_a_shared_file_that_is_no_file_is_not_opened) {
    WH_NEEDS_TOOL("dwz");
    ASSERT_TRUE(compile(kProgram, "-O1 -gdwarf-4", "program"));
    ASSERT_TRUE(
        run("cp program second && dwz -m shared.debug -M \"$PWD/shared.debug\" program second && rm shared.debug && "
            "mkfifo shared.debug"));

    auto lines = DebugLines::open(*ElfImage::open(path("program")), {.debug_roots = {}});

    ASSERT_TRUE(lines);
    EXPECT_TRUE(lines->find(call_in(*ElfImage::open(path("program")), "main") - 1, never));
}

TEST_F(DebugLinesOf, T29_a_shared_file_named_within_another_section_is_not_opened_either) {
    WH_NEEDS_TOOL("dwz");
    ASSERT_TRUE(compile(kProgram, "-O1 -gdwarf-4", "program"));
    ASSERT_TRUE(
        run("cp program second && dwz -m shared.debug -M \"$PWD/shared.debug\" program second && rm shared.debug && "
            "mkfifo shared.debug"));
    std::vector<uint8_t> bytes = read_bytes(path("program"));
    auto original = ElfImage::open(path("program"));
    ASSERT_TRUE(original);
    const ElfSection* link = original->find_section(".gnu_debugaltlink");
    const ElfSection* aranges = original->find_section(".debug_aranges");
    ASSERT_TRUE(link != nullptr && aranges != nullptr);
    Elf64_Ehdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    Elf64_Shdr section{};
    uint8_t* at = bytes.data() + header.e_shoff + aranges->index * sizeof section;
    std::memcpy(&section, at, sizeof section);
    section.sh_offset = link->file_offset;
    section.sh_size = link->size;
    std::memcpy(at, &section, sizeof section);

    auto image = ElfImage::from_bytes(bytes, path("program"));
    ASSERT_TRUE(image);
    auto lines = DebugLines::open(*std::move(image), {.debug_roots = {}});

    ASSERT_TRUE(lines);
    EXPECT_TRUE(lines->find(call_in(*original, "main") - 1, never));
}

TEST_F(DebugLinesOf, an_inlined_lambda_is_named_after_its_function) {
    ASSERT_TRUE(compile(kProgram, "-O1 -g", "program"));

    const auto frames = frames_at_call("program", "program", "main");

    ASSERT_EQ(frames.size(), 2U);
    EXPECT_THAT(frames[0].function, AnyOf("main::{lambda}::operator()", "_ZZ4mainENKUljE_clEj"));
    EXPECT_EQ(frames[0].line, 16);
    EXPECT_EQ(frames[1].function, "main");
    EXPECT_EQ(frames[1].line, 17);
}

TEST_F(DebugLinesOf, work_stops_when_time_is_up_and_goes_on_later) {
    ASSERT_TRUE(compile(kProgram, "-O1 -g", "program"));
    auto image = ElfImage::open(path("program"));
    ASSERT_TRUE(image);
    const uint64_t address = call_in(*image, "_ZN4shop6Basket3addEj");
    auto lines = DebugLines::open(*std::move(image), {.debug_roots = {}});
    ASSERT_TRUE(lines);

    EXPECT_FALSE(lines->find(address - 1, [] { return true; }));
    int questions_left = 1;
    EXPECT_FALSE(lines->find(address - 1, [&] { return questions_left-- <= 0; }));
    const auto frames = lines->find(address - 1, never);

    ASSERT_TRUE(frames);
    expect_take_inlined_into_add(*frames);
}

TEST_F(DebugLinesOf, nothing_is_known_outside_of_the_program) {
    ASSERT_TRUE(compile(kProgram, "-O1 -g", "program"));
    auto lines = DebugLines::open(*ElfImage::open(path("program")), {.debug_roots = {}});
    ASSERT_TRUE(lines);

    EXPECT_TRUE(lines->find(1, never)->empty());
    EXPECT_TRUE(lines->find(UINT64_MAX, never)->empty());
}

TEST_F(DebugLinesOf, a_program_without_debug_information_says_so) {
    ASSERT_TRUE(compile(kProgram, "-O1 -s", "program"));

    const auto lines = DebugLines::open(*ElfImage::open(path("program")), {.debug_roots = {}});

    ASSERT_FALSE(lines);
    EXPECT_EQ(lines.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace whoholds
