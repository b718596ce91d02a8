// Many processes: those that hold most in full, the others summed up, and a line for each that exited.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

constexpr size_t kNameColumns = 28;

Amount held_by(const ProcessReport& process) {
    Amount held;
    for (const KindReport& kind : process.kinds) {
        held.bytes += kind.held.bytes;
        held.count += kind.held.count;
    }
    return held;
}

std::string held_text(const ProcessReport& process) {
    std::string text;
    for (const KindReport& kind : process.kinds) {
        if (kind.held.count == 0) continue;
        text += text.empty() ? "" : ", ";
        text += printable(kind.title) + ' ';
        text += is_counted(kind) ? exact_count(kind.held.count)
                                 : fmt::format("{} in {}", human_bytes(kind.held.bytes), exact_count(kind.held.count));
    }
    return text.empty() ? "nothing" : text;
}

std::string container_name(const ProcessReport& process) {
    constexpr size_t kShortId = 12;
    if (!process.container) return "";
    const Container& container = *process.container;
    const std::string& name = container.name.empty() ? container.pod : container.name;
    return printable(name.empty() ? container.id.substr(0, kShortId) : name);
}

void write_exited(const std::vector<const ProcessReport*>& exited, size_t top, TextOutput& output) {
    Column name{"EXITED SINCE THE LAST REPORT", true, {}};
    Column pid{"pid", false, {}};
    Column container{"container", true, {}};
    Column attached{"attached", false, {}};
    Column held{"held at its end", true, {}};
    const size_t shown = std::min(exited.size(), top);
    for (size_t i = 0; i < shown; i++) {
        const ProcessReport& process = *exited[i];
        name.cells.push_back(cut_tail(process.command.empty() ? "unnamed" : printable(process.command), kNameColumns));
        pid.cells.push_back(std::to_string(process.pid));
        container.cells.push_back(cut_tail(container_name(process), kNameColumns));
        attached.cells.push_back(human_age(process.attached_s));
        held.cells.push_back(held_text(process));
    }
    std::vector<Column> columns = {std::move(name), std::move(pid)};
    if (std::ranges::any_of(container.cells, [](const std::string& cell) { return !cell.empty(); }))
        columns.push_back(std::move(container));
    columns.push_back(std::move(attached));
    columns.push_back(std::move(held));
    for (const std::string& line : layout_table(columns)) output.line(line);
    if (exited.size() > shown) output.line(fmt::format("  and {} more", exact_count(exited.size() - shown)));
    output.blank();
}

}  // namespace

bool holds_more(const ProcessReport& a, const ProcessReport& b) {
    const Amount of_a = held_by(a);
    const Amount of_b = held_by(b);
    return std::pair(of_a.bytes, of_a.count) > std::pair(of_b.bytes, of_b.count);
}

void write_processes(const Report& report, size_t top, TextOutput& output) {
    // Where nobody is left, those that exited are all there is to say.
    const bool is_anyone_left =
        std::ranges::any_of(report.processes, [](const ProcessReport& process) { return !process.exited; });
    std::vector<const ProcessReport*> exited;
    size_t shown = 0;
    size_t others = 0;
    Amount held_by_others;
    for (const ProcessReport& process : report.processes) {
        if (process.exited && (is_anyone_left || shown >= top)) {
            exited.push_back(&process);
        } else if (shown < top) {
            write_process(report, process, output);
            output.blank();
            shown++;
        } else {
            const Amount held = held_by(process);
            held_by_others.bytes += held.bytes;
            held_by_others.count += held.count;
            others++;
        }
    }
    if (others > 0) {
        output.line(fmt::format("{} more processes hold {} in {} together; --top-processes shows more, --json all",
                                exact_count(others), human_bytes(held_by_others.bytes),
                                exact_count(held_by_others.count)));
        output.blank();
    }
    if (!exited.empty()) write_exited(exited, top, output);
}

}  // namespace whoholds
