#include "recording/replay.h"

#include "analyze/findings.h"

namespace whoholds {

void Replay::look(Report& report) {
    for (ProcessReport& process : report.processes) {
        History& history = histories_[{process.pid, process.start_time}];
        if (suppressions_ != nullptr) suppressions_->take_out_stacks(process);
        history.look(process, report.attached_s);
        judge(process, history, report.attached_s);
        if (suppressions_ != nullptr) suppressions_->take_out_findings(process);
    }
    if (suppressions_ != nullptr) suppressions_->sum_up(report);
}

}  // namespace whoholds
