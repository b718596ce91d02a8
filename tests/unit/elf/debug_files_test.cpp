// Symbols that are not in the file itself: separate debug files and packed debug data.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "elf/elf_image.h"
#include "unit/elf/elf_files_fixture.h"

namespace whoholds {
namespace {

using DebugFiles = ElfFiles;

TEST_F(DebugFiles, T16_debug_file_is_found_by_build_id) {
    ASSERT_TRUE(build_program("-Wl,--build-id=0x1234567890abcdef"));
    ASSERT_TRUE(
        run("mkdir -p debug/.build-id/12 && objcopy --only-keep-debug program "
            "debug/.build-id/12/34567890abcdef.debug && strip program"));
    const ElfImage image = open("program");

    const auto found = symbols_named(image, "_ZL10take_locali", {.debug_roots = {path("debug")}});

    EXPECT_EQ(image.build_id(), "1234567890abcdef");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_STREQ(found[0].table, "debug file");
    EXPECT_TRUE(image.is_executable(found[0].address));
    EXPECT_TRUE(symbols_named(image, "_ZL10take_locali").empty());
}

TEST_F(DebugFiles, a_debug_file_of_another_build_is_refused) {
    ASSERT_TRUE(build_program("-Wl,--build-id=0x1234567890abcdef"));
    ASSERT_TRUE(run("cp program other && objcopy --only-keep-debug other other.debug"));
    ASSERT_TRUE(build_program("-Wl,--build-id=0x1234567890abcdee"));
    ASSERT_TRUE(
        run("mkdir -p debug/.build-id/12 && mv other.debug debug/.build-id/12/34567890abcdee.debug && strip program"));

    EXPECT_TRUE(symbols_named(open("program"), "_ZL10take_locali", {.debug_roots = {path("debug")}}).empty());
}

TEST_F(DebugFiles, debug_link_is_followed_beside_the_file_in_dot_debug_and_in_the_roots) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("objcopy --only-keep-debug program program.dbg && strip program && objcopy --add-gnu-debuglink=program.dbg "
            "program"));
    const ElfImage image = open("program");
    const std::string folder = path("");

    EXPECT_EQ(symbols_named(image, "_ZL10take_locali").size(), 1U);
    ASSERT_TRUE(run("mkdir .debug && mv program.dbg .debug/"));
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali").size(), 1U);
    ASSERT_TRUE(run("mkdir -p root'" + folder + "' && mv .debug/program.dbg root'" + folder + "'"));
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali", {.debug_roots = {path("root")}}).size(), 1U);
    EXPECT_TRUE(symbols_named(image, "_ZL10take_locali").empty());
}

TEST_F(DebugFiles, debug_directory_is_where_the_target_sees_the_file) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("objcopy --only-keep-debug program program.dbg && strip program && objcopy --add-gnu-debuglink=program.dbg "
            "program"
            " && mkdir elsewhere && mv program elsewhere/"));
    const ElfImage image = open("elsewhere/program");

    EXPECT_TRUE(symbols_named(image, "_ZL10take_locali").empty());
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali", {.debug_roots = {}, .debug_directory = path("")}).size(), 1U);
    const std::string behind_root = "/proc/self/root" + path("");
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali", {.debug_roots = {}, .debug_directory = behind_root}).size(), 1U);
}

TEST_F(DebugFiles, debug_link_with_a_wrong_crc_is_refused) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("objcopy --only-keep-debug program program.dbg && strip program && objcopy --add-gnu-debuglink=program.dbg "
            "program"));
    ASSERT_TRUE(run("printf x >>program.dbg"));

    EXPECT_TRUE(symbols_named(open("program"), "_ZL10take_locali").empty());
}

TEST_F(DebugFiles, T29_a_debug_link_cannot_leave_its_folder) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(run("cp program program.dbg && objcopy --add-gnu-debuglink=program.dbg program"));
    std::vector<uint8_t> bytes = read_bytes(path("program"));
    const std::string name = "program.dbg";
    const auto found = std::find_end(bytes.begin(), bytes.end(), name.begin(), name.end());
    ASSERT_NE(found, bytes.end());
    std::copy_n("../gram.dbg", name.size(), found);

    const auto image = ElfImage::from_bytes(bytes, path("program"));

    ASSERT_TRUE(image);
    EXPECT_EQ(image->debug_link().name, "");
}

TEST_F(DebugFiles, packed_debug_data_is_unpacked) {
    WH_NEEDS_TOOL("xz");
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("cp program mini && strip --strip-debug mini && xz -k mini && strip program && "
            "objcopy --add-section .gnu_debugdata=mini.xz program"));

    const auto found = symbols_named(open("program"), "_ZL10take_locali");

    ASSERT_EQ(found.size(), 1U);
    EXPECT_STREQ(found[0].table, ".gnu_debugdata");
}

TEST_F(DebugFiles, packed_debug_data_that_explodes_is_given_up) {
    WH_NEEDS_TOOL("xz");
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("head -c 200000000 /dev/zero | xz -1 >bomb.xz && strip program && "
            "objcopy --add-section .gnu_debugdata=bomb.xz program"));
    const ElfImage image = open("program");

    const auto symbols = image.function_symbols({.debug_roots = {}});

    if (!symbols) {
        EXPECT_EQ(symbols.error().code, ErrorCode::kLimit);
    } else {
        EXPECT_TRUE(std::none_of(symbols->begin(), symbols->end(), [](const ElfSymbol& symbol) {
            return std::string_view(symbol.table) == ".gnu_debugdata";
        }));
    }
}

}  // namespace
}  // namespace whoholds
