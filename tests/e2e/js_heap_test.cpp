// What JavaScript code keeps on V8's heap, by the ledger of a program that says how much that is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class JsHeap : public E2eTest {
protected:
    class Program {
    public:
        Program()
            : process_({.command = {"/usr/bin/node", "--expose-gc", "--no-allocation-site-pretenuring",
                                    target_path("js_heap_puppet.js")}}) {
            EXPECT_TRUE(process_.output().next_with("DONE")) << process_.errors().all();
        }
        // Bytes that the rows of this command take.
        uint64_t ask(const std::string& text) {
            process_.write_line(text);
            const std::string answer = process_.output().next_with("DONE").value_or("");
            EXPECT_NE(answer, "") << text << ": " << process_.errors().all();
            return answer.size() > 5 ? std::strtoull(answer.c_str() + 5, nullptr, 10) : 0;
        }
        [[nodiscard]] pid_t pid() const { return process_.pid(); }

    private:
        Process process_;
    };

    void SetUp() override {
        E2eTest::SetUp();
        if (!std::filesystem::exists("/usr/bin/node")) GTEST_SKIP() << "there is no node";
    }

    // True, and the test is skipped, if this Node's V8 is not one that can be followed.
    static bool is_refused(const ReportReader& report) {
        for (const auto& skipped : report.root()["coverage"]["skipped"])
            if (text_of(skipped, "what") == "JavaScript heap") return true;
        return false;
    }

    // Where makeRow()'s caller makes functions that refer to its rows.
    static void expect_kept_by_a_function(const ReportReader& report) {
        std::ifstream source(target_path("js_heap_puppet.js"));
        int line = 1;
        for (std::string text; std::getline(source, text) && text.find("// kept here") == std::string::npos;) line++;
        uint64_t looked_at = 0;
        for (const auto& stack : report.stacks("js_heap")) {
            if (!stack.contains("kept_at")) continue;
            EXPECT_THAT(stack["frames"].dump(), HasSubstr("listenRow"));  // makeRow may have been inlined
            EXPECT_EQ(text_of(stack["kept_at"], "function"), "listenRow");
            EXPECT_EQ(stack["kept_at"]["line"], line);
            EXPECT_EQ(stack["kept_at"]["count"], stack["kept_at"]["looked_at"]);
            EXPECT_EQ(stack["kept_at"]["functions"], stack["kept_at"]["count"]) << "one for each row";
            looked_at += stack["kept_at"]["looked_at"].get<uint64_t>();
        }
        EXPECT_GT(looked_at, 5U);
    }

    static uint64_t not_judged_bytes(const ReportReader& report) {
        const auto all = report.process()["js_heap_samples"];
        auto samples = all["not_judged_elsewhere"].get<uint64_t>();
        for (const auto& stack : report.stacks("js_heap")) samples += stack["not_judged"].get<uint64_t>();
        return samples * all["each_bytes"].get<uint64_t>();
    }

    static void expect_about(uint64_t seen, uint64_t expected) {
        EXPECT_GT(seen, expected / 100 * 75);
        EXPECT_LT(seen, expected / 100 * 125);
    }
};

