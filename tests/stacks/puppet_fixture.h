// A puppet and a checker that is attached to it. Used by the tests of this folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "e2e/process.h"
#include "stacks/checker.h"

namespace whoholds::stacks {

using Frames = std::vector<uint64_t>;  // innermost first

class PuppetFixture : public ::testing::Test {
protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
        puppet_.emplace(e2e::Launch{.command = {WH_STACKS_PUPPET}, .environment = {}, .in_child = nullptr});
        ASSERT_EQ(puppet_->output().next(), "DONE ready");
    }

    void attach() {
        auto checker = Checker::attach(puppet_->pid(), {.ring_bytes = 256u << 20});
        if (!checker && checker.error().code == ErrorCode::kUnsupported) GTEST_SKIP() << checker.error().message;
        ASSERT_TRUE(checker) << checker.error().message;
        checker_.emplace(*std::move(checker));
        checker_->set_observer([this](const check_event& event) {
            const Frames frames(event.frames, event.frames + event.frame_count);
            seen_.push_back({frames, static_cast<wh_stack_status>(event.status)});
        });
        const auto started = checker_->start();
        ASSERT_TRUE(started) << started.error().message;
    }

    // The puppet's answer behind "DONE ".
    std::string command(const std::string& text) {
        puppet_->write_line(text);
        const std::string answer = puppet_->output().next().value_or("");
        EXPECT_TRUE(answer.starts_with("DONE")) << text << ": " << answer;
        return answer.size() > 5 ? answer.substr(5) : "";
    }

    // Runs a scenario, and compares all of its events before anything else is mapped.
    void run(const std::string& scenario, int times = 1) {
        command("run " + scenario + " " + std::to_string(times));
        if (checker_)
            while (checker_->drain() != 0) {}
    }

    void expect_no_difference() {
        EXPECT_EQ(checker_->comparison().tally().different, 0u);
        for (const std::string& example : checker_->comparison().examples())
            if (example.starts_with("DIFFERENT")) ADD_FAILURE() << example;
        EXPECT_EQ(checker_->lost(), 0u);
    }

    struct Seen {
        Frames frames;
        wh_stack_status status;
    };

    std::optional<e2e::Process> puppet_;
    std::optional<Checker> checker_;
    std::vector<Seen> seen_;
};

}  // namespace whoholds::stacks
