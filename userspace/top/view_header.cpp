// Above the table: the process, its memory, what was found, what is wrong with the numbers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"
#include "top/view.h"

namespace whoholds {
namespace {

constexpr size_t kClockAt = 11;  // of "2026-11-21T03:04:05.123Z"
constexpr size_t kClockLength = 8;

ScreenLine spread(const std::string& left, Look left_look, std::string right, Look right_look, size_t width) {
    const size_t room = width > display_width(right) + 1 ? width - display_width(right) - 1 : 0;
    return {{pad_right(cut_tail(left, room), room) + ' ', left_look}, {std::move(right), right_look}};
}

std::string who(const TopState& state, const ProcessReport& process) {
    const std::string command = process.command.empty() ? "unnamed" : printable(process.command);
    std::string text = fmt::format("{} (pid {})", command, process.pid);
    if (process.container && !process.container->pod.empty()) text += " in " + printable(process.container->pod);
    if (state.report->processes.size() > 1) {
        const auto at = static_cast<size_t>(&process - state.report->processes.data());
        text += fmt::format("  [{} of {}]", at + 1, state.report->processes.size());
    }
    const double attached_s = state.report->has_arrivals ? process.attached_s : state.report->attached_s;
    return text + fmt::format("  {} {}  attached {}", process.exited ? "EXITED, ran" : "up",
                              human_age(process.uptime_s), human_age(attached_s));
}

ScreenLine identity_line(const TopState& state, const ProcessReport& process) {
    const std::string& time = state.report->time;
    std::string clock = time.size() >= kClockAt + kClockLength ? printable(time.substr(kClockAt, kClockLength)) : "";
    Look look = Look::kPlain;
    if (!state.ended.empty()) clock = "ENDED", look = Look::kDoubtful;
    if (state.is_paused) clock = "PAUSED " + clock, look = Look::kDoubtful;
    return spread(who(state, process), Look::kBold, clock, look, state.width);
}

const MetricSeries* series_of(const ProcessReport& process, std::string_view name) {
    const auto found = std::ranges::find(process.series, name, &MetricSeries::name);
    return found == process.series.end() ? nullptr : &*found;
}

std::string limit_words(const ProcessReport& process) {
    const MemoryUse& memory = process.memory;
    if (!memory.limit_bytes || *memory.limit_bytes == 0) return "";
    std::string text = "limit " + human_bytes(*memory.limit_bytes);
    if (memory.rss_bytes > 0)
        text += fmt::format(", {:.0f} % used", std::min(999.0, 100 * static_cast<double>(memory.rss_bytes) /
                                                                   static_cast<double>(*memory.limit_bytes)));
    return text;
}

// "RLIMIT_NOFILE in 5 h": when it is reached at the earliest.
std::string short_forecast(const std::optional<Forecast>& forecast) {
    return forecast ? fmt::format("{} in {}", printable(forecast->limit), short_age(forecast->low_s)) : "";
}

ScreenLine memory_line(const TopState& state, const ProcessReport& process) {
    constexpr size_t kBars = 18;
    constexpr size_t kWide = 100;
    if (process.memory.rss_bytes == 0) return {{"RSS not known", Look::kPlain}};
    ScreenLine line = {{"RSS ", Look::kPlain}, {human_bytes(process.memory.rss_bytes), Look::kBold}};
    if (const MetricSeries* rss = series_of(process, "rss_bytes"))
        line.push_back(
            {' ' + sparkline(rss->times_s, rss->values, state.width >= kWide ? 2 * kBars : kBars), Look::kGood});
    std::string rate;
    if (process.rss_growth_bytes_per_min && std::isfinite(*process.rss_growth_bytes_per_min)) {
        const double growth = *process.rss_growth_bytes_per_min;
        rate = std::fabs(growth) < 1 ? " steady" : ' ' + human_signed_bytes(growth) + "/min";
    }
    line.push_back({rate, Look::kPlain});
    if (const std::string limit = limit_words(process); !limit.empty()) line.push_back({" · " + limit, Look::kPlain});
    if (process.memory_forecast) line.push_back({" · " + short_forecast(process.memory_forecast), Look::kDoubtful});
    return line;
}

// "+36.9 MiB/min", "+60 sockets/min": of the first part, which is the most urgent.
std::string rate_of(const Finding& finding) {
    if (finding.parts.empty()) return "";
    const FindingPart& part = finding.parts.front();
    const Rate& rate = part.growth_per_min;
    if (rate.bytes >= 1) return human_signed_bytes(rate.bytes) + "/min";
    if (rate.count <= 0) return "";
    return fmt::format("{} {}/min", human_signed_count(rate.count), printable(part.title));
}

void add_finding(const TopState& state, const Finding& finding, bool is_first, std::vector<ScreenLine>& lines) {
    constexpr size_t kWordWidth = 9;
    constexpr size_t kRateWidth = 15;
    constexpr size_t kMostLines = 2;
    const Look look = finding.verdict == "holding" ? Look::kDoubtful : Look::kBad;
    const std::string rate = pad_right(rate_of(finding), kRateWidth) + "  ";
    std::string forecast = short_forecast(finding.forecast);
    const size_t used = kWordWidth + display_width(rate) + display_width(place_of(finding)) + 2;
    std::string why = printable(finding.reason);
    if (is_first && !forecast.empty() && used + display_width(forecast) > state.width)
        why = std::exchange(forecast, "") + ": " + why;
    lines.push_back({{pad_right(word_of(finding), kWordWidth), look},
                     {rate, Look::kPlain},
                     {place_of(finding), Look::kBold},
                     {forecast.empty() ? "" : "  " + forecast, Look::kDoubtful}});
    if (!is_first) return;
    size_t shown = 0;
    for (const std::string& part : wrap(why, state.width > kWordWidth ? state.width - kWordWidth : 1)) {
        if (shown++ == kMostLines) break;
        lines.push_back({{std::string(kWordWidth, ' ') + part, Look::kPlain}});
    }
}

void add_findings(const TopState& state, const ProcessReport& process, std::vector<ScreenLine>& lines) {
    constexpr size_t kTall = 30;
    const size_t most = state.height >= kTall ? 4 : 2;
    if (process.findings.empty()) {
        if (!process.why_no_verdict.empty())
            lines.push_back({{"NO VERDICT  ", Look::kBold}, {printable(process.why_no_verdict), Look::kPlain}});
        else
            lines.push_back(
                {{"STEADY   ", Look::kGood}, {"nothing of what is followed was seen to grow", Look::kPlain}});
        return;
    }
    for (size_t i = 0; i < process.findings.size() && i < most; i++)
        add_finding(state, process.findings[i], i == 0, lines);
    if (process.findings.size() > most)
        lines.push_back({{fmt::format("         and {} more: f", process.findings.size() - most), Look::kPlain}});
}

}  // namespace

std::string short_age(double seconds) {
    const std::string age = human_age(seconds);
    return age.substr(0, age.find(' ', age.find(' ') + 1));
}

std::string sparkline(const std::vector<double>& times, const std::vector<double>& values, size_t columns) {
    constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    constexpr double kFlat = 0.01;  // of the value: less than that is drawn flat
    const size_t count = std::min(times.size(), values.size());
    if (count == 0 || columns == 0) return "";
    double low = INFINITY;
    double high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!std::isfinite(values[i])) continue;
        low = std::min(low, values[i]);
        high = std::max(high, values[i]);
    }
    if (!(high >= low)) return "";
    const double range = std::max(high - low, kFlat * std::fabs(high));
    const double span = times[count - 1] - times[0];
    const size_t shown = std::min(columns, count);
    std::string text;
    size_t at = 0;
    for (size_t column = 0; column < shown; column++) {
        const double until = times[0] + span * static_cast<double>(column + 1) / static_cast<double>(shown);
        while (at + 1 < count && times[at + 1] <= until) at++;
        const double value = column + 1 == shown ? values[count - 1] : values[at];
        const double part = range > 0 && std::isfinite(value) ? (value - low) / range : 0;
        text += kBars[std::min<size_t>(static_cast<size_t>(std::max(part, 0.0) * 8), 7)];
    }
    return text;
}

std::vector<ScreenLine> header_lines(const TopState& state) {
    const ProcessReport* process = state.shown_process();
    if (process == nullptr) {
        const std::string text = state.report ? "no process is traced" : "the first report is on its way ...";
        return {{{"whoholds top  ", Look::kBold}, {text, Look::kPlain}}};
    }
    std::vector<ScreenLine> lines = {identity_line(state, *process), memory_line(state, *process)};
    add_findings(state, *process, lines);
    const Coverage& coverage = state.report->coverage;
    for (const std::string& warning : coverage.warnings) {
        lines.push_back({{"!! " + printable(warning), Look::kBad}});
        break;
    }
    if (coverage.events_lost > 0)
        lines.push_back({{fmt::format("LOST {} events: numbers may be off by as much; f says more",
                                      exact_count(coverage.events_lost)),
                          Look::kDoubtful}});
    return lines;
}

}  // namespace whoholds
