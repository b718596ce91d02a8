#include "e2e/whoholds.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "base/human.h"
#include "e2e/places.h"

namespace whoholds::e2e {

namespace {

// --sort total lists stacks that hold nothing any more, too.
const std::vector<std::string> kShowEverything = {"--json", "--sort", "total", "--top", "1000000"};
constexpr const char* kNoInterval = "86400";

Launch launch_of(const std::vector<std::string>& arguments, Launch launch) {
    launch.command.emplace_back(whoholds_path());
    const bool is_run = !arguments.empty() && arguments[0] == "run";
    if (is_run) launch.command.emplace_back("run");
    launch.command.insert(launch.command.end(), kShowEverything.begin(), kShowEverything.end());
    launch.command.insert(launch.command.end(), arguments.begin() + (is_run ? 1 : 0), arguments.end());
    return launch;
}

ReportReader parse(const std::optional<std::string>& line) {
    if (!line) return {};
    nlohmann::json report = nlohmann::json::parse(*line, nullptr, false);
    EXPECT_FALSE(report.is_discarded()) << "not JSON: " << line->substr(0, 2000);
    if (report.is_discarded()) return {};
    return ReportReader(std::move(report));
}

bool names_interval(const std::vector<std::string>& arguments) {
    return !arguments.empty() && !arguments.back().empty() &&
           arguments.back().find_first_not_of("0123456789.") == std::string::npos &&
           (arguments.size() == 1 || !arguments[arguments.size() - 2].starts_with("--"));
}

}  // namespace

Whoholds::Whoholds(const std::vector<std::string>& arguments, const Launch& launch)
    : process_(std::make_unique<Process>(launch_of(arguments, launch))) {}

Whoholds Whoholds::attach(pid_t pid, const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"-p", std::to_string(pid)};
    all.insert(all.end(), arguments.begin(), arguments.end());
    if (!names_interval(arguments)) all.emplace_back(kNoInterval);
    Whoholds whoholds(all);
    const bool attached = whoholds.wait_attached();
    EXPECT_TRUE(attached) << "whoholds did not attach: " << whoholds.process_->errors().all();
    return whoholds;
}

bool Whoholds::wait_attached() { return process_->errors().next_with("attached to").has_value(); }

ReportReader Whoholds::next_report() { return parse(process_->output().next()); }

ReportReader Whoholds::later_report() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    const std::string now = iso8601_utc(int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
    // A report bears the time at which its numbers were complete: one that does so after now may have been begun before.
    ReportReader report = next_report();
    while (report.root().is_object() && text_of(report.root(), "time") <= now) report = next_report();
    return next_report();
}

ReportReader Whoholds::finish() {
    process_->send_signal(SIGINT);
    return wait_final();
}

ReportReader Whoholds::wait_final() {
    ReportReader last;
    while (std::optional<std::string> line = process_->output().next()) last = parse(line);
    const int exit_code = wait();
    EXPECT_EQ(exit_code, 0) << errors();
    EXPECT_TRUE(last.is_final()) << "the last report is not final: " << errors();
    return last;
}

std::string Whoholds::errors() {
    process_->errors().join();
    return process_->errors().all();
}

bool long_tests() {
    const char* wanted = std::getenv("WHOHOLDS_LONG_TESTS");
    return wanted != nullptr && *wanted != '\0' && *wanted != '0';
}

void E2eTest::SetUp() {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: attaches BPF programs";
}

ReportReader trace(Puppet& puppet, const std::vector<std::string>& commands,
                   const std::vector<std::string>& arguments) {
    Whoholds whoholds = Whoholds::attach(puppet.pid(), arguments);
    for (const std::string& command : commands) puppet.command(command);
    return whoholds.finish();
}

}  // namespace whoholds::e2e
