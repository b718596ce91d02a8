// Findings: what the numbers of a process mean, each with its reason in one sentence and its evidence. Used by the session and by
// replays, once a report. Pure: the report of now and the history are all that rules see.
//
// The words, which are never used for less:
//   leak     what is held grows steadily over the whole time observed (50 s at least) and still does, of what was acquired in each slice of that
//            time something is still held, and of what became older than some seconds next to nothing was ever given back
//   growing  it grows steadily, but the rest is not known (there are no ages), or old ones are given back as well
//   holding  it does not grow, as far as was seen, but it is in a state that it should not be left in
// Nothing is said of a process before kFewestSeconds and kFewestTrendPoints reports.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "analyze/history.h"
#include "report/report.h"

namespace whoholds {

constexpr double kFewestSeconds = 20;

struct Observed {
    const ProcessReport& process;
    const History& history;
    double time_s = 0;  // of the last look
};

struct FindingRule {
    std::string_view name;  // in JSON
    void (*find)(const Observed& observed, std::vector<Finding>& findings);
};

// A new rule is a function and a row here.
std::span<const FindingRule> finding_rules();

// Sets findings, why_no_verdict, memory_forecast and series of the report.
void judge(ProcessReport& process, const History& history, double time_s);

}  // namespace whoholds
