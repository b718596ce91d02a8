#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

TEST(File, reads_up_to_the_bound_and_not_beyond) {
    const TempFolder folder;
    folder.write("f", "0123456789");

    EXPECT_EQ(read_file_bounded(folder.path("f"), 10).value(), "0123456789");
    const auto too_small = read_file_bounded(folder.path("f"), 9);

    ASSERT_FALSE(too_small);
    EXPECT_EQ(too_small.error().code, ErrorCode::kLimit);
}

TEST(File, reads_large_files_whole) {
    const TempFolder folder;
    const std::string content(5'000'001, 'x');
    folder.write("f", content);

    EXPECT_EQ(read_file_bounded(folder.path("f"), content.size()).value(), content);
}

TEST(File, reads_an_empty_file) {
    const TempFolder folder;
    folder.write("f", "");

    EXPECT_EQ(read_file_bounded(folder.path("f"), 0).value(), "");
    EXPECT_EQ(read_file_bounded(folder.path("f"), 10).value(), "");
}

TEST(File, reads_proc_files_that_claim_to_be_empty) {
    const auto text = read_file_bounded("/proc/self/status", 1 << 16);

    ASSERT_TRUE(text);
    EXPECT_TRUE(text->starts_with("Name:"));
}

TEST(File, reads_a_prefix_through_a_magic_link) {
    const auto file = open_regular_file("/proc/self/exe");

    ASSERT_TRUE(file);
    EXPECT_EQ(read_prefix(*file, 4).value(),
              "\x7f"
              "ELF");
}

TEST(File, refuses_a_fifo_without_waiting_for_a_writer) {
    const TempFolder folder;
    ASSERT_EQ(::mkfifo(folder.path("fifo").c_str(), 0600), 0);

    const auto text = read_file_bounded(folder.path("fifo"), 10);

    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::kUnsupported);
}

TEST(File, refuses_devices_and_folders) {
    const TempFolder folder;

    EXPECT_EQ(read_file_bounded("/dev/zero", 10).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(read_file_bounded(folder.path(), 10).error().code, ErrorCode::kUnsupported);
}

TEST(File, names_the_path_without_its_control_characters) {
    const auto text = read_file_bounded("/nowhere/\x1b[31m", 10);

    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(text.error().message, "open /nowhere/?[31m: no such file or directory");
}

TEST(File, refuses_a_name_with_a_zero_in_it) {
    EXPECT_FALSE(open_regular_file(std::string("/etc/passwd\0.txt", 16)));
    EXPECT_FALSE(open_regular_file_in("/", std::string_view("etc/passwd\0.txt", 15)));
}

TEST(File, T29_stays_inside_of_the_root_of_a_container) {
    const TempFolder folder;
    folder.write("secret", "of the host");
    folder.write("root/inside", "of the container");
    folder.link("root/absolute", "/inside");
    folder.link("root/upwards", "../../../inside");
    folder.link("root/outside", folder.path("secret"));
    folder.link("root/magic", "/proc/self/exe");

    const auto read = [&](std::string_view path) -> Result<std::string> {
        WH_TRY(const UniqueFd file, open_regular_file_in(folder.path("root"), path));
        return read_all(file, 100);
    };

    EXPECT_EQ(read("inside").value(), "of the container");
    EXPECT_EQ(read("/inside").value(), "of the container");
    EXPECT_EQ(read("absolute").value(), "of the container");
    EXPECT_EQ(read("upwards").value(), "of the container");
    EXPECT_FALSE(read("outside"));
    EXPECT_FALSE(read("../secret"));
    EXPECT_FALSE(read("magic"));
    EXPECT_FALSE(read(""));
}

TEST(File, T29_refuses_a_fifo_in_a_container) {
    const TempFolder folder;
    ASSERT_EQ(::mkfifo(folder.path("fifo").c_str(), 0600), 0);

    EXPECT_EQ(open_regular_file_in(folder.path(), "fifo").error().code, ErrorCode::kUnsupported);
}

TEST(File, reads_links_longer_than_the_first_buffer) {
    const TempFolder folder;
    const std::string target = "/" + std::string(1000, 't');
    folder.link("link", target);

    EXPECT_EQ(read_link(folder.path("link")).value(), target);
    EXPECT_EQ(read_link(folder.path("none")).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace whoholds
