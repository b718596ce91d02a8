// The frames of Python code, by a ledger: a program that notes which lines run whenever it takes something, under each CPython that this
// machine has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "e2e/ledger_script.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

constexpr int kOldestMinor = 8;
constexpr int kNewestMinor = 13;

// python3.N of the system, or of pyenv; not a wrapper of a version manager, which would be another process for a while.
std::string interpreter(int minor) {
    const std::string name = "python3." + std::to_string(minor);
    std::vector<std::filesystem::path> folders = {"/usr/bin", "/usr/local/bin"};
    std::error_code error;
    if (const char* home = std::getenv("HOME"))
        for (const auto& version : std::filesystem::directory_iterator(std::string(home) + "/.pyenv/versions", error))
            folders.push_back(version.path() / "bin");
    for (const auto& folder : folders)
        if (std::filesystem::is_regular_file(std::filesystem::canonical(folder / name, error), error))
            return std::filesystem::canonical(folder / name, error);
    return "";
}

using Line = std::tuple<std::string, int, std::string>;  // file, line, function
using Chain = std::vector<Line>;

// Without what socket.socket() does inside, which the ledger does not know.
Chain chain_of(const json& stack) {
    Chain chain;
    for (const json& frame : stack["frames"])
        if (text_of(frame, "module") == "[python]" && !text_of(frame, "file").ends_with("/socket.py"))
            chain.emplace_back(text_of(frame, "file"), frame.value("line", 0), text_of(frame, "function"));
    return chain;
}

bool names_interpreters_evaluator(const json& stack) {
    return std::ranges::any_of(stack["frames"], [](const json& frame) {
        return text_of(frame, "function").find("_PyEval_EvalFrame") != std::string::npos;
    });
}

std::map<Chain, Sum> acquired_by_chain(const ReportReader& report, const std::string& kind) {
    std::map<Chain, Sum> found;
    for (const json& stack : report.stacks(kind)) found[chain_of(stack)] += sum_of(stack["acquired"]);
    return found;
}

std::map<Chain, uint64_t> ledger_of(const json& ledger, const std::string& kind) {
    std::map<Chain, uint64_t> chains;
    for (const json& one : ledger["taken"]) {
        if (one[0] != kind) continue;
        Chain chain;
        for (const json& line : one[1]) chain.emplace_back(line[0], line[1], line[2]);
        chains[chain]++;
    }
    return chains;
}

std::string text_of_chain(const Chain& chain) {
    std::string text;
    for (const auto& [file, line, function] : chain)
        text += "  " + function + " " + file.substr(file.rfind('/') + 1) + ":" + std::to_string(line) + "\n";
    return text.empty() ? "  (no frames of Python code)\n" : text;
}

void expect_counts(const std::map<Chain, uint64_t>& expected, const std::map<Chain, Sum>& seen) {
    for (const auto& [chain, count] : expected) {
        const auto found = seen.find(chain);
        EXPECT_EQ(found == seen.end() ? 0 : found->second.count, count) << text_of_chain(chain);
    }
    for (const auto& [chain, sum] : seen)
        if (sum.count > 0 && !expected.contains(chain)) ADD_FAILURE() << "not in the ledger:\n" << text_of_chain(chain);
}

class PythonStacks : public E2eTest, public ::testing::WithParamInterface<int> {};

TEST_P(PythonStacks, are_those_of_the_programs_own_ledger) {
    const std::string path = interpreter(GetParam());
    if (path.empty()) GTEST_SKIP() << "there is no python3." << GetParam();
    LedgerScript program({path, target_path("python_puppet.py")});
    const json sites = json::parse(program.ask("ledger"), nullptr, false)["sites"];
    for (const json& site : sites) program.ask("run " + site.get<std::string>() + " 30");  // specialised by then

    Whoholds whoholds = Whoholds::attach(program.pid());
    program.ask("mark");
    for (const json& site : sites) {
        program.ask("run " + site.get<std::string>() + " 3");
        program.ask("worker " + site.get<std::string>() + " 2");
    }
    const json ledger = json::parse(program.ask("ledger"), nullptr, false);
    const ReportReader report = whoholds.finish();

    ASSERT_TRUE(ledger.is_object());
    EXPECT_EQ(report.process()["runtime"], "python");
    for (const std::string kind : {"fd", "socket"})
        expect_counts(ledger_of(ledger, kind), acquired_by_chain(report, kind));
    expect_ledger_blocks(ledger_of(ledger, "heap"), acquired_by_chain(report, "heap"), text_of_chain);
    for (const std::string kind : {"fd", "socket", "thread"})
        for (const json& stack : report.stacks(kind))
            EXPECT_FALSE(names_interpreters_evaluator(stack)) << text_of_chain(chain_of(stack));
    for (const json& stack : report.stacks("socket")) {
        if (stack["frames"].empty()) continue;  // there before
        EXPECT_EQ(text_of(stack, "headline"), "open_socket");
    }
    program.ask("run plain 1");
}

INSTANTIATE_TEST_SUITE_P(Versions, PythonStacks, ::testing::Range(kOldestMinor, kNewestMinor + 1),
                         [](const auto& one) { return "python3_" + std::to_string(one.param); });

}  // namespace
}  // namespace whoholds::e2e
