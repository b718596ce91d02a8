// Traps of stacks, of calls that never return, and of libraries that come while we watch.
#include <filesystem>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

TEST_F(E2eTest, T2_direct_caller_is_frame_zero) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"caller"});

    ASSERT_EQ(report.stacks("heap").size(), 1U);
    const json frames = report.stacks("heap")[0]["frames"];
    ASSERT_GE(frames.size(), 3U);
    EXPECT_EQ(frames[0]["function"], "trap_caller_exact");
    EXPECT_EQ(frames[1]["function"], "trap_caller_outer");
    EXPECT_NE(frames[0]["file"].dump().find("traps_calls.c"), std::string::npos);
    EXPECT_GT(frames[0].value("line", 0), 0);
}

TEST_F(E2eTest, T2_direct_caller_is_frame_zero_without_frame_pointers) {
    Puppet puppet("traps_plain");

    const ReportReader report = trace(puppet, {"caller"});

    EXPECT_EQ(report.caller("trap_caller_exact").held, (Sum{1, 1101}));
}

TEST_F(E2eTest, T32_stack_too_deep_is_marked) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"deep 300"});

    EXPECT_EQ(report.caller("trap_deep_leaf").held, (Sum{1, 1103}));
    ASSERT_EQ(report.stacks("heap").size(), 1U);
    const json stack = report.stacks("heap")[0];
    if (stack["frames"].size() < 300) {
        EXPECT_FALSE(stack.value("complete", true));
        EXPECT_TRUE(stack["why_incomplete"].is_string()) << stack["why_incomplete"];
    }
}

TEST_F(E2eTest, T20_full_stack_table_keeps_totals) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"stacks 5000"}, {"--max-stacks", "1000"});

    const Totals expected{{5000, 5000ULL * 1105}, {5000, 5000ULL * 1105}, {0, 0}, {}};
    EXPECT_EQ(report.kind("heap"), expected);
    EXPECT_EQ(report.all_stacks("heap"), expected);
    EXPECT_GT(report.loss("stacks_not_kept"), 0U);
    EXPECT_LT(report.stacks("heap").size(), 5000U);
    uint64_t without_stack = 0;
    for (const json& stack : report.stacks("heap")) {
        if (!stack["frames"].empty()) continue;
        without_stack += sum_of(stack["held"]).count;
        EXPECT_NE(text_of(stack, "why_incomplete").find("full"), std::string::npos) << stack;
    }
    EXPECT_EQ(without_stack, report.loss("stacks_not_kept"));
}

TEST_F(E2eTest, T20_many_stacks_all_kept) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"stacks 5000"});

    EXPECT_EQ(report.kind("heap").held, (Sum{5000, 5000ULL * 1105}));
    EXPECT_EQ(report.all_stacks("heap").held, (Sum{5000, 5000ULL * 1105}));
    EXPECT_EQ(report.caller("trap_pattern_leaf").held, (Sum{5000, 5000ULL * 1105}));
}

PuppetOptions with_slow_malloc() { return {.environment = {"LD_PRELOAD=" + target_path("libslowmalloc.so")}}; }

// More often than a thread may have return probes pending (64).
TEST_F(E2eTest, T7_longjmp_out_of_malloc_is_no_allocation) {
    Puppet puppet("traps", with_slow_malloc());

    const ReportReader report = trace(puppet, {"longjmp 100", "malloc 1051 5"});

    EXPECT_EQ(report.caller("trap_interrupted").acquired, (Sum{0, 0}));
    EXPECT_EQ(report.caller("trap_after_interruption").held, (Sum{100, 110900}));
    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{5, 5255}));
}

TEST_F(E2eTest, T25_thread_that_dies_in_malloc_leaves_nothing) {
    Puppet puppet("traps", with_slow_malloc());

    const ReportReader report = trace(puppet, {"die_in_malloc 100", "threads 100", "malloc 1051 5"});

    EXPECT_EQ(report.caller("trap_interrupted").acquired, (Sum{0, 0}));
    EXPECT_EQ(report.caller("trap_child_malloc").held, (Sum{100, 121100}));
    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{5, 5255}));
}

bool probes_module(const ReportReader& report, const std::string& part) {
    for (const json& probe : report.probes()) {
        if (text_of(probe, "module").find(part) != std::string::npos) return true;
    }
    return false;
}

// Reads reports until one says that the module is probed.
bool wait_for_module(Whoholds& whoholds, const std::string& part) {
    for (ReportReader report = whoholds.next_report(); report.root().is_object(); report = whoholds.next_report()) {
        if (probes_module(report, part)) return true;
    }
    return false;
}

TEST_F(E2eTest, T17_library_opened_after_attach) {
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.1"});
    puppet.command("dlopen " + target_path("librows_extra.so"));
    ASSERT_TRUE(wait_for_module(whoholds, "rows_extra")) << whoholds.errors();
    puppet.command("library_malloc je_malloc 1301 7");
    puppet.command("library_free je_free");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.caller("trap_library_malloc"), (Totals{{6, 7806}, {7, 9107}, {1, 1301}, {}}));
}

TEST_F(E2eTest, T17_library_closed_and_opened_again) {
    Puppet puppet("traps");
    const std::string open = "dlopen " + target_path("librows_extra.so");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.1"});
    puppet.command(open);
    ASSERT_TRUE(wait_for_module(whoholds, "rows_extra"));
    puppet.command("library_malloc je_malloc 1303 1");
    puppet.command("dlclose");
    puppet.command(open);
    for (int i = 0; i < 5; i++) whoholds.next_report();
    puppet.command("library_malloc je_malloc 1303 1");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.caller("trap_library_malloc").acquired, (Sum{2, 2606}));
}

TEST_F(E2eTest, T16_release_by_another_allocator_s_function) {
    Puppet puppet("traps", {.environment = {"LD_PRELOAD=" + target_path("librows_extra.so")}});

    const ReportReader report = trace(puppet, {"library_malloc je_malloc 1305 1", "library_free free_sized"});

    EXPECT_EQ(report.caller("trap_library_malloc"), (Totals{{0, 0}, {1, 1305}, {1, 1305}, {}}));
}

// T42: the path of the allocator is as long as paths get.
TEST_F(E2eTest, T42_allocator_under_a_very_long_path) {
    const TemporaryFolder folder;
    std::string path = folder.path();
    while (path.size() < 3500) path += "/" + std::string(120, 'd');
    std::filesystem::create_directories(path);
    path += "/librows_extra.so";
    std::filesystem::copy_file(target_path("librows_extra.so"), path);
    Puppet puppet("traps", {.environment = {"LD_PRELOAD=" + path}});

    const ReportReader report = trace(puppet, {"library_malloc je_malloc 1307 3"});

    EXPECT_EQ(report.caller("trap_library_malloc").held, (Sum{3, 3921}));
    EXPECT_TRUE(probes_module(report, path)) << "the path is not cut";
}

}  // namespace
}  // namespace whoholds::e2e
