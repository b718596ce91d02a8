// Where reports go: standard output, the file of -o, who asks for metrics, and who wants profiles. Used by main, which gives each report to both functions.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "publish/metrics_server.h"
#include "publish/pusher.h"
#include "report/formats.h"
#include "report/steady_order.h"
#include "whoholds/options.h"

namespace whoholds {

class Outputs {
public:
    // Refuses what can be known at once to fail at the end: a file that cannot be written, binary output to a terminal.
    static Result<Outputs> open(const Options& options, const FormatOptions& format_options, bool to_terminal);
    static Result<Outputs> open(const Options& options, const FormatOptions& format_options);

    [[nodiscard]] bool wants_every_report() const {
        return prints_every_report() || metrics_ != nullptr || pusher_ != nullptr;
    }

    // What standard output gets of a wide report; "" nothing.
    [[nodiscard]] std::string standard_output(const Report& report);
    // The rest.
    Result<void> deliver(const Report& report);

    // What is to be said on standard error: that a report is in a file, who did not get what they should; "" nothing. At the end
    // with all counts.
    std::string complaint(bool at_end);
    // Of a recording there is one report: it goes into the file, or else what is returned to standard output.
    [[nodiscard]] Result<std::string> deliver_only(const Report& report) const;

private:
    [[nodiscard]] bool prints_every_report() const { return !quiet_ && on_screen_->is_stream; }
    [[nodiscard]] Result<void> deliver_out_of_turn(const Report& report);
    [[nodiscard]] std::string written(Report report, const Format& format, bool color) const;

    FormatOptions format_options_;
    SteadyOrder order_;
    bool quiet_ = false;
    const Format* on_screen_ = nullptr;
    const Format* in_file_ = nullptr;  // nullptr: there is no file
    std::string file_;
    const Format* at_threshold_ = nullptr;  // nullptr: such reports go to standard output
    std::string threshold_file_;
    std::string written_to_;  // that nobody was told of yet
    std::unique_ptr<MetricsServer> metrics_;
    std::unique_ptr<Pusher> pusher_;
};

}  // namespace whoholds
