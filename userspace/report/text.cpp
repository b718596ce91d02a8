#include <fmt/format.h>

#include <array>
#include <cctype>
#include <cmath>

#include "base/human.h"
#include "base/printable.h"
#include "report/suppressed_words.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

std::string_view color_of(Verdict verdict) {
    constexpr std::array<std::string_view, 3> kColors = {"", "\x1b[33m", "\x1b[1;31m"};
    return kColors[static_cast<size_t>(verdict)];
}

std::string pod_text(const std::optional<Container>& container) {
    if (!container || container->pod.empty()) return "";
    const std::string space = container->pod_namespace.empty() ? "" : container->pod_namespace + '/';
    return printable("pod " + space + container->pod);
}

std::string container_text(const std::optional<Container>& container) {
    constexpr size_t kShortId = 12;  // as docker and crictl show it
    if (!container || (container->name.empty() && container->id.empty())) return "";
    return printable("container " + (container->name.empty() ? container->id.substr(0, kShortId) : container->name));
}

std::string runtime_text(const ProcessReport& process) {
    if (process.runtime == "native") return "";
    std::string name = process.runtime;  // "go", "python"
    if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    return printable(name + (process.runtime_version.empty() ? "" : ' ' + process.runtime_version));
}

void write_identity(const ProcessReport& process, TextOutput& output) {
    std::string pids = fmt::format("pid {}", process.pid);
    if (process.host_pid > 0 && process.host_pid != process.pid) pids += fmt::format(", host {}", process.host_pid);
    if (process.inner_pid > 0 && process.inner_pid != process.pid)
        pids += fmt::format(", {} in its namespace", process.inner_pid);
    const std::string command = process.command.empty() ? "unnamed" : printable(process.command);
    const std::string parts[] = {fmt::format("whoholds  {} ({})", command, pids), pod_text(process.container),
                                 container_text(process.container), runtime_text(process),
                                 (process.exited ? "EXITED, ran " : "up ") + human_age(process.uptime_s)};
    for (const std::string& line : join_parts(parts, output.width(), "   ")) output.line(line);
}

std::string rss_text(const ProcessReport& process) {
    const MemoryUse& memory = process.memory;
    if (memory.rss_bytes == 0 && memory.virtual_bytes == 0) return "RSS not known";
    std::string text = "RSS " + human_bytes(memory.rss_bytes);
    text += process.rss_change_bytes == 0
                ? ", unchanged since attach"
                : ", " + human_signed_bytes(static_cast<double>(process.rss_change_bytes)) + " since attach";
    if (process.exited) return text + " (last seen)";
    if (!process.rss_growth_bytes_per_min || !std::isfinite(*process.rss_growth_bytes_per_min)) return text;
    if (std::fabs(*process.rss_growth_bytes_per_min) < 1) return text + ", steady";
    return text + ", " + human_signed_bytes(*process.rss_growth_bytes_per_min) + "/min";
}

std::string limit_text(const ProcessReport& process) {
    const MemoryUse& memory = process.memory;
    if (!memory.limit_bytes || *memory.limit_bytes == 0) return "";
    std::string text = "limit " + human_bytes(*memory.limit_bytes);
    if (!memory.limit_source.empty()) text += " (" + printable(memory.limit_source) + ')';
    if (process.memory_forecast) return text + ": " + forecast_words(*process.memory_forecast, memory.limit_source);
    if (memory.rss_bytes == 0) return text;
    const double percent = 100 * static_cast<double>(memory.rss_bytes) / static_cast<double>(*memory.limit_bytes);
    return text + (percent > 999 ? ", RSS is far above it" : fmt::format(", RSS is {:.0f} % of it", percent));
}

// "03:04:05 UTC" out of "2026-11-21T03:04:05.123Z".
std::string clock_text(const std::string& time) {
    constexpr size_t kTimeAt = 11;
    constexpr size_t kTimeLength = 8;
    if (time.size() < kTimeAt + kTimeLength) return "";
    return printable(time.substr(kTimeAt, kTimeLength)) + " UTC";
}

constexpr size_t kReasonIndent = 10;
constexpr size_t kSuppressedIndent = 10;

