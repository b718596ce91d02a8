#include "symbolize/jit_dump.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <tuple>

#include "unit/symbolize/jit_dump_builder.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

bool never() { return false; }

Result<void> read_up_to(JitDump& dump, const std::vector<uint8_t>& bytes, size_t size,
                        const JitDump::OutOfTime& out_of_time = never) {
    const JitDump::ReadAt read_at = [&](uint64_t offset, std::span<uint8_t> out) {
        if (offset > size || out.size() > size - offset) return false;
        std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
        return true;
    };
    return dump.read(size, read_at, out_of_time);
}

JitDump read_whole(const std::vector<uint8_t>& bytes) {
    JitDump dump;
    EXPECT_TRUE(read_up_to(dump, bytes, bytes.size()));
    return dump;
}

std::string name_at(const JitDump& dump, uint64_t address) {
    const auto place = dump.find(address);
    return place ? std::string(place->name) : "";
}

TEST(JitDump, finds_the_code_that_covers_an_address) {
    const JitDump dump = read_whole(JitDumpBuilder()
                                        .load(0x7f0000001000, 0x40, "JS:*handle /app/server.js:12", 0x40)
                                        .other(4, 100)
                                        .load(0x7f0000002000, 0x10, "later", 0x10)
                                        .other(3, 0)
                                        .bytes());

    EXPECT_EQ(name_at(dump, 0x7f0000001000), "JS:*handle /app/server.js:12");
    EXPECT_EQ(name_at(dump, 0x7f000000103f), "JS:*handle /app/server.js:12");
    EXPECT_EQ(name_at(dump, 0x7f0000001040), "");
    EXPECT_EQ(name_at(dump, 0x7f0000002000), "later");
    EXPECT_EQ(dump.find(0x7f0000002000)->line, 0U);
}

TEST(JitDump, newer_code_takes_the_place_of_older) {
    const JitDump dump = read_whole(
        JitDumpBuilder().load(0x1000, 0x100, "old").load(0x1040, 0x20, "new").load(0x0f00, 0x110, "newest").bytes());

    EXPECT_EQ(name_at(dump, 0x1000), "newest");
    EXPECT_EQ(name_at(dump, 0x1010), "old");
    EXPECT_EQ(name_at(dump, 0x1050), "new");
    EXPECT_EQ(name_at(dump, 0x1060), "old");
    EXPECT_EQ(name_at(dump, 0x10ff), "old");
}

TEST(JitDump, lines_belong_to_the_code_that_comes_next) {
    const JitDump dump = read_whole(JitDumpBuilder()
                                        .lines(0x1000, {{0x1000, 10, "/app/a.js"}, {0x1020, 12, "\xff"}})
                                        .load(0x1000, 0x100, "first")
                                        .load(0x1000, 0x100, "second at the same place")
                                        .load(0x2000, 0x100, "third")
                                        .lines(0x3000, {{0x3010, 7, "/app/b.js"}})
                                        .load(0x3000, 0x100, "fourth")
                                        .bytes());

    EXPECT_EQ(name_at(dump, 0x1010), "second at the same place");
    EXPECT_EQ(dump.find(0x1010)->line, 0U);
    EXPECT_EQ(dump.find(0x2010)->line, 0U);
    EXPECT_EQ(dump.find(0x300f)->line, 0U) << "before the first line";
    EXPECT_EQ(dump.find(0x3010)->line, 7U);
    EXPECT_EQ(dump.find(0x3010)->file, "/app/b.js");
}

TEST(JitDump, moved_code_takes_its_name_and_lines_along) {
    const JitDump dump = read_whole(JitDumpBuilder()
                                        .lines(0x1000, {{0x1000, 10, "/app/a.js"}, {0x1020, 12, "\xff"}})
                                        .load(0x1000, 0x100, "code")
                                        .move(0x1000, 0x9000, 0x100)
                                        .load(0x1000, 0x100, "new")
                                        .move(0x5000, 0x6000, 0x100)
                                        .bytes());

    EXPECT_EQ(name_at(dump, 0x9030), "code");
    EXPECT_EQ(dump.find(0x9030)->line, 12U);
    EXPECT_EQ(dump.find(0x9030)->file, "/app/a.js");
    EXPECT_EQ(name_at(dump, 0x1030), "new");
    EXPECT_EQ(name_at(dump, 0x6000), "") << "nothing was there to move";
}

// V8 gives the addresses of lines as if an ELF header stood before the code.
TEST(JitDump, lines_behind_an_elf_header_are_shifted_back) {
    const JitDump dump = read_whole(JitDumpBuilder()
                                        .lines(0x1000, {{0x1040, 10, "/app/a.js"}, {0x1120, 12, "\xff"}})
                                        .load(0x1000, 0x100, "code")
                                        .bytes());

    EXPECT_EQ(dump.find(0x1000)->line, 10U);
    EXPECT_EQ(dump.find(0x10df)->line, 10U);
    EXPECT_EQ(dump.find(0x10e0)->line, 12U);
}

