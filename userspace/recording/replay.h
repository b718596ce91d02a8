// Judges reports again, one after the other, as the session did that made them: what a recording does not keep follows from it.
// Used by `whoholds report` and `whoholds diff`. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "analyze/history.h"
#include "analyze/suppressions.h"
#include "report/report.h"

namespace whoholds {

class Replay {
public:
    // suppressions: nullptr for none; must outlive this.
    explicit Replay(Suppressions* suppressions = nullptr) : suppressions_(suppressions) {}

    // Adds findings, forecasts and series to the report.
    void look(Report& report);

private:
    Suppressions* suppressions_;
    std::map<std::pair<pid_t, std::string>, History> histories_;  // by pid and start
};

}  // namespace whoholds
