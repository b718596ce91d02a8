// Functions through which a C++ exception may pass never get a return probe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "attach/call_shape.h"
#include "runtime/native/allocators.h"
#include "unit/attach/fake_module.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<uint8_t> kComputedJump = {0x90, 0xff, 0xe0};

FakeModule jemalloc_with(std::vector<uint8_t> operator_new) {
    FakeModule module("/lib/libjemalloc.so.2");
    module.function("mallocx", 0x1f00).function("malloc", 0x2000).function("free", 0x2100);
    module.function("_Znwm", 0x2200, std::move(operator_new));
    return module;
}

TEST(ThrowingFunctions, operator_new_is_followed_to_its_ret_instructions) {
    FakeModule module = jemalloc_with({0x85, 0xff, 0x74, 0x01, 0xc3, 0xc3});

    module.plan();

    const PlannedProbe* probe = module.probe("_Znwm");
    ASSERT_NE(probe, nullptr);
    EXPECT_TRUE(probe->needs_return);
    EXPECT_TRUE(unpack(probe->shape).by_ret);
    EXPECT_THAT(probe->return_offsets, ElementsAre(0x1204, 0x1205));
    EXPECT_THAT(module.probe("malloc")->return_offsets, IsEmpty());
    EXPECT_FALSE(unpack(module.probe("malloc")->shape).by_ret);
}

TEST(ThrowingFunctions, without_a_return_probe_words_may_be_pushed_before_the_probe) {
    FakeModule module = jemalloc_with({0x6a, 0x01, 0x74, 0x01, 0xc3, 0x58, 0xc3});  // pushq $1; je; ret; pop; ret

    module.plan();

    EXPECT_EQ(unpack(module.probe("_Znwm")->shape).pushed_words, 1U);
}

TEST(ThrowingFunctions, one_whose_returns_cannot_all_be_found_is_skipped_with_the_reason) {
    FakeModule module = jemalloc_with(kComputedJump);

    module.plan();

    EXPECT_EQ(module.probe("_Znwm"), nullptr);
    EXPECT_EQ(module.why_skipped("_Znwm"),
              "may throw, and its returns cannot all be found (the destination of a jump is computed): a return probe "
              "would end the process when it throws");
}

TEST(ThrowingFunctions, a_thunk_to_one_that_is_skipped_is_skipped_too_and_gets_no_return_probe) {
    FakeModule module = jemalloc_with(kComputedJump);
    module.function("_Znam", 0x2300, {0xe9, 0xfb, 0xfe, 0xff, 0xff});                // jmp _Znwm
    module.function("_ZnwmRKSt9nothrow_t", 0x2180, {0xe9, 0x7b, 0x00, 0x00, 0x00});  // likewise

    module.plan();

    EXPECT_EQ(module.probe("_Znam"), nullptr);
    EXPECT_EQ(module.probe("_ZnwmRKSt9nothrow_t"), nullptr);
    EXPECT_THAT(module.why_skipped("_Znam"), HasSubstr("may throw, and its returns cannot all be found"));
}

TEST(ThrowingFunctions, a_thunk_to_one_that_is_probed_is_covered) {
    FakeModule module = jemalloc_with(kPushRet);
    module.function("_Znam", 0x2300, {0xe9, 0xfb, 0xfe, 0xff, 0xff});

    module.plan();

    EXPECT_EQ(module.why_skipped("_Znam"), "only jumps to _Znwm, which is probed");
}

TEST(ThrowingFunctions, one_name_that_may_throw_decides_for_all_of_its_address) {
    FakeModule module("/lib/libtcmalloc.so.4");
    module.function("malloc", 0x2000).function("free", 0x2100);
    module.function("tc_malloc", 0x2200).function("_Znwm", 0x2200).function("tc_new_nothrow", 0x2200);

    module.plan();

    const PlannedProbe* probe = module.probe("tc_malloc");
    ASSERT_NE(probe, nullptr);
    EXPECT_TRUE(unpack(probe->shape).by_ret);
    EXPECT_THAT(probe->return_offsets, ElementsAre(0x1201));
}

