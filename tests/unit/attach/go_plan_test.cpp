// What is traced of real Go programs.
#include "attach/go_plan.h"

#include <gmock/gmock.h>

#include "attach/call_shape.h"
#include "runtime/pairs/pair_grammar.h"
#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Role = PlannedGoProbe::Role;

class GoPlan : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: go is not installed";
    }
    void plan(std::initializer_list<const char*> pairs) {
        for (const char* text : pairs) options_.pairs.push_back(*parse_pair(text));
        auto image = ElfImage::open(target_path(GetParam()));
        ASSERT_TRUE(image) << image.error().message;
        PairSearch search(options_.pairs);
        module_.path = GetParam();
        plan_go_module(*image, options_, module_, plan_.skipped, search);
        search.settle(options_, plan_);
    }
    [[nodiscard]] const PlannedGoProbe* probe(std::string_view symbol) const {
        const auto found = std::ranges::find(module_.go_probes, symbol, &PlannedGoProbe::symbol);
        return found == module_.go_probes.end() ? nullptr : &*found;
    }
    [[nodiscard]] std::string why_skipped(std::string_view what) const {
        for (const Skipped& each : plan_.skipped)
            if (each.what.find(what) != std::string::npos) return each.why;
        return "not skipped";
    }

    PlanOptions options_;
    ModulePlan module_;
    AttachPlan plan_;
};

TEST_P(GoPlan, T1_T38_goroutines_are_followed_from_what_creates_them_to_their_end) {
    plan({});

    EXPECT_THAT(plan_.skipped, IsEmpty());
    ASSERT_TRUE(module_.go);
    const wh_go_process& process = module_.go->process;
    EXPECT_LT(process.switch_start, process.switch_end);
    EXPECT_LT(process.runtime_start, process.runtime_end);
    ASSERT_NE(probe("runtime.newproc1"), nullptr);
    EXPECT_EQ(probe("runtime.newproc1")->role, Role::kGoroutineCreated);
    EXPECT_GE(probe("runtime.newproc1")->address, process.runtime_start);
    EXPECT_LT(probe("runtime.newproc1")->address, process.runtime_end);
    EXPECT_EQ(std::ranges::count(module_.go_probes, Role::kGoroutineEnded, &PlannedGoProbe::role), 1);
}

// A probe that is single-stepped costs several times what one costs that is emulated.
TEST_P(GoPlan, T1_go_statements_and_ends_of_goroutines_are_probed_at_instructions_that_are_emulated) {
    plan({});

    size_t cheap = 0;
    for (const PlannedGoProbe& probe : module_.go_probes) {
        ASSERT_THAT(probe.sites, SizeIs(1));
        const GoProbeSite& site = probe.sites.front();
        EXPECT_NE(site.address, probe.address) << "an entry";
        EXPECT_TRUE(site.emulated || probe.role == Role::kGoroutineCreated) << site.instruction;
        if (probe.role != Role::kGoroutineCreated || !site.emulated) continue;
        ++cheap;
        EXPECT_THAT(site.instruction, StartsWith("call"))
            << "of runtime.runqput, the new goroutine is its second argument";
        EXPECT_EQ(WH_SHAPE_GET(probe.shape, KEY_ARG), 1U);
    }
    EXPECT_EQ(cheap, 1U);
}

TEST_P(GoPlan, pairs_are_found_by_the_names_of_tracebacks) {
    plan({"main.NewThing / (*Thing).Close", "main.nothing / main.nobody"});

    ASSERT_NE(probe("main.NewThing"), nullptr);
    EXPECT_EQ(probe("main.NewThing")->role, Role::kAcquired);
    EXPECT_EQ(unpack(probe("main.NewThing")->shape).kind, WH_KIND_PAIR_FIRST);
    ASSERT_NE(probe("main.(*Thing).Close"), nullptr);
    EXPECT_EQ(probe("main.(*Thing).Close")->sites.size(), 1U);
    EXPECT_THAT(why_skipped("main.nothing"), HasSubstr("in no module"));
}

TEST_P(GoPlan, a_function_that_is_inlined_everywhere_is_named_with_its_callers) {
    plan({"main.count / (*Thing).Close"});

    EXPECT_EQ(probe("main.count"), nullptr);
    EXPECT_THAT(why_skipped("main.count"), HasSubstr("the compiler has put it into its callers (main."));
    EXPECT_THAT(why_skipped("main.(*Thing).Close"), HasSubstr("releases alone would say nothing"));
    for (const PlannedGoProbe& probe : module_.go_probes) EXPECT_EQ(WH_SHAPE_GET(probe.shape, KIND), WH_KIND_GOROUTINE);
}

TEST_P(GoPlan, nothing_is_planned_if_it_is_not_wanted) {
    options_.go_tracing = false;
    plan({});

    EXPECT_THAT(module_.go_probes, IsEmpty());
    EXPECT_FALSE(module_.go);
}

INSTANTIATE_TEST_SUITE_P(Each, GoPlan,
                         ::testing::Values("go_tracing", "go_tracing_pie", "go_1_19_tracing", "go_1_19_tracing_pie"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace whoholds
