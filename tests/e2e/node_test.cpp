// The functions of JavaScript in stacks, by a ledger: a program that notes which lines run whenever it takes something, under each Node that this
// machine has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "e2e/ledger_script.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

// Of the system and of nvm.
std::vector<std::string> nodes() {
    std::set<std::filesystem::path> found;
    std::error_code error;
    const auto add = [&](const std::filesystem::path& path) {
        const auto file = std::filesystem::canonical(path, error);
        if (!error && std::filesystem::is_regular_file(file, error)) found.insert(file);
    };
    for (const char* path : {"/usr/bin/node", "/usr/local/bin/node"}) add(path);
    if (const char* home = std::getenv("HOME"))
        for (const auto& version :
             std::filesystem::directory_iterator(std::string(home) + "/.nvm/versions/node", error))
            add(version.path() / "bin/node");
    return {found.begin(), found.end()};
}

// Constructors of classes are told apart by a word behind the file.
constexpr const char* kNew = " (new)";
using Line = std::pair<std::string, int>;
using Chain = std::vector<Line>;

bool is_of_puppet(const std::string& file) { return file.ends_with("/node_puppet.js") || file == "generated.js"; }

Chain chain_of(const json& stack) {
    Chain chain;
    for (const json& frame : stack["frames"])
        if (text_of(frame, "module") == "[javascript]" && is_of_puppet(text_of(frame, "file"))) {
            const json line = frame.value("line", json());
            const bool is_constructor = text_of(frame, "function").starts_with("new ");
            chain.emplace_back(text_of(frame, "file") + (is_constructor ? kNew : ""),
                               line.is_number() ? line.get<int>() : 0);
        }
    return chain;
}

std::string text_of_chain(const Chain& chain) {
    std::string text;
    for (const auto& [file, line] : chain)
        text += "  " + file.substr(file.rfind('/') + 1) + ":" + std::to_string(line) + "\n";
    return text.empty() ? "  (no functions of the program)\n" : text;
}

// V8 and Node open files for themselves, while any function runs.
bool is_opened_for_the_program(const json& stack) {
    for (const json& frame : stack["frames"]) {
        if (text_of(frame, "module") == "[javascript]") return false;
        const std::string function = text_of(frame, "function");
        if (function.empty() || function.find("fs_open") != std::string::npos) return true;
    }
    return false;
}

std::map<Chain, Sum> acquired_by_chain(const ReportReader& report, const std::string& kind) {
    std::map<Chain, Sum> found;
    for (const json& stack : report.stacks(kind))
        if (kind != "fd" || is_opened_for_the_program(stack)) found[chain_of(stack)] += sum_of(stack["acquired"]);
    return found;
}

std::map<Chain, uint64_t> ledger_of(const json& ledger, const std::string& kind) {
    std::map<Chain, uint64_t> chains;
    for (const json& one : ledger["taken"]) {
        if (one[0] != kind) continue;
        Chain chain;
        for (const json& line : one[1]) chain.emplace_back(line[0].get<std::string>() + (line[2] ? kNew : ""), line[1]);
        chains[chain]++;
    }
    return chains;
}

bool has_unknown_line(const Chain& chain) {
    return std::ranges::any_of(chain, [](const Line& line) { return line.second == 0; });
}

// Each chain that is named is one of the ledger, and stands for no more than that says. What V8 does not say of a loop that was replaced while
// it ran, or of calls in code of its middle compiler, is left open; `most_open`: of so many.
void expect_counts(const std::map<Chain, uint64_t>& expected, const std::map<Chain, Sum>& seen, double most_open) {
    EXPECT_FALSE(expected.empty());
    uint64_t in_ledger = 0;
    uint64_t named = 0;
    uint64_t open = 0;
    for (const auto& [chain, count] : expected) in_ledger += count;
    for (const auto& [chain, sum] : seen) {
        if (sum.count == 0 || chain.empty()) continue;
        const auto found = expected.find(chain);
        (has_unknown_line(chain) ? open : named) += sum.count;
        if (has_unknown_line(chain)) continue;
        if (found == expected.end())
            ADD_FAILURE() << "not in the ledger:\n" << text_of_chain(chain);
        else
            EXPECT_LE(sum.count, found->second) << text_of_chain(chain);
    }
    EXPECT_EQ(named + open, in_ledger);
    EXPECT_LE(static_cast<double>(open), most_open * static_cast<double>(in_ledger));
}

class NodeStacks : public E2eTest {
protected:
    // before: what each site is asked before the program is attached to.
    static void expect_ledger(const std::string& node, const std::vector<std::string>& before, double most_open) {
        SCOPED_TRACE(node);
        LedgerScript program({node, target_path("node_puppet.js")});
        const json sites = json::parse(program.ask("ledger"), nullptr, false)["sites"];
        for (const json& site : sites)
            for (const std::string& word : before) program.ask(word + " " + site.get<std::string>());
        Whoholds whoholds = Whoholds::attach(program.pid());
        program.ask("mark");
        for (const json& site : sites) program.ask("run " + site.get<std::string>() + " 3");
        const json ledger = json::parse(program.ask("ledger"), nullptr, false);
        const ReportReader report = whoholds.finish();

        ASSERT_TRUE(ledger.is_object());
        EXPECT_EQ(report.process()["runtime"], "node");
        expect_counts(ledger_of(ledger, "fd"), acquired_by_chain(report, "fd"), most_open);
        if (before.empty())
            expect_ledger_blocks(ledger_of(ledger, "heap"), acquired_by_chain(report, "heap"), text_of_chain);
    }
};

TEST_F(NodeStacks, of_interpreted_functions_are_those_of_the_programs_own_ledger) {
    if (nodes().empty()) GTEST_SKIP() << "there is no node";
    for (const std::string& node : nodes()) expect_ledger(node, {}, 0.1);
}

TEST_F(NodeStacks, of_optimized_functions_are_those_of_the_programs_own_ledger) {
    if (nodes().empty()) GTEST_SKIP() << "there is no node";
    for (const std::string& node : nodes()) expect_ledger(node, {"heat"}, 0.7);
}

}  // namespace
}  // namespace whoholds::e2e
