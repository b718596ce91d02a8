// Tool: whoholds in a container of its own. ContainerTest: the fixture of this folder, skipped where no container starts.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "container/podman.h"
#include "e2e/report_reader.h"

namespace whoholds::container {

// What whoholds is given besides the processes: everything it knows, at the end only.
Arguments report_everything(const std::string& pids);
Arguments report_container(const std::string& container, const std::string& interval = "86400");

class Tool {
public:
    // On the host.
    explicit Tool(const Arguments& arguments);
    // In a container of the image whoholds.
    Tool(const Podman& podman, const Arguments& flags, const Arguments& arguments);

    // Waits until count processes are attached to; false if it ended before.
    bool wait_attached(int count = 1);
    // Waits for the next report; an empty one if it ended without.
    e2e::ReportReader next_report();
    // Ends it by SIGINT; its last report.
    e2e::ReportReader finish();
    // Waits for its end; what it wrote to stderr.
    std::string wait_errors();
    int wait() { return process_->wait(); }

private:
    std::unique_ptr<e2e::Process> process_;
};

// The pids of a process of the host in all namespaces that the host sees, from the host's to its own.
std::vector<pid_t> namespace_pids(pid_t host_pid);
pid_t only_child_of(pid_t host_pid);

// Path of a puppet; "" if it was not built.
std::string target_path(const std::string& name);

class ContainerTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (const std::string why = podman_.why_unusable(); !why.empty()) GTEST_SKIP() << why;
    }

    Podman podman_;
};

}  // namespace whoholds::container
