#include "container/ledger.h"

#include <gtest/gtest.h>

#include <utility>

namespace whoholds::container {

using nlohmann::json;

Ledger::Ledger(Podman& podman, std::string name, const std::string& image, const Arguments& flags,
               const Arguments& arguments)
    : podman_(podman), name_(std::move(name)) {
    const Arguments run = {"run", "--interactive", "--pull=never", "--network=none", "--name=" + name_};
    process_ = podman_.start(joined(joined(joined(run, flags), {image}), arguments));
    answer();
}

Ledger::Ledger(Podman& podman, const Ledger& first) : podman_(podman), name_(first.name_), owns_container_(false) {
    process_ = podman_.start({"exec", "--interactive", name_, "/ledger"});
    answer();
}

Ledger::~Ledger() {
    if (owns_container_) (void)podman_.run({"rm", "--force", "--time=0", name_});
}

std::string Ledger::answer() {
    while (std::optional<std::string> line = process_->output().next()) {
        if (line->starts_with("DONE")) return line->size() > 5 ? line->substr(5) : "";
        ADD_FAILURE() << name_ << ": " << *line;
    }
    process_->errors().join();
    ADD_FAILURE() << name_ << " ended without an answer: " << process_->errors().all();
    return "";
}

std::string Ledger::command(const std::string& text) {
    EXPECT_TRUE(process_->write_line(text)) << name_ << " reads no more commands";
    return answer();
}

json Ledger::work() {
    command("mark");
    command("run 0.3");
    json ledger = json::parse(command("ledger"), nullptr, false);
    EXPECT_TRUE(ledger.is_object());
    return ledger;
}

void expect_exact(const json& ledger, const e2e::ReportReader& report) {
    ASSERT_TRUE(ledger.is_object());
    EXPECT_EQ(report.events_lost(), 0U);
    e2e::Totals sum;
    for (const json& site : ledger["sites"]) {
        e2e::Totals expected;
        expected.acquired = e2e::sum_of(site["acquired"]);
        expected.released = e2e::sum_of(site["released"]);
        expected.held = {expected.acquired.count - expected.released.count,
                         expected.acquired.bytes - expected.released.bytes};
        EXPECT_EQ(report.caller(site["function"].get<std::string>()), expected) << site["function"];
        sum.held += expected.held;
        sum.acquired += expected.acquired;
        sum.released += expected.released;
    }
    EXPECT_GT(sum.acquired.count, 0U);
    EXPECT_EQ(report.kind("heap"), sum);
}

e2e::ReportReader report_of(const e2e::ReportReader& report, pid_t pid) {
    json root = report.root();
    json mine = json::array();
    for (json& process : root["processes"])
        if (process["pid"] == pid) mine.push_back(process);
    EXPECT_EQ(mine.size(), 1U) << "processes with pid " << pid << " in the report";
    root["processes"] = mine;
    return e2e::ReportReader(root);
}

}  // namespace whoholds::container
