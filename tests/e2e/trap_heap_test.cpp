// Traps of heap calls: what fails, moves, nests, is freed by another thread, or finds our tables full.
#include <regex>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

TEST_F(E2eTest, T8_large_malloc_is_one_block_and_no_mapping) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"malloc 10000001"});

    EXPECT_EQ(report.kind("heap").held, (Sum{1, 10000001}));
    EXPECT_EQ(report.kind("mapping").held, (Sum{0, 0}));
}

// Without thread caches and with one arena, a freed address comes back at once, to another thread.
TEST_F(E2eTest, T9_address_reused_by_another_thread) {
    const std::string tunables = "GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1";
    Puppet puppet("traps", {.environment = {tunables}});

    const ReportReader report = trace(puppet, {"pingpong 4 20000 1045"});

    const Totals expected{{0, 0}, {80000, 80000ULL * 1045}, {80000, 80000ULL * 1045}, {}};
    EXPECT_EQ(report.caller("trap_malloc"), expected);
    EXPECT_EQ(report.events_lost(), 0U);
}

TEST_F(E2eTest, T10_realloc_failure_keeps_block) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"realloc_fail"});

    EXPECT_EQ(report.caller("trap_malloc"), (Totals{{1, 1031}, {1, 1031}, {0, 0}, {}}));
    EXPECT_EQ(report.caller("trap_realloc").acquired, (Sum{0, 0}));
}

// The same for a block that had already left the kernel's table of the young.
TEST_F(E2eTest, T10_realloc_failure_keeps_old_block) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"realloc_fail"}, {"--young-slots", "1", "--young-age-ms", "1"});

    EXPECT_EQ(report.caller("trap_malloc"), (Totals{{1, 1031}, {1, 1031}, {0, 0}, {}}));
}

TEST_F(E2eTest, T10_realloc_to_zero_releases) {
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    const std::string result = puppet.command("realloc_zero");
    const ReportReader report = whoholds.finish();

    ASSERT_EQ(result, "null") << "glibc frees";
    EXPECT_EQ(report.caller("trap_malloc"), (Totals{{0, 0}, {1, 1033}, {1, 1033}, {}}));
    EXPECT_EQ(report.kind("heap").held, (Sum{0, 0}));
}

TEST_F(E2eTest, T10_realloc_of_null_acquires) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"realloc_null"});

    EXPECT_EQ(report.caller("trap_realloc"), (Totals{{1, 1035}, {1, 1035}, {0, 0}, {}}));
}

TEST_F(E2eTest, T10_realloc_in_place_takes_the_new_site) {
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    const std::string result = puppet.command("realloc_in_place");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(result, "in place");
    EXPECT_EQ(report.caller("trap_malloc"), (Totals{{0, 0}, {1, 2053}, {1, 2053}, {}}));
    EXPECT_EQ(report.caller("trap_realloc"), (Totals{{1, 2051}, {1, 2051}, {0, 0}, {}}));
}

TEST_F(E2eTest, T10_realloc_that_moves) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"realloc_move"});

    EXPECT_EQ(report.caller("trap_malloc"), (Totals{{0, 0}, {2, 2074}, {2, 2074}, {}}));
    EXPECT_EQ(report.caller("trap_realloc"), (Totals{{1, 301037}, {1, 301037}, {0, 0}, {}}));
}

TEST_F(E2eTest, T11_failed_calls_acquire_nothing) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"failures", "free_null"});

    EXPECT_EQ(report.kind("heap"), Totals());
    EXPECT_EQ(report.kind("mapping"), Totals());
}

TEST_F(E2eTest, T12_posix_memalign_into_a_fresh_page) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"posix_memalign_fresh"});

    EXPECT_EQ(report.caller("trap_posix_memalign"), (Totals{{1, 1041}, {1, 1041}, {0, 0}, {}}));
    EXPECT_EQ(report.kind("heap").held, (Sum{1, 1041}));
}

TEST_F(E2eTest, T15_calls_inside_the_c_library_are_seen) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"strdup"});

    EXPECT_EQ(report.kind("heap").held, (Sum{1, 1043}));
    ASSERT_EQ(report.stacks("heap").size(), 1U);
    EXPECT_NE(report.stacks("heap")[0]["frames"][0]["module"].get<std::string>().find("libc"), std::string::npos);
}

TEST_F(E2eTest, T21_full_young_table_loses_nothing) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"malloc 1047 20000", "free 5000"}, {"--young-slots", "64"});

    EXPECT_EQ(report.caller("trap_malloc"),
              (Totals{{15000, 15000ULL * 1047}, {20000, 20000ULL * 1047}, {5000, 5000ULL * 1047}, {}}));
    EXPECT_EQ(report.events_lost(), 0U);
}

TEST_F(E2eTest, T22_losses_are_counted_not_turned_into_leaks) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"malloc 1049 50000", "free 50000"},
                                      {"--young-slots", "64", "--ring-bytes", "4096", "--backlog-bytes", "4096"});

    const Totals heap = report.kind("heap");
    EXPECT_EQ(heap.acquired, (Sum{50000, 50000ULL * 1049}));
    EXPECT_EQ(heap.held.count, heap.acquired.count - heap.released.count - heap.lost.count);
    EXPECT_LE(heap.held.count, report.loss("releases_lost"));
    if (report.events_lost() == 0) {
        EXPECT_EQ(heap.held, (Sum{0, 0}));
    }
}

