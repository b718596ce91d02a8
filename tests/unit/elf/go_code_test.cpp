// The tables of real Go programs, in each form that they are shipped in.
#include "elf/go_code.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "unit/elf/compiled_fixture.h"
#include "unit/runtime/go/go_puppet.h"
#include "unit/runtime/go/pprof_text.h"

namespace whoholds {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class GoCodeOf : public GoForms {};

TEST_P(GoCodeOf, version_and_functions_are_known) {
    const auto image = ElfImage::open(path());
    ASSERT_TRUE(image) << image.error().message;

    const auto code = GoCode::open(*image);

    ASSERT_TRUE(code) << code.error().message;
    EXPECT_THAT(code->build_info().go_version, HasSubstr("go1."));
    if (std::string(GetParam()).starts_with("go_1_19")) {
        EXPECT_EQ(code->minor_version(), 19U);
    }
    EXPECT_GT(code->table().function_count(), 1000U);
    const auto function = code->table().find_name("main.leakSessions");
    ASSERT_TRUE(function);
    EXPECT_TRUE(code->covers(function->entry));
    const auto frames = code->frames(*image, function->entry);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].function, "main.leakSessions");
    EXPECT_THAT(frames[0].file, EndsWith("go_runtime_puppet.go"));
    EXPECT_GT(frames[0].line, 0);
}

// pprof prints each address with the name, the file and the line that the program itself finds for it.
TEST_P(GoCodeOf, names_files_and_lines_equal_what_the_program_says) {
    GoPuppet puppet(path(), {"PUPPET_PROFILE_RATE=1"});
    for (const char* command : {"leak sessions 100", "leak map 100", "start nested 5", "start lockers 2", "collect"})
        puppet.command(command);
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const std::vector<PprofFrame> said = parse_frames(puppet.profile("heap") + puppet.profile("goroutine"));

    EXPECT_GT(said.size(), 100U);
    size_t inlined = 0;
    for (const PprofFrame& frame : said) {
        const auto frames = process->code().frames(process->image(), process->to_file(frame.address));
        ASSERT_FALSE(frames.empty()) << frame.function;
        const bool found = std::ranges::any_of(frames, [&](const SourceFrame& one) {
            return one.function == frame.function && one.file == frame.file && one.line == frame.line;
        });
        EXPECT_TRUE(found) << frame.function << " " << frame.file << ":" << frame.line << ", not " << frames[0].function
                           << " " << frames[0].file << ":" << frames[0].line;
        if (frames.size() > 1) ++inlined;
    }
    EXPECT_GT(inlined, 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, GoCodeOf, all_go_forms(), go_form_name);

class GoFiles : public CompiledFixture {
protected:
    // A copy of a puppet without the bytes that a section header or a magic number could be found by.
    [[nodiscard]] std::optional<ElfImage> altered(const std::string& target,
                                                  const std::function<void(std::vector<uint8_t>&)>& alter) const {
        std::vector<uint8_t> bytes = read_bytes(target);
        alter(bytes);
        write_bytes(path("altered"), bytes);
        auto image = ElfImage::open(path("altered"));
        if (image) return *std::move(image);
        ADD_FAILURE() << image.error().message;
        return std::nullopt;
    }
    static void cut_off_sections(std::vector<uint8_t>& bytes) {
        for (size_t at = 40; at < 48; ++at) bytes[at] = 0;  // e_shoff
        for (size_t at = 60; at < 64; ++at) bytes[at] = 0;  // e_shnum, e_shstrndx
    }
    static void destroy_build_info(std::vector<uint8_t>& bytes) {
        constexpr std::string_view kMagic("\xff Go buildinf:", 14);
        for (auto at = bytes.begin(); (at = std::search(at, bytes.end(), kMagic.begin(), kMagic.end())) != bytes.end();)
            *at++ = 'X';
    }
};

TEST_F(GoFiles, tables_are_found_without_sections_and_the_version_without_build_information) {
    for (const char* name : {"go_runtime", "go_runtime_pie", "go_1_19_runtime_pie"}) {
        const std::string target = target_path(name);
        if (target.empty()) continue;
        const auto whole = ElfImage::open(target);
        ASSERT_TRUE(whole) << whole.error().message;
        const auto expected = GoCode::open(*whole);
        ASSERT_TRUE(expected) << expected.error().message;

        const auto bare = altered(target, cut_off_sections);
        const auto nameless = altered(target, destroy_build_info);

        ASSERT_TRUE(bare && nameless);
        EXPECT_TRUE(bare->sections().empty());
        for (const auto* image : {&*bare, &*nameless}) {
            const auto code = GoCode::open(*image);
            ASSERT_TRUE(code) << name << ": " << code.error().message;
            EXPECT_EQ(code->module_data().address, expected->module_data().address);
            EXPECT_EQ(code->table().function_count(), expected->table().function_count());
            EXPECT_EQ(code->build_info().go_version, expected->build_info().go_version);
        }
    }
    if (target_path("go_runtime").empty()) GTEST_SKIP() << "go is not installed";
}

TEST_F(GoFiles, libraries_and_programs_with_c_code_are_read_alike) {
    if (target_path("go_library").empty()) GTEST_SKIP() << "go is not installed";
    for (const char* name : {"go_library", "go_cgo_puppet"}) {
        const auto image = ElfImage::open(target_path(name));
        ASSERT_TRUE(image) << image.error().message;

        const auto code = GoCode::open(*image);

        ASSERT_TRUE(code) << code.error().message;
        const auto function = code->table().find_name("main.main");
        ASSERT_TRUE(function);
        EXPECT_EQ(code->frames(*image, function->entry).back().function, "main.main");
    }
}

TEST_F(GoFiles, other_programs_have_no_go_code) {
    const auto image = ElfImage::open("/proc/self/exe");
    ASSERT_TRUE(image) << image.error().message;

    const auto code = GoCode::open(*image);

    ASSERT_FALSE(code);
    EXPECT_EQ(code.error().code, ErrorCode::kNotFound);
}

TEST(GoNames, read_as_in_tracebacks) {
    EXPECT_EQ(readable_go_name("slices.SortFunc[go.shape.[]int,go.shape.int]"), "slices.SortFunc[...]");
    EXPECT_EQ(readable_go_name("a%2eb.(*T[go.shape.int]).M.func1"), "a.b.(*T[...]).M.func1");
    EXPECT_EQ(readable_go_name("a.F[...].func1"), "a.F[...].func1");
    EXPECT_EQ(readable_go_name("a]b["), "a]b[");
    EXPECT_EQ(readable_go_name("gopkg.in/yaml%2ev3.Marshal"), "gopkg.in/yaml.v3.Marshal");
    EXPECT_EQ(readable_go_name("main.main.func1.2"), "main.main.func1.2");
    EXPECT_EQ(readable_go_name("a%"), "a%");
    EXPECT_EQ(readable_go_name("a%2"), "a%2");
    EXPECT_EQ(readable_go_name("a%zz%2e"), "a%zz.");
    EXPECT_EQ(readable_go_name(""), "");
}

}  // namespace
}  // namespace whoholds
