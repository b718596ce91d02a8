#include "whoholds/outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/replace_file.h"
#include "report/cut_report.h"

namespace whoholds {

Result<Outputs> Outputs::open(const Options& options, const FormatOptions& format_options) {
    return open(options, format_options, isatty(STDOUT_FILENO) == 1);
}

Result<Outputs> Outputs::open(const Options& options, const FormatOptions& format_options, bool to_terminal) {
    Outputs outputs;
    outputs.format_options_ = format_options;
    outputs.quiet_ = options.quiet || (options.thresholds.any() && !options.has_interval);
    if (!options.on_report.empty()) {
        outputs.at_threshold_ = format_of_file(options.on_report);
        outputs.threshold_file_ = options.on_report;
        WH_TRY_VOID(check_replaceable(outputs.threshold_file_));
    }
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

std::string Outputs::written(Report report, const Format& format, bool color) const {
    FormatOptions options = format_options_;
    options.color = color;
    if (format.wants_all) return format.write(report, options);
    cut_report(report, options.top);
    return format.write(report, options);
}

std::string Outputs::standard_output(const Report& report) {
    const bool is_out_of_turn = !report.reasons.empty() && at_threshold_ == nullptr;
    if (!report.final && !prints_every_report() && !is_out_of_turn) return {};
    Report shown = report;
    if (on_screen_->is_watched) order_.apply(shown);
    return written(std::move(shown), *on_screen_, format_options_.color);
}

Result<void> Outputs::deliver(const Report& report) {
    if (metrics_)
        metrics_->publish({write_openmetrics(report, format_options_), write_prometheus(report, format_options_)});
    if (pusher_) pusher_->push(report, format_options_.top_processes);
    if (!report.reasons.empty()) WH_TRY_VOID(deliver_out_of_turn(report));
    if (in_file_ == nullptr || !report.final) return {};
    return replace_file(file_, written(report, *in_file_, false));
}

// "oom.html" -> "oom-20261121T030405.123Z.html"
Result<void> Outputs::deliver_out_of_turn(const Report& report) {
    if (at_threshold_ == nullptr) return {};
    std::string time = report.time;
    std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
    std::string file = threshold_file_;
    file.insert(file.size() - at_threshold_->ending.size(), '-' + time);
    WH_TRY_VOID(replace_file(file, written(report, *at_threshold_, false)));
    written_to_ = fmt::format("{}; the report is in {}", fmt::join(report.reasons, "; "), file);
    return {};
}

std::string Outputs::complaint(bool at_end) {
    if (!written_to_.empty()) return std::exchange(written_to_, {});
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
