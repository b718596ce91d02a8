#include "recording/replay.h"

#include "analyze/findings.h"

namespace whoholds {

void Replay::look(Report& report) {
    for (ProcessReport& process : report.processes) {
        History& history = histories_[{process.pid, process.start_time}];
        history.look(process, report.attached_s);
        judge(process, history, report.attached_s);
    }
}

}  // namespace whoholds
