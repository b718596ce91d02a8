// Stacks as a report shows them: complete, through libraries that come and go, and named by what was there at the time.
#include <unistd.h>

#include <algorithm>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

const std::vector<std::string> kAll = {"--sort", "total", "--top", "100000"};

bool has_function(const json& stack, std::string_view part) {
    return std::ranges::any_of(
        stack["frames"], [&](const json& frame) { return text_of(frame, "function").find(part) != std::string::npos; });
}

bool has_module(const json& stack, std::string_view part) {
    return std::ranges::any_of(
        stack["frames"], [&](const json& frame) { return text_of(frame, "module").find(part) != std::string::npos; });
}

bool ends_where_stacks_end(const json& stack) {
    if (stack["frames"].empty()) return false;
    const std::string last = text_of(stack["frames"].back(), "function");
    return last == "_start" || last.starts_with("clone") || last.starts_with("__clone") || last == "__start_context";
}

uint64_t count_of(const json& stacks, bool complete) {
    uint64_t count = 0;
    for (const json& stack : stacks)
        if (stack.value("complete", false) == complete) count += sum_of(stack["acquired"]).count;
    return count;
}

TEST_F(E2eTest, T32_ordinary_code_is_complete_to_its_first_function) {
    Puppet puppet("stacks_puppet");

    const ReportReader report = trace(puppet,
                                      {"run templates", "run standard_library", "run exceptions", "run quick_sort",
                                       "run stack_arrays", "run realigned_frames", "run tail_calls", "run c_library",
                                       "run threads", "run raised_signals", "run busy_frame_pointer"},
                                      kAll);

    ASSERT_GT(report.stacks("heap").size(), 50U);
    for (const json& stack : report.stacks("heap")) {
        EXPECT_TRUE(stack.value("complete", false)) << stack;
        EXPECT_TRUE(ends_where_stacks_end(stack)) << stack;
    }
}

// Two libraries of one size take turns at one place, hundreds of times. Whatever stack claims to be complete names the library
// that was there, and goes through it to the end: the libraries differ in the sizes of their frames alone.
TEST_F(E2eTest, T17_T32_libraries_that_take_turns_at_one_place) {
    Puppet puppet("stacks_puppet");
    std::vector<std::string> commands;
    for (int i = 0; i < 100; i++)
        for (const char* name : {"run even_library 2", "run odd_library 2"}) commands.emplace_back(name);

    const ReportReader report = trace(puppet, commands, kAll);

    for (const json& stack : report.stacks("heap")) {
        if (!stack.value("complete", false)) continue;
        EXPECT_TRUE(ends_where_stacks_end(stack)) << stack;
        bool even = has_module(stack, "libstacks_even");
        bool odd = has_module(stack, "libstacks_odd");
        EXPECT_FALSE(even && odd) << stack;
        if (even || odd) {
            EXPECT_TRUE(has_function(stack, "stacks_library_run")) << stack;
        }
    }
    // They come and go too fast for all to be known; what is not complete says so.
    EXPECT_GT(report.stacks("heap").size(), 0U);
}

TEST_F(E2eTest, T17_code_that_was_loaded_after_the_attach_is_known_within_a_second) {
    if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "the distribution's python3 is not installed";
    // Loads extension modules one after the other while it is watched, and uses them.
    Process script({.command = {"/usr/bin/python3", "-c",
                                "import sys, time\n"
                                "print('ready', flush=True)\n"
                                "sys.stdin.readline()\n"
                                "import json, zlib, sqlite3, ctypes, decimal, array, bisect\n"
                                "end = time.monotonic() + 2\n"
                                "while time.monotonic() < end:\n"
                                "    db = sqlite3.connect(':memory:'); db.execute('create table t(a)')\n"
                                "    db.executemany('insert into t values(?)', [(i,) for i in range(20)])\n"
                                "    zlib.compress(b'x' * 10000); decimal.Decimal(1) / 7\n"
                                "    array.array('d', range(5000))\n"
                                "print('done', flush=True)\n"
                                "sys.stdin.readline()\n"}});
    ASSERT_TRUE(script.output().next_with("ready"));

    Whoholds whoholds = Whoholds::attach(script.pid(), kAll);
    script.write_line("go");
    ASSERT_TRUE(script.output().next_with("done"));
    const ReportReader report = whoholds.finish();

    const uint64_t complete = count_of(report.stacks("heap"), true);
    const uint64_t incomplete = count_of(report.stacks("heap"), false);
    EXPECT_GT(complete, 1000U);
    EXPECT_LT(incomplete * 100, complete) << incomplete << " of " << complete + incomplete;
}

TEST_F(E2eTest, names_of_code_that_a_jit_made) {
    const std::string node = find_program("node");
    if (node.empty()) GTEST_SKIP() << "node is not installed";
    // Compiled soon, and called often enough to be compiled again.
    Process script(
        {.command = {node, "--perf-basic-prof", "-e",
                     "const held = [];\n"
                     "function takeBuffers(n) { for (let i = 0; i < n; i++) held.push(Buffer.alloc(20000)); }\n"
                     "for (let i = 0; i < 20000; i++) { takeBuffers(1); if (held.length > 50) held.length = 0; }\n"
                     "console.log('ready');\n"
                     "process.stdin.on('data', () => { takeBuffers(200); console.log('done'); });\n"}});
    ASSERT_TRUE(script.output().next_with("ready"));
    const std::string map = "/tmp/perf-" + std::to_string(script.pid()) + ".map";

    Whoholds whoholds = Whoholds::attach(script.pid(), kAll);
    script.write_line("go");
    ASSERT_TRUE(script.output().next_with("done"));
    const ReportReader report = whoholds.finish();
    unlink(map.c_str());

    uint64_t by_name = 0;
    for (const json& stack : report.stacks("heap"))
        if (has_function(stack, "takeBuffers")) by_name += sum_of(stack["acquired"]).count;
    EXPECT_GE(by_name, 200U);
    EXPECT_EQ(count_of(report.stacks("heap"), false), 0U) << "V8 keeps frame pointers";
}

TEST_F(E2eTest, T27_stacks_of_the_program_that_was_executed) {
    Puppet puppet("traps");

    std::vector<std::string> arguments = kAll;
    arguments.emplace_back("0.2");
    Whoholds whoholds = Whoholds::attach(puppet.pid(), arguments);
    EXPECT_EQ(puppet.command("exec"), "executed");
    ASSERT_TRUE(whoholds.process().errors().next_with("executed another program"));
    for (int i = 0; i < 3; i++) whoholds.next_report();  // the new program has been attached to by then
    puppet.command("caller");
    const ReportReader report = whoholds.finish();

    ASSERT_EQ(report.caller("trap_caller_exact").held, (Sum{1, 1101}));
    for (const json& stack : report.stacks("heap")) {
        if (!has_function(stack, "trap_caller_exact")) continue;
        EXPECT_TRUE(stack.value("complete", false)) << stack;
        EXPECT_TRUE(ends_where_stacks_end(stack)) << stack;
    }
}

}  // namespace
}  // namespace whoholds::e2e
