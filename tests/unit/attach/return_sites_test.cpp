// Finding the ret instructions of functions that are assembled by hand.
#include "attach/return_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "unit/attach/fake_module.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Addresses = std::vector<uint64_t>;

constexpr uint64_t kEntry = 0x2000;
constexpr uint64_t kOther = 0x2100;

ReturnSites sites_of(FakeModule& module, uint64_t has_return_probe = 0) {
    module.prepare();
    return find_return_sites(module.code(), kEntry, [&](uint64_t address) { return address == has_return_probe; });
}

TEST(ReturnSites, one_ret) {
    FakeModule module("m");
    module.function("f", kEntry, {0x55, 0x5d, 0xc3});  // push; pop; ret

    const ReturnSites sites = sites_of(module);

    EXPECT_EQ(sites.refusal, "");
    EXPECT_THAT(sites.addresses, ElementsAre(kEntry + 2));
}

TEST(ReturnSites, both_ways_of_a_conditional_jump) {
    FakeModule module("m");
    module.function("f", kEntry, {0x85, 0xff, 0x74, 0x02, 0x90, 0xc3, 0x31, 0xc0, 0xf3, 0xc3});

    EXPECT_THAT(sites_of(module).addresses, ElementsAre(kEntry + 5, kEntry + 8));
}

TEST(ReturnSites, a_loop_ends) {
    FakeModule module("m");
    module.function("f", kEntry, {0xff, 0xcf, 0x75, 0xfc, 0xeb, 0x00, 0xc3});  // dec; jne -4; jmp +0; ret
    FakeModule endless("m");
    endless.function("f", kEntry, {0xeb, 0xfe});

    EXPECT_THAT(sites_of(module).addresses, ElementsAre(kEntry + 6));
    EXPECT_EQ(sites_of(endless).refusal, "none was found");
}

TEST(ReturnSites, a_tail_jump_leads_into_a_function_without_a_symbol) {
    FakeModule module("m");
    module.function("f", kEntry, {0x85, 0xff, 0x0f, 0x84, 0xf8, 0x00, 0x00, 0x00, 0xc3});  // je 0x2100
    module.bytes(kOther, {0x53, 0x5b, 0xc3});

    EXPECT_THAT(sites_of(module).addresses, ElementsAre(kEntry + 8, kOther + 2));
}

TEST(ReturnSites, a_tail_jump_goes_through_the_plt_to_this_modules_definition) {
    FakeModule module("m");
    module.function("f", kEntry, {0xe9, 0xfb, 0x01, 0x00, 0x00});                        // jmp 0x2200
    module.bytes(0x2200, {0xff, 0x25, 0xfa, 0x0d, 0x00, 0x00}).import(0x3000, "inner");  // jmp *0x3000
    module.function("inner", kOther, {0x90, 0xc3});

    EXPECT_THAT(sites_of(module).addresses, ElementsAre(kOther + 1));
}

TEST(ReturnSites, a_tail_jump_to_another_module_is_refused) {
    FakeModule module("m");
    module.function("f", kEntry, {0xe9, 0xfb, 0x01, 0x00, 0x00});
    module.bytes(0x2200, {0xff, 0x25, 0xfa, 0x0d, 0x00, 0x00}).import(0x3000, "elsewhere");

    const ReturnSites sites = sites_of(module);

    EXPECT_EQ(sites.refusal, "it may end in elsewhere of another module");
    EXPECT_THAT(sites.addresses, IsEmpty());
}

TEST(ReturnSites, a_tail_jump_to_a_function_with_a_return_probe_needs_no_site) {
    FakeModule module("m");
    module.function("f", kEntry, {0x85, 0xff, 0x0f, 0x84, 0xf8, 0x00, 0x00, 0x00, 0xc3});
    module.function("malloc", kOther, {0x53, 0x5b, 0xc3});
    FakeModule always("m");
    always.function("f", kEntry, {0x90, 0xe9, 0xfa, 0x00, 0x00, 0x00}).function("malloc", kOther);

    EXPECT_THAT(sites_of(module, kOther).addresses, ElementsAre(kEntry + 8));
    const ReturnSites none = sites_of(always, kOther);
    EXPECT_EQ(none.refusal, "");
    EXPECT_THAT(none.addresses, IsEmpty());
}

