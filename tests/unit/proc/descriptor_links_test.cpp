#include "proc/descriptor_links.h"

#include <gtest/gtest.h>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

TEST(DescriptorLinks, are_read_through_the_root) {
    TempFolder folder;
    folder.link("42/fd/7", "socket:[99]");
    folder.link("42/fd/8", "/tmp/a\n\x1b[2J (deleted)");
    const ProcRoot root{folder.path()};

    EXPECT_EQ(*read_descriptor_link(root, 42, 7), "socket:[99]");
    EXPECT_EQ(*read_descriptor_link(root, 42, 8), "/tmp/a\n\x1b[2J (deleted)");
    EXPECT_EQ(read_descriptor_link(root, 42, 9).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(read_descriptor_link(root, 43, 7).error().code, ErrorCode::kNotFound);
}

TEST(DescriptorLinks, files_of_a_ring_are_counted) {
    TempFolder folder;
    folder.write("42/fdinfo/3",
                 "pos:\t0\nSqMask:\t0x7\nUserFiles:\t10\n    3: /etc/passwd\n    7: /a\\040b\nUserBufs:\t0\n");
    folder.write("42/fdinfo/4", "SqMask:\t0x7\nUserFiles:\t2\n    0: <none>\n    1: /etc/group\nUserBufs:\t0\n");
    folder.write("42/fdinfo/5", "UserFiles:\t0\nUserBufs:\t0\n");
    folder.write("42/fdinfo/6", "pos:\t0\nflags:\t02\n");
    folder.write("42/fdinfo/7", "UserFiles:\t2\n    0: /etc/pa");
    const ProcRoot root{folder.path()};

    EXPECT_EQ(*count_ring_files(root, 42, 3), 2U);
    EXPECT_EQ(*count_ring_files(root, 42, 4), 1U);
    EXPECT_EQ(*count_ring_files(root, 42, 5), 0U);
    EXPECT_EQ(count_ring_files(root, 42, 6).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(count_ring_files(root, 42, 7).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(count_ring_files(root, 42, 8).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace whoholds