TEST(JitDump, lines_that_make_no_sense_are_left_out_and_the_name_stays) {
    const JitDump dump = read_whole(JitDumpBuilder()
                                        .lines(0x1000, {{0x1000, 10, "/a"}, {0x5567683e6583a480, 3, "/a"}})
                                        .load(0x1000, 0x100, "far away")
                                        .lines(0x2000, {{0x2000, 420'855'369, "/a"}})
                                        .load(0x2000, 0x100, "line too high")
                                        .lines(0x3000, {{0x2ff0, 4, "/a"}})
                                        .load(0x3000, 0x100, "before the code")
                                        .bytes());

    for (const auto& [address, name] :
         {std::pair(0x1010, "far away"), std::pair(0x2010, "line too high"), std::pair(0x3010, "before the code")}) {
        EXPECT_EQ(name_at(dump, static_cast<uint64_t>(address)), name);
        EXPECT_EQ(dump.find(static_cast<uint64_t>(address))->line, 0U);
    }
}

TEST(JitDump, a_growing_file_is_read_on_from_any_point) {
    const std::vector<uint8_t> bytes = JitDumpBuilder()
                                           .load(0x1000, 0x40, "one", 0x40)
                                           .lines(0x2000, {{0x2000, 5, "/app/a.js"}})
                                           .load(0x2000, 0x40, "two", 0x40)
                                           .move(0x1000, 0x3000, 0x40)
                                           .bytes();
    JitDump dump;

    for (size_t size = 0; size <= bytes.size(); ++size) {
        ASSERT_TRUE(read_up_to(dump, bytes, size));
        EXPECT_TRUE(dump.is_read(size) || size < 40);
        EXPECT_LE(dump.position(), size);
    }

    EXPECT_EQ(name_at(dump, 0x1000), "one");
    EXPECT_EQ(name_at(dump, 0x2000), "two");
    EXPECT_EQ(dump.find(0x2000)->line, 5U);
    EXPECT_EQ(name_at(dump, 0x3000), "one");
    EXPECT_EQ(dump.position(), bytes.size());
}

TEST(JitDump, reading_stops_when_time_is_up_and_goes_on_later) {
    JitDumpBuilder builder;
    for (uint64_t i = 0; i < 10'000; ++i) builder.load(0x10000 + i * 0x100, 0x100, "code " + std::to_string(i), 0x100);
    JitDump dump;

    EXPECT_TRUE(read_up_to(dump, builder.bytes(), builder.bytes().size(), [] { return true; }));
    EXPECT_FALSE(dump.is_read(builder.bytes().size()));
    EXPECT_EQ(dump.size(), 0U);
    int questions_left = 3;
    EXPECT_TRUE(read_up_to(dump, builder.bytes(), builder.bytes().size(), [&] { return questions_left-- <= 0; }));
    EXPECT_FALSE(dump.is_read(builder.bytes().size()));
    EXPECT_GT(dump.size(), 0U);
    EXPECT_TRUE(read_up_to(dump, builder.bytes(), builder.bytes().size()));

    EXPECT_TRUE(dump.is_read(builder.bytes().size()));
    EXPECT_EQ(name_at(dump, 0x10000 + 9999 * 0x100), "code 9999");
}

TEST(JitDump, refuses_what_it_cannot_read_with_a_reason) {
    for (const auto& [bytes, reason] : {std::pair(JitDumpBuilder(0x4454694A).bytes(), "other byte order"),
                                        std::pair(JitDumpBuilder(0x464C457F).bytes(), "not a jitdump file"),
                                        std::pair(JitDumpBuilder(0x4A695444, 2).bytes(), "version 1"),
                                        std::pair(JitDumpBuilder(0x4A695444, 1, 183).bytes(), "x86-64")}) {
        JitDump dump;
        const auto result = read_up_to(dump, bytes, bytes.size());

        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().message, HasSubstr(reason));
        EXPECT_TRUE(dump.is_read(bytes.size()));
        EXPECT_FALSE(read_up_to(dump, bytes, bytes.size() - 1)) << "an error is final";
    }
}

TEST(JitDump, T29_a_record_without_a_size_ends_the_reading) {
    std::vector<uint8_t> bytes = JitDumpBuilder().load(0x1000, 0x40, "one").load(0x2000, 0x40, "two").bytes();
    const size_t second = 40 + 16 + 40 + 4;
    bytes[second + 4] = 0;
    JitDump dump;

    EXPECT_FALSE(read_up_to(dump, bytes, bytes.size()));
    EXPECT_EQ(name_at(dump, 0x1000), "one");
    EXPECT_EQ(name_at(dump, 0x2000), "");
}

TEST(JitDump, T29_names_without_an_end_and_counts_without_entries_are_survived) {
    std::vector<uint8_t> bytes = JitDumpBuilder().load(0x1000, 0x40, std::string(100'000, 'x')).bytes();
    std::vector<uint8_t> lines = JitDumpBuilder().lines(0x1000, {{0x1000, 1, "/a"}}).load(0x1000, 0x40, "one").bytes();
    std::fill_n(lines.begin() + 40 + 16 + 8, 8, uint8_t{0xff});

    EXPECT_EQ(name_at(read_whole(bytes), 0x1000).size(), JitCodes::kMaxNameBytes);
    EXPECT_EQ(name_at(read_whole(lines), 0x1000), "one");
    EXPECT_EQ(read_whole(lines).find(0x1000)->line, 0U);
}

}  // namespace
}  // namespace whoholds