TEST(ReturnSites, a_call_at_the_end_of_a_function_does_not_return) {
    // je +1; ret; call abort; then padding and the next function, which has an indirect jump
    const std::vector<uint8_t> with_call = {0x74, 0x01, 0xc3, 0xe8, 0x00, 0x10, 0x00, 0x00};
    FakeModule module("m");
    module.function("f", kEntry, with_call);
    module.function("next", kEntry + with_call.size(), {0xff, 0xe0});
    // The range covers the padding too.
    std::vector<uint8_t> with_padding = with_call;
    with_padding.insert(with_padding.end(), {0x66, 0x90, 0x0f, 0x1f, 0x40, 0x00});
    FakeModule padded("m");
    padded.function("f", kEntry, with_padding);
    padded.function("next", kEntry + with_padding.size(), {0xff, 0xe0});

    EXPECT_THAT(sites_of(module).addresses, ElementsAre(kEntry + 2));
    EXPECT_THAT(sites_of(padded).addresses, ElementsAre(kEntry + 2));
}

TEST(ReturnSites, a_function_that_runs_into_the_next_one_ends_there) {
    FakeModule module("m");
    module.function("f", kEntry, {0x90, 0x50}).function("next", kEntry + 2, {0x58, 0xc3});
    // One piece of bytes, as the fake does not join neighbours.
    module.bytes(kEntry, {0x90, 0x50, 0x58, 0xc3});

    EXPECT_THAT(sites_of(module).addresses, ElementsAre(kEntry + 3));
}

TEST(ReturnSites, landing_pads_that_nothing_jumps_to_are_looked_at) {
    FakeModule module("m");
    // je +1; ret; call throw; landing pad: call end_catch; xor; ret
    module.function("f", kEntry,
                    {0x74, 0x01, 0xc3, 0xe9, 0x02, 0x00, 0x00, 0x00, 0x0f, 0x0b, 0xc3,  //
                     0xe8, 0x00, 0x10, 0x00, 0x00, 0x31, 0xc0, 0xc3});

    EXPECT_THAT(sites_of(module).addresses, ElementsAre(kEntry + 2, kEntry + 10, kEntry + 18));
}

TEST(ReturnSites, what_cannot_be_followed_is_refused) {
    const auto refusal = [](std::vector<uint8_t> code) {
        FakeModule module("m");
        module.function("f", kEntry, std::move(code));
        const ReturnSites sites = sites_of(module);
        EXPECT_THAT(sites.addresses, IsEmpty());
        return sites.refusal;
    };
    std::vector<uint8_t> large(kMaxInstructionsWalked + 1, 0x90);
    large.push_back(0xc3);
    std::vector<uint8_t> many;
    for (size_t i = 0; i <= kMaxReturnSites; ++i) many.insert(many.end(), {0x74, 0x01, 0xc3});
    many.push_back(0xc3);

    EXPECT_EQ(refusal({0x85, 0xff, 0x74, 0x02, 0xff, 0xe0, 0xc3}), "the destination of a jump is computed");
    EXPECT_EQ(refusal({0xff, 0x24, 0xc5, 0x00, 0x30, 0x00, 0x00}), "the destination of a jump is computed");
    EXPECT_EQ(refusal({0x74, 0x01, 0xc3, 0x06}), "there are bytes that are no code");
    EXPECT_EQ(refusal({0xe9, 0x00, 0x00, 0x00, 0x70}), "there are bytes that are no code");
    EXPECT_EQ(refusal({0x90, 0x90}), "there are bytes that are no code");
    EXPECT_EQ(refusal({}), "there are bytes that are no code");
    EXPECT_EQ(refusal({0x90, 0xcb}), "it returns in an unusual way");
    EXPECT_EQ(refusal(large), "it is too large");
    EXPECT_EQ(refusal(many), "there are too many");
}

TEST(ReturnSites, any_bytes_give_sites_that_are_ret_or_a_refusal) {
    std::mt19937 random(43);
    for (int round = 0; round < 5000; ++round) {
        std::vector<uint8_t> code(1 + random() % 80);
        // Returns and short jumps more often than chance would have them.
        constexpr std::array<uint8_t, 6> kLikely = {0xc3, 0x74, 0xeb, 0xe8, 0x90, 0x05};
        for (uint8_t& byte : code)
            byte = random() % 2 ? kLikely[random() % kLikely.size()] : static_cast<uint8_t>(random());
        FakeModule module("m");
        module.function("f", kEntry, code);

        const ReturnSites sites = sites_of(module);

        ASSERT_NE(sites.refusal.empty(), sites.addresses.empty());
        for (const uint64_t site : sites.addresses) {
            ASSERT_LT(site - kEntry, code.size());
        }
    }
}

}  // namespace
}  // namespace whoholds
