#include "base/human.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace whoholds {
namespace {

constexpr uint64_t kKib = 1024;
constexpr uint64_t kMib = 1024 * kKib;
constexpr uint64_t kGib = 1024 * kMib;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(HumanBytes, is_exact_below_one_kib) {
    EXPECT_EQ(human_bytes(0), "0 B");
    EXPECT_EQ(human_bytes(512), "512 B");
    EXPECT_EQ(human_bytes(1023), "1,023 B");
}

TEST(HumanBytes, shows_whole_multiples_without_decimals) {
    EXPECT_EQ(human_bytes(kKib), "1 KiB");
    EXPECT_EQ(human_bytes(2 * kGib), "2 GiB");
    EXPECT_EQ(human_bytes(1000 * kMib), "1,000 MiB");
}

TEST(HumanBytes, shows_two_decimals_below_ten_else_one) {
    EXPECT_EQ(human_bytes(kKib + 1), "1.00 KiB");
    EXPECT_EQ(human_bytes(2083059139), "1.94 GiB");
    EXPECT_EQ(human_bytes(56727962), "54.1 MiB");
    EXPECT_EQ(human_bytes(326317670), "311.2 MiB");
}

TEST(HumanBytes, carries_rounding_into_the_next_unit) {
    EXPECT_EQ(human_bytes(kMib - 1), "1.00 MiB");
    EXPECT_EQ(human_bytes(kGib - 1), "1.00 GiB");
    EXPECT_EQ(human_bytes(10 * kMib - 1), "10.0 MiB");
    EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(HumanSignedBytes, carries_a_sign_unless_zero) {
    EXPECT_EQ(human_signed_bytes(2.1 * kMib), "+2.1 MiB");
    EXPECT_EQ(human_signed_bytes(-512), "-512 B");
    EXPECT_EQ(human_signed_bytes(0), "0 B");
    EXPECT_EQ(human_signed_bytes(-0.4), "0 B");
    EXPECT_EQ(human_signed_bytes(1023.7), "+1.0 KiB");
    EXPECT_EQ(human_signed_bytes(-1.0 * kGib), "-1.0 GiB");
}

TEST(HumanSignedBytes, says_when_there_is_no_number) {
    EXPECT_EQ(human_signed_bytes(std::nan("")), "n/a");
    EXPECT_EQ(human_signed_bytes(kInfinity), "n/a");
}

TEST(HumanCount, separates_thousands) {
    EXPECT_EQ(exact_count(0), "0");
    EXPECT_EQ(exact_count(999), "999");
    EXPECT_EQ(exact_count(31004), "31,004");
    EXPECT_EQ(exact_count(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(HumanCount, abbreviates_only_above_9_999_999) {
    EXPECT_EQ(human_count(9'999'999), "9,999,999");
    EXPECT_EQ(human_count(10'000'000), "10.0 M");
    EXPECT_EQ(human_count(24'123'456), "24.1 M");
    EXPECT_EQ(human_count(999'499'999), "999 M");
    EXPECT_EQ(human_count(999'999'999), "1.00 G");
    EXPECT_EQ(human_count(3'020'000'000), "3.02 G");
}

TEST(HumanSignedCount, shows_a_tenth_only_where_it_matters) {
    EXPECT_EQ(human_signed_count(12), "+12");
    EXPECT_EQ(human_signed_count(0.4), "+0.4");
    EXPECT_EQ(human_signed_count(-2.96), "-3");
    EXPECT_EQ(human_signed_count(12.4), "+12");
    EXPECT_EQ(human_signed_count(31004), "+31,004");
    EXPECT_EQ(human_signed_count(0.04), "0");
    EXPECT_EQ(human_signed_count(-kInfinity), "n/a");
    EXPECT_EQ(human_signed_count(1e300), "+1.00e+300");
}

TEST(HumanAge, keeps_a_unit_until_two_of_the_next) {
    EXPECT_EQ(human_age(0.3401), "340 ms");
    EXPECT_EQ(human_age(1), "1 s");
    EXPECT_EQ(human_age(3.49), "3.4 s");
    EXPECT_EQ(human_age(60), "60 s");
    EXPECT_EQ(human_age(119.9), "119 s");
    EXPECT_EQ(human_age(120), "2 min");
    EXPECT_EQ(human_age(299), "4 min");
    EXPECT_EQ(human_age(2 * 3600), "2 h");
    EXPECT_EQ(human_age(5 * 3600 + 12 * 60), "5 h 12 min");
    EXPECT_EQ(human_age(48 * 3600), "2 d");
    EXPECT_EQ(human_age(52 * 3600), "2 d 4 h");
    EXPECT_EQ(human_age(1000.0 * 86400), "1,000 d");
}

TEST(HumanAge, survives_clocks_that_disagree) {
    EXPECT_EQ(human_age(0), "0 ms");
    EXPECT_EQ(human_age(-5), "0 ms");
    EXPECT_EQ(human_age(std::nan("")), "n/a");
    EXPECT_EQ(human_age(kInfinity), "n/a");
}

TEST(Iso8601, shows_utc_in_milliseconds) {
    EXPECT_EQ(iso8601_utc(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(iso8601_utc(1795230245123999999), "2026-11-21T03:04:05.123Z");
    EXPECT_EQ(iso8601_utc(1709251199999000000), "2024-02-29T23:59:59.999Z");
}

TEST(Iso8601, rounds_down_before_1970_too) { EXPECT_EQ(iso8601_utc(-1), "1969-12-31T23:59:59.999Z"); }

}  // namespace
}  // namespace whoholds
