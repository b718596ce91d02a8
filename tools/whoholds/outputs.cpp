#include "whoholds/outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/replace_file.h"
#include "report/cut_report.h"

namespace whoholds {

Result<Outputs> Outputs::open(const Options& options, const FormatOptions& format_options) {
    return open(options, format_options, isatty(STDOUT_FILENO) == 1);
}

Result<Outputs> Outputs::open(const Options& options, const FormatOptions& format_options, bool to_terminal) {
    Outputs outputs;
    outputs.format_options_ = format_options;
    outputs.quiet_ = options.quiet;
    if (options.metrics_at) {
        WH_TRY(outputs.metrics_, MetricsServer::start(*options.metrics_at));
    }
    if (options.push_to) {
        WH_TRY(outputs.pusher_, Pusher::start(*options.push_to));
    }
    const Format* format = find_format(options.format);
    if (options.output.empty()) {
        outputs.on_screen_ = format;
        if (format->is_binary && to_terminal)
            return Error{ErrorCode::kInvalidArgument, options.format +
                                                          " is binary, and standard output is a terminal: give a file "
                                                          "with -o FILE" +
                                                          std::string(format->ending) + ", or redirect it"};
        return outputs;
    }
    outputs.on_screen_ = find_format("text");
    outputs.in_file_ = format;
    outputs.file_ = options.output;
    WH_TRY_VOID(check_replaceable(outputs.file_));
    return outputs;
}

std::string Outputs::written(const Report& report, const Format& format, bool color) const {
    FormatOptions options = format_options_;
    options.color = color;
    if (format.wants_all) return format.write(report, options);
    Report shown = report;
    cut_report(shown, options.top);
    return format.write(shown, options);
}

std::string Outputs::standard_output(const Report& report) const {
    if (!report.final && !prints_every_report()) return {};
    return written(report, *on_screen_, format_options_.color);
}

Result<void> Outputs::deliver(const Report& report) {
    if (metrics_)
        metrics_->publish({write_openmetrics(report, format_options_), write_prometheus(report, format_options_)});
    if (pusher_) pusher_->push(report, format_options_.top_processes);
    if (in_file_ == nullptr || !report.final) return {};
    return replace_file(file_, written(report, *in_file_, false));
}

std::string Outputs::complaint(bool at_end) {
    if (!pusher_) return {};
    if (!at_end) return pusher_->take_complaint().value_or("");
    const Pusher::Counts counts = pusher_->finish();
    if (counts.failed == 0 && counts.replaced == 0) return {};
    return fmt::format("push: {} reports arrived, {} did not, {} were replaced by newer ones before they were sent",
                       counts.delivered, counts.failed, counts.replaced);
}

Result<std::string> Outputs::deliver_only(const Report& report) const {
    if (in_file_ == nullptr) return written(report, *on_screen_, format_options_.color);
    WH_TRY_VOID(replace_file(file_, written(report, *in_file_, false)));
    return std::string();
}

}  // namespace whoholds
