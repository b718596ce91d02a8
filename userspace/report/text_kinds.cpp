// HELD NOW: one row per kind, and below it whatever keeps its numbers from adding up.
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

struct TableStyle {
    bool exact = true;  // every digit of a count
    bool released = true;
};

std::string title_of(const KindReport& kind) { return printable(kind.title.empty() ? kind.kind : kind.title); }

Column amount_column(std::string header, const std::vector<KindReport>& kinds, Amount KindReport::*member, bool exact) {
    std::vector<std::string> bytes;
    std::vector<std::string> counts;
    for (const KindReport& kind : kinds) {
        const Amount& amount = kind.*member;
        bytes.push_back(human_bytes(amount.bytes));
        counts.push_back(exact ? exact_count(amount.count) : human_count(amount.count));
    }
    Column column{std::move(header), false, amounts_in_counts(bytes, counts)};
    for (size_t i = 0; i < kinds.size(); ++i) {
        if (is_counted(kinds[i])) column.cells[i] = counts[i];
    }
    return column;
}

std::vector<std::string> kinds_table(const Report& report, const ProcessReport& process, TableStyle style) {
    Column title{process.exited ? "HELD AT EXIT" : "HELD NOW", true, {}};
    Column bytes{"bytes", false, {}};
    Column count{"count", false, {}};
    Column oldest{"oldest", false, {}};
    Column growth{"per minute", false, {}};
    for (const KindReport& kind : process.kinds) {
        title.cells.push_back(title_of(kind));
        bytes.cells.push_back(is_counted(kind) ? "" : human_bytes(kind.held.bytes));
        count.cells.push_back(style.exact ? exact_count(kind.held.count) : human_count(kind.held.count));
        oldest.cells.push_back(age_text(kind.oldest_s, kind.oldest_is_at_least));
        growth.cells.push_back(growth_text(kind.growth_per_min, report.final, is_counted(kind)));
    }
    std::vector<Column> columns = {std::move(title), std::move(bytes), std::move(count), std::move(oldest),
                                   std::move(growth)};
    columns.push_back(amount_column("allocated in total", process.kinds, &KindReport::acquired, style.exact));
    if (style.released) columns.push_back(amount_column("released", process.kinds, &KindReport::released, style.exact));
    return layout_table(columns);
}

bool fits(const std::vector<std::string>& lines, size_t width) {
    for (const std::string& line : lines) {
        if (display_width(line) > width) return false;
    }
    return true;
}

// held = acquired - released - lost + before attach; modulo 2^64, which is exact as long as no number is off.
bool adds_up(const KindReport& kind) {
    const Amount before = kind.before_attach.value_or(Amount{});
    return kind.held.count == kind.acquired.count - kind.released.count - kind.lost.count + before.count &&
           kind.held.bytes == kind.acquired.bytes - kind.released.bytes - kind.lost.bytes + before.bytes;
}

void write_differences(const KindReport& kind, TextOutput& output) {
    const std::string title = title_of(kind) + ": ";
    const auto say = [&](const std::string& text, Verdict verdict) { output.labelled("", 0, title + text, verdict); };
    if (kind.lost.count != 0) {
        const std::string bytes = is_counted(kind) ? "" : human_bytes(kind.lost.bytes) + " in ";
        say(fmt::format("{}{} {} but not recorded; if still held, held now is too low by as much", bytes,
                        exact_count(kind.lost.count), is_counted(kind) ? "taken" : "allocated"),
            Verdict::kDoubtful);
    }
    if (kind.released_unknown != 0) {
        say(fmt::format("{} more releases were of what was taken before attach (or released twice)",
                        exact_count(kind.released_unknown)),
            Verdict::kNone);
    }
    if (!kind.note.empty()) say(printable(kind.note), adds_up(kind) ? Verdict::kNone : Verdict::kDoubtful);
    if (kind.note.empty() && !adds_up(kind)) {
        say(std::string(is_counted(kind) ? "taken" : "allocated") +
                " less released is not what is held; the numbers of this row do not add up",
            Verdict::kDoubtful);
    }
}

void write_nothing(const Report& report, const ProcessReport& process, TextOutput& output) {
    const std::string heading = process.exited ? "HELD AT EXIT  " : "HELD NOW  ";
    output.line(heading + (report.coverage.probes.empty() ? "not known: no probe is attached"
                                                          : "nothing seen: no allocation since attach"));
}

// RSS is often far above what is held, and this is why.
void write_scope(const Report& report, const ProcessReport& process, TextOutput& output) {
    constexpr double kFromTheStartS = 1;
    if (!process.missed_start && report.attached_s + kFromTheStartS >= process.uptime_s) return;
    std::vector<std::string> unknown;
    for (const KindReport& kind : process.kinds) {
        if (!kind.before_attach) unknown.push_back(title_of(kind));
    }
    if (unknown.empty()) return;
    const bool all = unknown.size() == process.kinds.size();
    const std::string what = all ? "" : fmt::format("{}: ", fmt::join(unknown, ", "));
    if (process.missed_start) {
        const bool after_exec = process.missed_start->after_exec;
        output.labelled("", 0,
                        fmt::format("{}counted from {:.0f} ms after its {} on; what it took earlier{} is not known",
                                    what, std::ceil(process.missed_start->ms), after_exec ? "exec" : "fork",
                                    after_exec ? "" : ", or has from its parent,"));
    } else {
        output.labelled(
            "", 0, fmt::format("{}counted is what was taken since attach; what was held before is not known", what));
    }
}

void write_before_attach(const ProcessReport& process, TextOutput& output) {
    std::vector<std::string> known;
    for (const KindReport& kind : process.kinds) {
        if (kind.before_attach && kind.before_attach->count != 0)
            known.push_back(title_of(kind) + ' ' + exact_count(kind.before_attach->count));
    }
    if (known.empty()) return;
    output.labelled("", 0, fmt::format("counted too, as they were there before attach: {}", fmt::join(known, ", ")));
}

}  // namespace

void write_kinds(const Report& report, const ProcessReport& process, TextOutput& output) {
    if (process.kinds.empty()) return write_nothing(report, process, output);
    std::vector<std::string> lines;
    for (const TableStyle style :
         {TableStyle{true, true}, TableStyle{false, true}, TableStyle{true, false}, TableStyle{false, false}}) {
        lines = kinds_table(report, process, style);
        if (fits(lines, output.width())) break;
    }
    for (const std::string& line : lines) output.line(line);

    if (!is_brief(report, output)) {
        write_scope(report, process, output);
        write_before_attach(process, output);
    }
    for (const KindReport& kind : process.kinds) {
        if (!is_brief(report, output) || kind.lost.count != 0 || !adds_up(kind)) write_differences(kind, output);
    }
    if (report.coverage.events_lost != 0) {
        output.labelled("", 0,
                        fmt::format("{} events were lost: numbers may be off by as many, see COVERAGE",
                                    exact_count(report.coverage.events_lost)),
                        Verdict::kDoubtful);
    }
}

}  // namespace whoholds
