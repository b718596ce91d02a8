#include "analyze/thresholds.h"

#include <gmock/gmock.h>

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kMiB = 1 << 20;

class Watched {
public:
    explicit Watched(Thresholds thresholds) : thresholds_(thresholds) {}
    std::vector<std::string> at(double time_s, uint64_t rss_mib) {
        return watch_.look(thresholds_, time_s, rss_mib * kMiB, std::nullopt);
    }
    std::vector<std::string> with_room(uint64_t left_mib) {
        return watch_.look(thresholds_, 0, std::nullopt, MemoryHeadroom{1000 * kMiB, left_mib * kMiB, "memory.max"});
    }

private:
    Thresholds thresholds_;
    ThresholdWatch watch_;
};

TEST(Thresholds, are_told_once_and_again_only_after_a_clear_way_back) {
    Watched watched({.rss_bytes = 100 * kMiB});

    EXPECT_THAT(watched.at(0, 99), IsEmpty());
    EXPECT_THAT(watched.at(1, 101), ElementsAre("RSS is 101 MiB (--on-rss 100 MiB)"));
    EXPECT_THAT(watched.at(2, 150), IsEmpty());
    EXPECT_THAT(watched.at(3, 96), IsEmpty());
    EXPECT_THAT(watched.at(4, 101), IsEmpty());
    EXPECT_THAT(watched.at(5, 94), IsEmpty());
    EXPECT_THAT(watched.at(6, 100), SizeIs(1));
}

TEST(Thresholds, of_growth_count_from_the_first_look) {
    Watched watched({.growth_bytes = 10 * kMiB});

    EXPECT_THAT(watched.at(0, 500), IsEmpty());
    EXPECT_THAT(watched.at(1, 509), IsEmpty());
    EXPECT_THAT(watched.at(2, 511),
                ElementsAre("RSS has grown by 11 MiB since the attach, to 511 MiB (--on-growth 10 MiB)"));
    EXPECT_THAT(watched.at(3, 400), IsEmpty());
    EXPECT_THAT(watched.at(4, 510), SizeIs(1));
}

TEST(Thresholds, of_a_pace_count_from_a_window_ago) {
    Watched slow({.pace = Thresholds::Pace{10 * kMiB, 60}});
    Watched fast({.pace = Thresholds::Pace{10 * kMiB, 60}});

    size_t told_of_slow = 0;
    std::vector<std::string> first;
    size_t told_of_fast = 0;
    for (int i = 0; i <= 1200; i++) {
        told_of_slow += slow.at(i, 100 + static_cast<uint64_t>(i) * 8 / 60).size();
        const auto told = fast.at(i, 100 + static_cast<uint64_t>(i) * 12 / 60);
        if (first.empty()) first = told;
        told_of_fast += told.size();
    }

    EXPECT_EQ(told_of_slow, 0U);
    EXPECT_EQ(told_of_fast, 1U);
    EXPECT_THAT(first, ElementsAre("RSS has grown by 10 MiB within 50 s, to 110 MiB (--on-growth 10 MiB within 60 s)"));
}

TEST(Thresholds, of_what_is_left_are_parts_or_sizes) {
    Watched part({.part_left = 0.1});
    Watched size({.room_left_bytes = 50 * kMiB});

    EXPECT_THAT(part.with_room(101), IsEmpty());
    EXPECT_THAT(part.with_room(95), ElementsAre("95 MiB of 1,000 MiB (memory.max) are left, 9.5 %, beside what the "
                                                "kernel can give back (--on-oom-near 10%)"));
    EXPECT_THAT(part.with_room(120), IsEmpty());
    EXPECT_THAT(part.with_room(90), IsEmpty());
    EXPECT_THAT(part.with_room(126), IsEmpty());
    EXPECT_THAT(part.with_room(90), SizeIs(1));
    EXPECT_THAT(size.with_room(51), IsEmpty());
    EXPECT_THAT(size.with_room(50), SizeIs(1));
}

TEST(Thresholds, of_what_cannot_be_read_are_not_told) {
    Thresholds thresholds{.rss_bytes = 1, .part_left = 1};
    ThresholdWatch watch;

    EXPECT_THAT(watch.look(thresholds, 0, std::nullopt, std::nullopt), IsEmpty());
}

}  // namespace
}  // namespace whoholds
