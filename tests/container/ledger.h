// Ledger: the puppet of that name in a container, commanded through podman's pipes; and the comparison of what it counted with
// what whoholds reported. Used by the tests of this folder.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "container/podman.h"
#include "e2e/report_reader.h"

namespace whoholds::container {

class Ledger {
public:
    // Runs the image, which must have the puppet at its entry, under this name; flags go to podman, arguments behind the image.
    Ledger(Podman& podman, std::string name, const std::string& image, const Arguments& flags = {},
           const Arguments& arguments = {});
    // A second process in the container of the first.
    Ledger(Podman& podman, const Ledger& first);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    // What follows DONE; a failed command fails the test.
    std::string command(const std::string& text);
    // Some work that is counted: from a mark to what the puppet says that it holds.
    nlohmann::json work();
    // As the host counts it: what the container runs, or the only child of that.
    [[nodiscard]] pid_t host_pid() const { return podman_.pid_of(name_); }
    [[nodiscard]] const std::string& name() const { return name_; }
    // Of its container, all of it.
    [[nodiscard]] std::string id() const { return podman_.id_of(name_); }

private:
    std::string answer();

    Podman& podman_;
    std::string name_;
    bool owns_container_ = true;
    std::unique_ptr<e2e::Process> process_;
};

// Every call site and the whole: count and bytes, acquired, released and held.
void expect_exact(const nlohmann::json& ledger, const e2e::ReportReader& report);

// The report of one process out of a report of several.
e2e::ReportReader report_of(const e2e::ReportReader& report, pid_t pid);

}  // namespace whoholds::container
