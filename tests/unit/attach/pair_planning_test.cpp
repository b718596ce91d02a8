// Threads and the user's pairs, planned on made-up modules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "attach/call_shape.h"
#include "attach/pair_search.h"
#include "runtime/pairs/pair_grammar.h"
#include "unit/attach/fake_module.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PlanOptions with_pairs(std::initializer_list<const char*> texts) {
    PlanOptions options;
    for (const char* text : texts) options.pairs.push_back(*parse_pair(text));
    return options;
}

// Several modules and what a search over all of them ends with.
struct FakeProcess {
    explicit FakeProcess(PlanOptions given) : options(std::move(given)), search(options.pairs) {}

    void plan(FakeModule& module, const std::string& path) {
        module.prepare();
        ModulePlan planned;
        planned.path = path;
        const auto wanted = search.wanted_in(path);
        std::erase_if(module.code().symbols, [&](const ElfSymbol& symbol) { return !wanted(symbol.name); });
        plan_module(module.code(), options, planned, plan_.skipped, search);
        if (!planned.probes.empty()) plan_.modules.push_back(planned);
    }
    const AttachPlan& finish() {
        search.settle(options, plan_);
        return plan_;
    }
    std::string why_skipped(std::string_view what) const {
        for (const Skipped& each : plan_.skipped) {
            if (each.what.find(what) != std::string::npos) return each.why;
        }
        return "not skipped";
    }

    PlanOptions options;
    PairSearch search;
    AttachPlan plan_;
};

TEST(PairPlanning, functions_get_the_kind_of_their_pair) {
    FakeModule module("/lib/libjob.so.1");
    module.function("job_new", 0x2000).function("job_free", 0x2100).function("task_new", 0x2200);

    module.plan(with_pairs({"other_new/other_free", "job_new/job_free", "task_new/task_free"}));

    ASSERT_EQ(module.result().probes.size(), 3U);
    EXPECT_EQ(unpack(module.probe("job_new")->shape).kind, WH_KIND_PAIR_FIRST + 1);
    EXPECT_EQ(module.probe("job_new")->family, "pair job");
    EXPECT_TRUE(module.probe("job_new")->needs_return);
    EXPECT_FALSE(module.probe("job_free")->needs_return);
    EXPECT_EQ(unpack(module.probe("task_new")->shape).kind, WH_KIND_PAIR_FIRST + 2);
}

TEST(PairPlanning, a_function_of_two_tables_has_a_probe_for_each) {
    FakeModule libc("/lib/libc.so.6");
    libc.function("malloc", 0x2000).function("free", 0x2100);

    libc.plan(with_pairs({"block=malloc/free", "again=malloc/free"}));

    EXPECT_EQ(libc.result().probes.size(), 6U);
    EXPECT_EQ(libc.skipped_count(), 0U);
}

TEST(PairPlanning, T30_threads_are_probed_in_whatever_library_has_them) {
    FakeModule libc("/lib/libc.so.6");
    libc.function("pthread_create", 0x2000).function("pthread_join", 0x2100).function("pthread_detach", 0x2200);
    FakeModule libpthread("/lib/libpthread-2.31.so");
    libpthread.function("pthread_create", 0x3000).function("pthread_join", 0x3100);

    libc.plan();
    libpthread.plan();

    EXPECT_EQ(libc.result().probes.size(), 3U);
    EXPECT_EQ(unpack(libc.probe("pthread_create")->shape).operation, WH_OPERATION_CREATE_THREAD);
    EXPECT_EQ(libpthread.result().probes.size(), 2U);
    EXPECT_FALSE(libpthread.probe("pthread_join")->return_offsets.empty()) << "a cancelled thread unwinds through it";
}

TEST(PairPlanning, threads_of_musl_are_left_alone_with_the_reason) {
    FakeModule musl("/lib/ld-musl-x86_64.so.1");
    musl.function("pthread_create", 0x2000).function("pthread_join", 0x2100).function("__libc_start_main", 0x2200);
    FakeModule program("/bin/static");
    program.function("pthread_create", 0x2000).function("__init_libc", 0x2100).function("__libc_start_main", 0x2200);

    musl.plan();
    program.plan();

    EXPECT_TRUE(musl.result().probes.empty());
    EXPECT_THAT(musl.why_skipped("pthread_create"), HasSubstr("musl"));
    EXPECT_THAT(program.why_skipped("pthread_create"), HasSubstr("musl"));
}

TEST(PairPlanning, threads_without_a_way_to_see_joins_are_left_alone) {
    FakeModule odd("/lib/libodd.so");
    odd.function("pthread_create", 0x2000).function("pthread_join", 0x2100, {0xff, 0xe0});  // jmp *%rax

    odd.plan();

    EXPECT_TRUE(odd.result().probes.empty());
    EXPECT_THAT(odd.why_skipped("pthread_create"), HasSubstr("every thread would seem to be unjoined"));
}

TEST(PairPlanning, T7_no_return_probe_where_exceptions_may_pass) {
    FakeModule cpp("/lib/libcpp.so");
    cpp.function("job_new", 0x2000).function("job_free", 0x2100).function("job_open", 0x2200, {0xff, 0xe0});
    cpp.code().may_unwind = true;

    cpp.plan(with_pairs({"job_new,job_open/job_free"}));

    EXPECT_TRUE(unpack(cpp.probe("job_new")->shape).by_ret);
    EXPECT_EQ(cpp.probe("job_open"), nullptr);
    EXPECT_THAT(cpp.why_skipped("job_open"), HasSubstr("may throw"));
}