// Ten blocks at one address, none released in our sight: each acquire proves that the one before it is gone.
TEST_F(E2eTest, T23_acquire_of_a_held_address_replaces_it) {
    Puppet puppet("traps", {.environment = {"LD_PRELOAD=" + target_path("librows_extra.so")}});

    const ReportReader report = trace(puppet, {"library_malloc je_malloc 1237 10"});

    const Totals caller = report.caller("trap_library_malloc");
    EXPECT_EQ(caller.held, (Sum{1, 1237}));
    EXPECT_EQ(caller.acquired, (Sum{10, 12370}));
    EXPECT_EQ(report.loss("releases_proved"), 9U);
}

// The same once the first ones live in user space.
TEST_F(E2eTest, T23_acquire_of_an_old_held_address_replaces_it) {
    Puppet puppet("traps", {.environment = {"LD_PRELOAD=" + target_path("librows_extra.so")}});

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--young-age-ms", "1", "0.2"});
    puppet.command("library_malloc je_malloc 1237 10");
    for (int i = 0; i < 5; i++) whoholds.next_report();
    puppet.command("library_malloc je_malloc 1237 10");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.caller("trap_library_malloc").held, (Sum{1, 1237}));
    EXPECT_EQ(report.caller("trap_library_malloc").acquired, (Sum{20, 24740}));
}

TEST_F(E2eTest, T31_byte_counters_do_not_wrap) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"churn 20 1073741825"});

    EXPECT_EQ(report.caller("trap_malloc").acquired, (Sum{20, 20ULL * 1073741825}));
    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{0, 0}));
}

TEST_F(E2eTest, T31_event_counters_do_not_wrap) {
    if (!long_tests()) GTEST_SKIP() << "17 million calls: only with WHOHOLDS_LONG_TESTS=1";
    Puppet puppet("traps");
    constexpr uint64_t kCalls = 17'000'000;

    const ReportReader report = trace(puppet, {"churn " + std::to_string(kCalls) + " 1053"});

    EXPECT_EQ(report.caller("trap_malloc").acquired, (Sum{kCalls, kCalls * 1053}));
    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{0, 0}));
}

TEST_F(E2eTest, T3_operator_new_shows_its_caller) {
    const std::string library = system_library("libjemalloc.so.2");
    if (library.empty()) GTEST_SKIP() << "libjemalloc2 is not installed";
    Puppet puppet("traps_cpp", {.environment = {"LD_PRELOAD=" + library}});

    const ReportReader report = trace(puppet, {"new", "new_aligned", "new_array"});

    const std::regex first("trap_new(\\(.*\\))?|.*::trap_new(\\(.*\\))?");
    uint64_t found = 0;
    for (const json& stack : report.stacks("heap")) {
        const std::string function = text_of(stack["frames"][0], "function");
        if (std::regex_match(function, first)) found += stack["held"]["bytes"].get<uint64_t>();
        for (const json& frame : stack["frames"]) EXPECT_NE(frame.value("module", json()), json("[uprobes]")) << stack;
    }
    EXPECT_EQ(found, 1309U);
    EXPECT_EQ(report.kind("heap").held.count, 3U);
}

class CppOperators : public E2eTest, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        const std::string name = GetParam();
        if (name.empty()) return;
        library_ = system_library(name);
        if (library_.empty()) GTEST_SKIP() << name << " is not installed";
    }
    [[nodiscard]] PuppetOptions options() const {
        PuppetOptions options;
        if (!library_.empty()) options.environment = {"LD_PRELOAD=" + library_};
        return options;
    }

private:
    std::string library_;
};

TEST_P(CppOperators, T8_T14_new_is_counted_once) {
    Puppet puppet("traps_cpp", options());

    const ReportReader report = trace(puppet, {"new"});

    EXPECT_EQ(report.kind("heap"), (Totals{{1, 1309}, {1, 1309}, {0, 0}, {}}));
}

TEST_P(CppOperators, T13_every_delete_releases) {
    Puppet puppet("traps_cpp", options());

    const ReportReader report = trace(puppet, {"deletes"});

    const Totals heap = report.kind("heap");
    EXPECT_EQ(heap.held, (Sum{0, 0}));
    EXPECT_GE(heap.acquired.count, 50U) << "50, and those of exceptions inside of nothrow new";
    EXPECT_EQ(heap.released, heap.acquired);
}

TEST_P(CppOperators, T7_T11_new_that_throws_acquires_nothing) {
    if (std::string(GetParam()).starts_with("libmimalloc"))
        GTEST_SKIP() << "it aborts instead of throwing, traced or not";
    Puppet puppet("traps_cpp", options());

    const ReportReader report = trace(puppet, {"new_throws", "new"});

    EXPECT_LT(report.kind("heap").acquired.bytes, uint64_t{1} << 20) << "only the exceptions themselves";
    EXPECT_GE(report.kind("heap").held.count, 1U);
    EXPECT_LT(report.kind("heap").held.bytes, 100'000U);
}

INSTANTIATE_TEST_SUITE_P(Each, CppOperators,
                         ::testing::Values("", "libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"),
                         [](const auto& one) {
                             const std::string name = one.param;
                             return name.empty() ? std::string("libstdcxx") : name.substr(0, name.find_first_of("._"));
                         });

}  // namespace
}  // namespace whoholds::e2e