TEST(ThrowingFunctions, a_tail_jump_to_malloc_is_reported_by_its_return_probe) {
    FakeModule module = jemalloc_with(kPushRet);
    module.function("_Znam", 0x2300, {0x85, 0xff, 0x0f, 0x84, 0xf8, 0xfc, 0xff, 0xff, 0xc3});  // je malloc; ret
    module.function("_ZnamSt11align_val_t", 0x2400, {0x90, 0xe9, 0xfa, 0xfb, 0xff, 0xff});     // nop; jmp malloc

    module.plan();

    ASSERT_NE(module.probe("_Znam"), nullptr);
    EXPECT_THAT(module.probe("_Znam")->return_offsets, ElementsAre(0x1308));
    EXPECT_EQ(module.probe("_ZnamSt11align_val_t"), nullptr) << "without sites it must not fall back to a return probe";
    EXPECT_EQ(module.why_skipped("_ZnamSt11align_val_t"), "always ends in functions that are probed themselves");
}

TEST(ThrowingFunctions, text_and_json_say_how_the_return_is_seen) {
    FakeModule module = jemalloc_with({0x85, 0xff, 0x74, 0x01, 0xc3, 0xc3});
    module.plan();
    AttachPlan plan;
    plan.modules = {module.result()};

    EXPECT_THAT(plan_to_text(plan), HasSubstr("at 2 ret, 10x"));
    EXPECT_THAT(plan_to_text(plan), HasSubstr("1 by their ret instructions"));
    const auto json = nlohmann::json::parse(plan_to_json(plan));
    for (const auto& probe : json["modules"][0]["probes"]) {
        if (probe["symbol"] != "_Znwm") continue;
        EXPECT_EQ(probe["return_probe"], false);
        EXPECT_EQ(probe["return_offsets"], (std::vector<uint64_t>{0x1204, 0x1205}));
    }
}

// The allocators of the distribution, where they are installed.
class RealAllocator : public ::testing::TestWithParam<const char*> {};

TEST_P(RealAllocator, every_throwing_function_has_its_returns_or_a_reason) {
    const std::string path = std::string("/usr/lib/x86_64-linux-gnu/") + GetParam();
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) GTEST_SKIP() << path << " is not installed";
    const Mapping mapping{.start = 0x7f0000000000,
                          .end = 0x7f0000200000,
                          .readable = true,
                          .executable = true,
                          .device_major = major(status.st_dev),
                          .device_minor = minor(status.st_dev),
                          .inode = status.st_ino,
                          .path = std::filesystem::canonical(path)};

    const AttachPlan plan = make_plan(::getpid(), {mapping}, {}, open_elf_of(ProcRoot{}, ::getpid()));

    ASSERT_EQ(plan.modules.size(), 1U);
    std::set<std::string> followed;
    for (const PlannedProbe& probe : plan.modules[0].probes) {
        const bool by_ret = unpack(probe.shape).by_ret;
        EXPECT_EQ(by_ret, !probe.return_offsets.empty()) << probe.symbol;
        std::vector<std::string> names = probe.aliases;
        names.push_back(probe.symbol);
        for (const std::string& name : names) {
            if (const AllocatorFunction* row = find_allocator_function(name); row != nullptr && row->may_throw) {
                EXPECT_TRUE(by_ret) << name;
            }
            followed.insert(name);
        }
        if (by_ret) RecordProperty(probe.symbol, static_cast<int>(probe.return_offsets.size()));
    }
    EXPECT_TRUE(followed.contains("_Znwm")) << plan_to_text(plan);
    for (const Skipped& skipped : plan.skipped) EXPECT_FALSE(skipped.why.empty()) << skipped.what;
}

INSTANTIATE_TEST_SUITE_P(Debian, RealAllocator,
                         ::testing::Values("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libtcmalloc.so.4",
                                           "libmimalloc.so.2"),
                         [](const auto& each) {
                             const std::string name = each.param;
                             return name.substr(3, name.find('.') - 3);
                         });

}  // namespace
}  // namespace whoholds
