#include "symbolize/jit_codes.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace whoholds {
namespace {

std::string name_at(const JitCodes& codes, uint64_t address) {
    const auto place = codes.find(address);
    return place ? std::string(place->name) : "";
}

// Against a plain table of addresses.
TEST(JitCodes, the_youngest_wins_at_each_address) {
    std::mt19937 random(11);  // NOLINT(cert-msc51-cpp): the same code in every run
    constexpr uint64_t kAddresses = 200;
    for (int round = 0; round < 100; ++round) {
        JitCodes codes;
        std::vector<std::string> expected(kAddresses);
        for (int i = 0; i < 60; ++i) {
            const uint64_t start = random() % (kAddresses - 40);
            const uint64_t size = 1 + random() % 40;
            const std::string name = std::to_string(i);
            codes.add(start, size, name);
            for (uint64_t at = start; at < start + size; ++at) expected[at] = name;
        }

        for (uint64_t at = 0; at < kAddresses; ++at) EXPECT_EQ(name_at(codes, at), expected[at]);
    }
}

TEST(JitCodes, code_that_was_replaced_is_dropped_when_room_is_needed) {
    JitCodes codes({.codes = 100, .bytes = 10'000});

    for (uint64_t i = 0; i < 100'000; ++i) codes.add(0x1000 + i % 40 * 0x10, 0x10, "code " + std::to_string(i));

    EXPECT_FALSE(codes.is_full());
    EXPECT_EQ(codes.size(), 40U);
    EXPECT_EQ(name_at(codes, 0x1000), "code 99960");
}

TEST(JitCodes, T29_too_much_live_code_is_left_out_and_said) {
    JitCodes codes({.codes = 100, .bytes = 10'000});

    for (uint64_t i = 0; i < 1000; ++i) codes.add(i * 0x10, 0x10, "code");
    for (uint64_t i = 0; i < 1000; ++i) codes.move(0, 0x100000 + i * 0x100, 0x10);

    EXPECT_TRUE(codes.is_full());
    EXPECT_LE(codes.size(), 300U);
    EXPECT_EQ(name_at(codes, 0), "code");
    EXPECT_EQ(name_at(codes, 990 * 0x10), "");
}

TEST(JitCodes, what_is_no_code_is_passed_over) {
    JitCodes codes;

    codes.add(0x1000, 0, "empty");
    codes.add(0x1000, 0x10, "");
    codes.add(UINT64_MAX - 1, 0x10, "wraps");
    codes.move(0x1000, 0x2000, 0x10);

    EXPECT_EQ(codes.size(), 0U);
    EXPECT_FALSE(codes.find(0x1000));
}

}  // namespace
}  // namespace whoholds
