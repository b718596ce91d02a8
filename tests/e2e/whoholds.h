// Whoholds: the built tool under test, run with --json. Used by every end-to-end test, with the fixture E2eTest below.
// Invariant: every wait is for a line or an end, never for a time.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "e2e/process.h"
#include "e2e/puppet.h"
#include "e2e/report_reader.h"

namespace whoholds::e2e {

class Whoholds {
public:
    // Arguments as given, --json and what shows every stack are added; returns at once.
    explicit Whoholds(const std::vector<std::string>& arguments, const Launch& launch = {});

    // Attached to pid, all probes active, when it returns. Reports only at the end unless arguments name an interval.
    static Whoholds attach(pid_t pid, const std::vector<std::string>& arguments = {});

    // Waits for the line on stderr that says that the probes are active; false if it ended without.
    bool wait_attached();
    // Waits for the next report; an empty one if it ended without.
    ReportReader next_report();
    // Waits for a report that was begun after this call.
    ReportReader later_report();
    // Ends it by SIGINT (or waits, if it ends by itself) and returns the final report. Fails the test unless it exits with 0.
    ReportReader finish();
    ReportReader wait_final();

    int wait() { return process_->wait(); }
    // All of stderr; complete once it has ended.
    std::string errors();
    Process& process() { return *process_; }

private:
    std::unique_ptr<Process> process_;
};

// Seconds and rounds: short by default, long with WHOHOLDS_LONG_TESTS=1.
bool long_tests();

class E2eTest : public ::testing::Test {
protected:
    void SetUp() override;
};

// Attaches, lets the puppet do this, and returns the final report.
ReportReader trace(Puppet& puppet, const std::vector<std::string>& commands,
                   const std::vector<std::string>& arguments = {});

}  // namespace whoholds::e2e
