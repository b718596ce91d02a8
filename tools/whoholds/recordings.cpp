#include "whoholds/recordings.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/human.h"
#include "recording/recording_reader.h"
#include "recording/replay.h"
#include "report/difference_words.h"
#include "whoholds/outputs.h"

namespace whoholds {
namespace {

// The last report of at most this time; those before it are replayed. none: the last one of all.
Result<Report> report_at(const std::string& path, std::optional<double> at_s,
                         std::optional<Suppressions> suppressions) {
    WH_TRY(RecordingReader reader, RecordingReader::open(path));
    Replay replay(suppressions ? &*suppressions : nullptr);
    std::optional<Report> last;
    for (;;) {
        WH_TRY(std::optional<Report> report, reader.next());
        if (!report || (at_s && last && report->attached_s > *at_s)) break;
        replay.look(*report);
        last = std::move(report);
    }
    if (!last) return Error{ErrorCode::kMalformed, path + " ends before its first report"};
    if (reader.is_cut())
        last->coverage.notes.push_back(
            "the recording was cut off in the middle of a report; this is the last whole one");
    return *std::move(last);
}

}  // namespace

Result<void> report_recording(const Options& options, const FormatOptions& format, const WriteOut& write_out) {
    WH_TRY(const Outputs outputs, Outputs::open(options, format));
    WH_TRY(const Report report, report_at(options.recordings.front(), options.at_s, options.suppressions));
    WH_TRY(const std::string text, outputs.deliver_only(report));
    write_out(text);
    return {};
}

Result<void> compare_recordings(const Options& options, const FormatOptions& format, const WriteOut& write_out) {
    const std::string& first = options.recordings.front();
    const std::string& second = options.recordings.back();
    const bool is_one = options.recordings.size() == 1;
    WH_TRY(const Report before,
           report_at(first, is_one ? std::optional(options.from_s.value_or(0)) : options.from_s, options.suppressions));
    WH_TRY(const Report after, report_at(second, options.at_s, options.suppressions));
    const ReportDifference difference = difference_of(before, after);
    write_out(options.json ? difference_as_json(before, after, difference)
                           : difference_as_text(before, after, difference, format));
    return {};
}

}  // namespace whoholds
