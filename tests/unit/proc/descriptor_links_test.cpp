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

}  // namespace
}  // namespace whoholds
