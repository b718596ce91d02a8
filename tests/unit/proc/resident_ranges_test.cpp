#include "proc/resident_ranges.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ResidentRanges, are_those_that_were_touched) {
    constexpr size_t kPage = 4096;
    auto* const pages = static_cast<volatile char*>(
        mmap(nullptr, 16 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(pages, MAP_FAILED);
    ASSERT_EQ(madvise(const_cast<char*>(pages), 16 * kPage, MADV_NOHUGEPAGE), 0);
    for (const size_t touched : {3, 4, 9}) pages[touched * kPage] = 1;
    const auto start = reinterpret_cast<uint64_t>(pages);

    const auto ranges = ResidentRanges::open({.path = "/proc"}, getpid());
    ASSERT_TRUE(ranges) << ranges.error().message;
    const auto found = ranges->in({start, start + 16 * kPage});

    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(*found, ElementsAre(ByteRange{start + 3 * kPage, start + 5 * kPage},
                                    ByteRange{start + 9 * kPage, start + 10 * kPage}));
    munmap(const_cast<char*>(pages), 16 * kPage);
}

TEST(ResidentRanges, without_holes) {
    const std::vector<ByteRange> holes = {{10, 20}, {30, 40}, {60, 70}};

    EXPECT_THAT(without({0, 100}, holes),
                ElementsAre(ByteRange{0, 10}, ByteRange{20, 30}, ByteRange{40, 60}, ByteRange{70, 100}));
    EXPECT_THAT(without({15, 35}, holes), ElementsAre(ByteRange{20, 30}));
    EXPECT_THAT(without({32, 38}, holes), IsEmpty());
    EXPECT_THAT(without({80, 90}, holes), ElementsAre(ByteRange{80, 90}));
}

}  // namespace
}  // namespace whoholds