void write_top(const Report& report, TextOutput& output) {
    for (const std::string& reason : report.reasons)
        output.labelled("THRESHOLD", kReasonIndent, printable(reason), Verdict::kDoubtful);
    if (report.final) {
        std::string line = "FINAL REPORT  after " + human_age(report.attached_s);
        if (!report.end_reason.empty()) line += ": " + printable(report.end_reason);
        output.line(line);
    }
    for (const std::string& warning : report.coverage.warnings)
        output.labelled("!!", 2, printable(warning), Verdict::kBad);
    if (!report.processes.empty()) return;
    output.line("whoholds  no process is traced");
    output.blank();
}

}  // namespace

void TextOutput::line(std::string_view text, Verdict verdict) {
    const std::string cut = cut_tail(text, options_.width);
    const std::string_view color = options_.color ? color_of(verdict) : "";
    text_ += color;
    text_ += cut;
    if (!color.empty()) text_ += "\x1b[0m";
    text_ += '\n';
}

void TextOutput::labelled(std::string_view label, size_t label_width, std::string_view text, Verdict verdict) {
    const size_t indent = label_width + 2;
    bool first = true;
    for (const std::string& part : wrap(text, options_.width > indent ? options_.width - indent : 1)) {
        line(pad_right(first ? label : "", indent) + part, verdict);
        first = false;
    }
}

bool is_counted(const KindReport& kind) {
    const bool has_bytes = kind.held.bytes != 0 || kind.acquired.bytes != 0;
    return !has_bytes && (kind.held.count != 0 || kind.acquired.count != 0);
}

std::string growth_text(const std::optional<Rate>& growth, bool final, bool counted) {
    constexpr double kSteadyCount = 0.1;
    constexpr double kAbsurd = 1e18;  // more than an address space a minute: a damaged number, not a rate
    if (!growth) return final ? "n/a" : "not yet";
    // NaN compares false.
    if (!(std::fabs(growth->bytes) < kAbsurd && std::fabs(growth->count) < kAbsurd)) return "n/a";
    if (std::fabs(growth->bytes) >= 1) return human_signed_bytes(growth->bytes);
    if (std::fabs(growth->count) >= kSteadyCount) return human_signed_count(growth->count) + (counted ? "" : " blocks");
    return "steady";
}

std::string age_text(const std::optional<double>& age_s, bool is_at_least) {
    if (!age_s) return "n/a";
    return (is_at_least ? "> " : "") + human_age(*age_s);
}

bool is_brief(const Report& report, const TextOutput& output) {
    return output.options().brief && !report.final && report.reasons.empty();
}

void write_process(const Report& report, const ProcessReport& process, TextOutput& output) {
    write_identity(process, output);
    const double attached_s = report.has_arrivals ? process.attached_s : report.attached_s;
    const std::array<std::string, 4> parts = {"attached " + human_age(attached_s), clock_text(report.time),
                                              rss_text(process), limit_text(process)};
    for (const std::string& line : join_parts(parts, output.width())) output.line(line);
    write_go(process, output);
    output.blank();
    write_findings(report, process, output);
    write_kinds(report, process, output);
    if (is_brief(report, output)) {
        for (const KindReport& kind : process.kinds) write_ranking(report, process, kind, output);
        return;
    }
    write_connections(report, process, output);
    for (const KindReport& kind : process.kinds) write_stacks(report, process, kind, output);
    write_types(report, process, output);
}

std::string write_text(const Report& report, const FormatOptions& options) {
    TextOutput output(options);
    write_top(report, output);
    if (report.has_arrivals) {
        write_processes(report, options.top_processes, output);
    } else {
        for (const ProcessReport& process : report.processes) {
            write_process(report, process, output);
            output.blank();
        }
    }
    if (report.suppressed) {
        output.labelled("SUPPRESSED", kSuppressedIndent, suppressed_words(*report.suppressed));
        output.blank();
    }
    if (is_brief(report, output)) {
        write_what_was_lost(report, output);
    } else if (options.show_coverage) {
        write_coverage(report, output);
    }
    if (!report.final) output.blank();
    return std::move(output).take();
}

}  // namespace whoholds
