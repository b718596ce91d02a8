#include "container/tool.h"

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace whoholds::container {

using e2e::Process;
using nlohmann::json;

Arguments report_everything(const std::string& pids) {
    return {"--json", "--sort", "total", "--top", "1000000", "-p", pids, "86400"};
}

Arguments report_container(const std::string& container, const std::string& interval) {
    return {"--json", "--sort", "total", "--top", "1000000", "--container", container, interval};
}

Tool::Tool(const Arguments& arguments)
    : process_(std::make_unique<Process>(e2e::Launch{.command = joined({WH_WHOHOLDS}, arguments)})) {}

Tool::Tool(const Podman& podman, const Arguments& flags, const Arguments& arguments) {
    const Arguments run = {"run", "--rm", "--pull=never", "--network=none"};
    process_ = podman.start(joined(joined(joined(run, flags), {"whoholds"}), arguments));
}

bool Tool::wait_attached(int count) {
    while (count-- > 0)
        if (!process_->errors().next_with("attached to")) return false;
    return true;
}

e2e::ReportReader Tool::next_report() {
    const std::optional<std::string> line = process_->output().next();
    return line ? e2e::ReportReader(json::parse(*line, nullptr, false)) : e2e::ReportReader();
}

e2e::ReportReader Tool::finish() {
    process_->send_signal(SIGINT);
    json last;
    while (std::optional<std::string> line = process_->output().next()) last = json::parse(*line, nullptr, false);
    const int exit_code = wait();
    EXPECT_EQ(exit_code, 0) << wait_errors();
    e2e::ReportReader report(std::move(last));
    EXPECT_TRUE(report.is_final()) << wait_errors();
    return report;
}

std::string Tool::wait_errors() {
    process_->wait();
    process_->errors().join();
    return process_->errors().all();
}

std::vector<pid_t> namespace_pids(pid_t host_pid) {
    std::ifstream status("/proc/" + std::to_string(host_pid) + "/status");
    std::vector<pid_t> pids;
    for (std::string line; std::getline(status, line);) {
        if (!line.starts_with("NSpid:")) continue;
        std::istringstream numbers(line.substr(6));
        for (pid_t pid = 0; numbers >> pid;) pids.push_back(pid);
    }
    return pids;
}

pid_t only_child_of(pid_t host_pid) {
    const std::string pid = std::to_string(host_pid);
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    pid_t child = -1;
    children >> child;
    return child;
}

std::string target_path(const std::string& name) {
    std::string path = std::string(WH_TARGETS_DIR) + "/" + name;
    return access(path.c_str(), R_OK) == 0 ? path : "";
}

}  // namespace whoholds::container
