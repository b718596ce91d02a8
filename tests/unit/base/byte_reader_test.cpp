#include "base/byte_reader.h"

#include <gtest/gtest.h>

#include <vector>

namespace whoholds {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(ByteReader, reads_little_endian_numbers) {
    const Bytes bytes = {1, 2, 3, 4, 5, 6, 7, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff};
    ByteReader reader(bytes);

    EXPECT_EQ(reader.u8(), 1);
    EXPECT_EQ(reader.u16(), 0x0302);
    EXPECT_EQ(reader.u32(), 0x07060504U);
    EXPECT_EQ(reader.i8(), -1);
    EXPECT_EQ(reader.i32(), -2);
    EXPECT_EQ(reader.u8(), 0xff);
    EXPECT_TRUE(reader.at_end());
    EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, reads_numbers_of_a_width_that_the_file_names) {
    const Bytes bytes = {1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0};
    ByteReader reader(bytes);

    EXPECT_EQ(reader.unsigned_of(1), 1U);
    EXPECT_EQ(reader.unsigned_of(2), 2U);
    EXPECT_EQ(reader.unsigned_of(4), 3U);
    EXPECT_EQ(reader.unsigned_of(8), 4U);
    EXPECT_FALSE(reader.unsigned_of(3));
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, fails_for_good_after_the_first_short_read) {
    const Bytes bytes = {1, 2, 3};
    ByteReader reader(bytes);

    EXPECT_FALSE(reader.u64());
    EXPECT_FALSE(reader.ok());
    EXPECT_FALSE(reader.u8());
    EXPECT_FALSE(reader.seek(0));
    EXPECT_FALSE(reader.skip(0));
    EXPECT_FALSE(reader.c_string());
    EXPECT_EQ(reader.error("x").message, "x: cut short or malformed at byte 0 of 3");
}

TEST(ByteReader, survives_huge_sizes) {
    const Bytes bytes = {1, 2, 3};
    const auto fails = [&](auto&& action) {
        ByteReader reader(bytes);
        reader.u8();
        action(reader);
        return !reader.ok();
    };

    EXPECT_TRUE(fails([](ByteReader& reader) { reader.skip(SIZE_MAX); }));
    EXPECT_TRUE(fails([](ByteReader& reader) { reader.bytes(SIZE_MAX); }));
    EXPECT_TRUE(fails([](ByteReader& reader) { reader.sub_reader(3); }));
    EXPECT_TRUE(fails([](ByteReader& reader) { reader.seek(4); }));
    EXPECT_TRUE(fails([](ByteReader& reader) { reader.align(SIZE_MAX); }));
    EXPECT_FALSE(fails([](ByteReader& reader) { reader.seek(3); }));
    EXPECT_FALSE(fails([](ByteReader& reader) { reader.align(0); }));
}

TEST(ByteReader, reads_an_empty_span) {
    ByteReader reader;

    EXPECT_TRUE(reader.at_end());
    EXPECT_TRUE(reader.skip(0));
    EXPECT_FALSE(reader.c_string());
    EXPECT_FALSE(reader.u8());
}

std::optional<uint64_t> uleb(const Bytes& bytes) { return ByteReader(bytes).uleb128(); }
std::optional<int64_t> sleb(const Bytes& bytes) { return ByteReader(bytes).sleb128(); }

TEST(ByteReader, reads_uleb128) {
    EXPECT_EQ(uleb({0}), 0U);
    EXPECT_EQ(uleb({0x7f}), 127U);
    EXPECT_EQ(uleb({0xe5, 0x8e, 0x26}), 624485U);
    EXPECT_EQ(uleb({0x81, 0x80, 0x80, 0x00}), 1U);
    EXPECT_EQ(uleb({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}), UINT64_MAX);
    EXPECT_EQ(uleb({0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}), 1U);
    EXPECT_FALSE(uleb({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}));
    EXPECT_FALSE(uleb({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}));
    EXPECT_FALSE(uleb({0x80}));
    EXPECT_FALSE(uleb({}));
}

TEST(ByteReader, reads_sleb128) {
    EXPECT_EQ(sleb({0x02}), 2);
    EXPECT_EQ(sleb({0x7e}), -2);
    EXPECT_EQ(sleb({0xff, 0x00}), 127);
    EXPECT_EQ(sleb({0x81, 0x7f}), -127);
    EXPECT_EQ(sleb({0x80, 0x7f}), -128);
    EXPECT_EQ(sleb({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}), INT64_MIN);
    EXPECT_EQ(sleb({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}), INT64_MAX);
    EXPECT_EQ(sleb({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}), -1);
    EXPECT_FALSE(sleb({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}));
    EXPECT_FALSE(sleb({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}));
    EXPECT_FALSE(sleb({0xff}));
}

TEST(ByteReader, reads_strings_up_to_their_zero) {
    const Bytes bytes = {'a', 'b', 0, 0, 'c'};
    ByteReader reader(bytes);

    EXPECT_EQ(reader.c_string(), "ab");
    EXPECT_EQ(reader.c_string(), "");
    EXPECT_FALSE(reader.c_string());
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, keeps_a_sub_reader_inside_its_part) {
    const Bytes bytes = {1, 2, 3, 4};
    ByteReader reader(bytes);

    auto part = reader.sub_reader(2);

    ASSERT_TRUE(part);
    EXPECT_EQ(part->u16(), 0x0201);
    EXPECT_FALSE(part->u8());
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.u8(), 3);
}

TEST(ByteReader, aligns_from_the_start_of_its_span) {
    const Bytes bytes(9);
    ByteReader reader(bytes);

    reader.u8();
    EXPECT_TRUE(reader.align(4));
    EXPECT_EQ(reader.offset(), 4U);
    EXPECT_TRUE(reader.align(4));
    EXPECT_EQ(reader.offset(), 4U);
    reader.skip(5);
    EXPECT_FALSE(reader.align(4));
}

}  // namespace
}  // namespace whoholds
