// A program in a scripting language that notes which lines run whenever it takes something: how tests speak to it, and hold reports against
// what it noted. Used by the tests of Python's and of JavaScript's frames, which differ in what a line of a chain is.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "e2e/whoholds.h"

namespace whoholds::e2e {

constexpr uint64_t kLedgerBlockBytes = 100'033;  // of each block of the heap that it takes

class LedgerScript {
public:
    explicit LedgerScript(std::vector<std::string> command) : process_({.command = std::move(command)}) {
        EXPECT_TRUE(process_.output().next_with("DONE")) << process_.errors().all();
    }
    std::string ask(const std::string& text) {
        process_.write_line(text);
        const std::string answer = process_.output().next_with("DONE").value_or("");
        EXPECT_NE(answer, "") << text << ": " << process_.errors().all();
        return answer.size() > 5 ? answer.substr(5) : "";
    }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }

private:
    Process process_;
};

// Whatever else those lines take, they took these blocks.
template <class Chain>
void expect_ledger_blocks(const std::map<Chain, uint64_t>& expected, const std::map<Chain, Sum>& seen,
                          std::string (*text_of)(const Chain&)) {
    EXPECT_FALSE(expected.empty());
    for (const auto& [chain, count] : expected) {
        const auto found = seen.find(chain);
        const uint64_t bytes = found == seen.end() ? 0 : found->second.bytes;
        EXPECT_GE(bytes, count * kLedgerBlockBytes) << text_of(chain);
        EXPECT_LT(bytes, (count + 1) * kLedgerBlockBytes) << text_of(chain);
    }
}

}  // namespace whoholds::e2e