TEST(PairPlanning, T1_pairs_in_go_modules_are_refused) {
    FakeModule go("/bin/server");
    go.function("job_new", 0x2000).function("job_free", 0x2100);
    go.code().is_go = true;

    go.plan(with_pairs({"job_new/job_free"}));

    EXPECT_TRUE(go.result().probes.empty());
    EXPECT_THAT(go.why_skipped("job_new"), HasSubstr("Go module"));
}

TEST(PairPlanning, the_dynamic_linkers_own_functions_are_left_alone) {
    FakeModule loader("/lib/ld-linux-x86-64.so.2");
    loader.function("opendir", 0x2000, kPushRet, ElfBinding::kLocal)
        .function("closedir", 0x2100, kPushRet, ElfBinding::kLocal);

    loader.plan(with_pairs({"opendir/closedir"}));

    EXPECT_TRUE(loader.result().probes.empty());
    EXPECT_THAT(loader.why_skipped("opendir"), HasSubstr("the dynamic linker's own"));
}

TEST(PairPlanning, a_local_function_counts_with_its_counterpart_or_by_its_module) {
    FakeModule lone("/lib/liblone.so");
    lone.function("job_new", 0x2000, kPushRet, ElfBinding::kLocal);
    FakeModule both("/lib/libboth.so");
    both.function("job_new", 0x2000, kPushRet, ElfBinding::kLocal)
        .function("job_free", 0x2100, kPushRet, ElfBinding::kLocal);
    FakeModule named("/lib/liblone.so");
    named.function("job_new", 0x2000, kPushRet, ElfBinding::kLocal);

    lone.plan(with_pairs({"job_new/job_free"}));
    both.plan(with_pairs({"job_new/job_free"}));
    named.plan(with_pairs({"liblone*!job_new/job_free"}));

    EXPECT_TRUE(lone.result().probes.empty());
    EXPECT_THAT(lone.why_skipped("job_new"), HasSubstr("MODULE!job_new"));
    EXPECT_EQ(both.result().probes.size(), 2U);
    EXPECT_EQ(named.result().probes.size(), 1U);
}

TEST(PairPlanning, a_module_is_chosen_by_its_file_name) {
    FakeProcess process(with_pairs({"liba.so*!job_new/job_free"}));
    FakeModule a("/lib/liba.so.1");
    a.function("job_new", 0x2000).function("job_free", 0x2100);
    FakeModule b("/lib/libb.so.1");
    b.function("job_new", 0x2000).function("job_free", 0x2100);

    process.plan(a, "/lib/liba.so.1");
    process.plan(b, "/lib/libb.so.1");
    const AttachPlan& plan = process.finish();

    EXPECT_EQ(plan.modules[0].probes.size(), 2U);
    EXPECT_EQ(plan.modules[1].probes.size(), 1U);
}

TEST(PairPlanning, a_glob_takes_some_functions_and_is_refused_for_many) {
    FakeProcess few(with_pairs({"pool=pool_*_new/pool_free"}));
    FakeProcess many(with_pairs({"pool=pool_*_new/pool_free"}));
    FakeModule module("/lib/libpool.so");
    FakeModule large("/lib/libpool.so");
    for (uint64_t i = 0; i < 9; ++i) {
        const std::string name = "pool_" + std::to_string(i) + "_new";
        if (i < 8) module.function(name, 0x2000 + i * 0x10);
        large.function(name, 0x2000 + i * 0x10);
    }
    large.function("pool_free", 0x3000);

    few.plan(module, "/lib/libpool.so");
    many.plan(large, "/lib/libpool.so");

    EXPECT_EQ(few.finish().modules[0].probes.size(), 8U);
    EXPECT_EQ(many.finish().modules[0].probes.size(), 1U);
    EXPECT_THAT(many.why_skipped("pool_*_new"),
                HasSubstr("matches 9 functions (pool_0_new, pool_1_new, pool_2_new, …)"));
}

TEST(PairPlanning, a_cpp_name_has_to_be_that_of_one_function) {
    FakeProcess one(with_pairs({"Foo::open/Foo::close"}));
    FakeProcess several(with_pairs({"Foo::open/Foo::close"}));
    FakeModule single("/bin/one");
    single.function("_ZN3Foo4openEi", 0x2000).function("_ZN3Foo5closeEv", 0x2100).function("_ZN3Foo6openerEv", 0x2200);
    single.function("_ZN3Foo4openEi.cold", 0x2300);
    FakeModule overloaded("/bin/several");
    overloaded.function("_ZN3Foo4openEi", 0x2000)
        .function("_ZN3Foo4openEPKc", 0x2100)
        .function("_ZN3Foo5closeEv", 0x2200);

    one.plan(single, "/bin/one");
    several.plan(overloaded, "/bin/several");

    EXPECT_EQ(one.finish().modules[0].probes.size(), 2U);
    EXPECT_EQ(several.finish().modules[0].probes.size(), 1U);
    EXPECT_THAT(several.why_skipped("Foo::open"), HasSubstr("_ZN3Foo4openEPKc"));
}

TEST(PairPlanning, what_is_nowhere_is_said_once_for_the_whole_process) {
    FakeProcess process(with_pairs({"job_new/job_free"}));
    FakeProcess later(with_pairs({"job_new/job_free"}));
    later.options.whole_process = false;
    FakeModule module("/lib/libjob.so");
    module.function("job_new", 0x2000);

    process.plan(module, "/lib/libjob.so");
    process.finish();
    later.finish();

    EXPECT_EQ(process.why_skipped("job_new"), "not skipped");
    EXPECT_THAT(process.why_skipped("job_free"), HasSubstr("in no module of the process (yet)"));
    EXPECT_TRUE(later.plan_.skipped.empty());
    EXPECT_THAT(process.plan_.found, ElementsAre("job_new"));
    EXPECT_TRUE(later.plan_.found.empty());
}

}  // namespace
}  // namespace whoholds