TEST_F(JsHeap, is_what_full_collections_find_alive) {
    Program program;
    program.ask("collect");
    Whoholds whoholds = Whoholds::attach(program.pid(), {"--kind", "js_heap,mapping", "0.3"});
    if (is_refused(whoholds.later_report())) GTEST_SKIP() << "this V8 is not one that is known";
    program.ask("keep 100");  // from here on its heap has a table
    whoholds.later_report();

    const uint64_t kept = program.ask("keep 8000");
    const uint64_t held = program.ask("hold 8000");
    const uint64_t dropped = program.ask("drop 8000");
    program.ask("collect");
    const Totals full = whoholds.later_report().kind("js_heap");
    const uint64_t more = program.ask("keep 4000");
    const ReportReader not_judged = whoholds.later_report();
    program.ask("forget");
    program.ask("collect");
    const ReportReader last = whoholds.finish();

    expect_about(full.held.bytes, kept + held);
    expect_about(full.acquired.bytes, kept + held + dropped);
    expect_about(last.kind("js_heap").held.bytes, kept + more);
    // V8 may have looked at some of it.
    expect_about(not_judged.kind("js_heap").held.bytes - full.held.bytes + not_judged_bytes(not_judged), more);
    EXPECT_EQ(not_judged_bytes(last), 0U);
    for (const auto& stack : last.stacks("js_heap")) EXPECT_EQ(stack["samples"], stack["held"]["count"]);
    EXPECT_THAT(last.remarks(), HasSubstr("JavaScript heap: estimated from"));
    EXPECT_THAT(last.remarks(), Not(HasSubstr("JavaScript heap: not told")));
    EXPECT_THAT(last.remarks(), Not(HasSubstr("different things")));
}

// Without any full collection that the program asks for: V8 has the memory for it.
TEST_F(JsHeap, is_counted_from_outside_where_no_collection_tells) {
    Program program;
    program.ask("collect");
    Whoholds whoholds = Whoholds::attach(program.pid(), {"--kind", "js_heap,mapping", "0.5"});
    if (is_refused(whoholds.later_report())) GTEST_SKIP() << "this V8 is not one that is known";
    program.ask("keep 100");
    whoholds.later_report();

    const uint64_t kept = program.ask("keep 3000") + program.ask("listen 3000");
    program.ask("hold 3000");
    program.ask("drop 3000");
    program.ask("forget");
    const auto is_told = [&](const ReportReader& report) {
        return report.remarks().find("counted from outside, 3 times") != std::string::npos;
    };
    constexpr int kReports = 80;
    ReportReader report = whoholds.later_report();
    for (int i = 0; i < kReports && !is_told(report); i++) report = whoholds.later_report();
    if (report.remarks().find("could not be counted from outside: the shapes") != std::string::npos)
        GTEST_SKIP() << "objects of this V8 are not known";
    const Totals counted = report.kind("js_heap");
    program.ask("collect");
    const ReportReader last = whoholds.finish();

    EXPECT_THAT(report.remarks(), HasSubstr("counted from outside, 3 times (0 of them while the program ran)"));
    expect_about(counted.held.bytes, kept);
    expect_kept_by_a_function(report);
    // V8 finds the same, but for what stale words point to.
    EXPECT_LE(last.kind("js_heap").held.count, counted.held.count);
    EXPECT_NEAR(last.kind("js_heap").held.count, counted.held.count, counted.held.count / 8 + 1);
}

TEST_F(JsHeap, of_a_worker_goes_with_it) {
    Program program;
    Whoholds whoholds = Whoholds::attach(program.pid(), {"--kind", "js_heap,mapping", "0.3"});
    if (is_refused(whoholds.later_report())) GTEST_SKIP() << "this V8 is not one that is known";

    program.ask("worker 200");
    whoholds.later_report();  // its heap has a table by now
    const uint64_t kept = program.ask("work 8000");
    const Totals alive = whoholds.later_report().kind("js_heap");
    program.ask("end");
    const Totals ended = whoholds.finish().kind("js_heap");

    expect_about(alive.held.bytes, kept);
    EXPECT_LT(ended.held.bytes, alive.held.bytes / 4);
}

TEST_F(JsHeap, is_not_followed_if_not_wanted) {
    Program program;
    Whoholds whoholds = Whoholds::attach(program.pid(), {"--no-js-samples"});

    const ReportReader report = whoholds.finish();

    for (const auto& probe : report.probes()) EXPECT_THAT(text_of(probe, "symbol"), Not(HasSubstr("_ZN2v88internal")));
    EXPECT_EQ(report.kind("js_heap").acquired, Sum());
}

}  // namespace
}  // namespace whoholds::e2e
