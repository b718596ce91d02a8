// ProcTables: how many descriptors, sockets and threads /proc says a process has: what whoholds must agree with. Used by the tests of
// descriptors and threads, while nothing moves in the process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ostream>

#include "e2e/report_reader.h"

namespace whoholds::e2e {

struct ProcTables {
    uint64_t descriptors = 0;  // other than sockets
    uint64_t sockets = 0;
    uint64_t threads = 0;
    friend bool operator==(const ProcTables&, const ProcTables&) = default;
};
std::ostream& operator<<(std::ostream& out, const ProcTables& tables);

ProcTables proc_tables_of(pid_t pid);
// What the report says is held.
ProcTables held_tables(const ReportReader& report);

// For each kind: held = acquired - released - lost + before_attach, and the same number is the sum of its stacks.
void expect_balanced(const ReportReader& report);

// What the puppets of descriptors and threads are asked of a report, in numbers only.
uint64_t held_from(const ReportReader& report, const char* function, const char* kind);
// Stacks whose innermost function that is called site_… is this one.
Totals innermost_site(const ReportReader& report, std::string_view site, const std::string& kind);
uint64_t held_before_attach(const ReportReader& report, const char* kind);
// All items of the stacks with this function.
nlohmann::json items_from(const ReportReader& report, std::string_view function, const char* kind);

}  // namespace whoholds::e2e
