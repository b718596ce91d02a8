// Folded stacks, as flamegraph.pl, inferno and speedscope read them: "command;kind;outermost;...;innermost VALUE".
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "analyze/headline.h"
#include "base/printable.h"
#include "report/flat_stacks.h"
#include "report/formats.h"

namespace whoholds {
namespace {

// A semicolon separates frames; names of Go's anonymous structs have some.
std::string folded_name(std::string_view name) {
    std::string text = printable(name);
    std::ranges::replace(text, ';', ':');
    return text.empty() ? "?" : text;
}

std::string folded_stack(const FlatStack& row, bool with_pid) {
    std::string line = folded_name(row.process->command);
    if (with_pid) line += fmt::format("-{}", row.process->pid);
    line += ';' + folded_name(row.kind->kind);
    if (!row.place.empty()) return line + ';' + std::string(row.place);
    if (!row.stack->complete) line += ";[incomplete stack]";
    for (auto frame = row.stack->frames.rbegin(); frame != row.stack->frames.rend(); ++frame)
        line += ';' + folded_name(frame_name(*frame));
    return line;
}

}  // namespace

std::string write_folded(const Report& report, const FormatOptions& /*options*/) {
    const bool wants_total = report.sorted_by == "total";
    std::map<std::string, uint64_t> values;  // stacks that differ in lines only are one here
    for (const FlatStack& row : flat_stacks(report)) {
        const Amount& amount = wants_total ? row.acquired : row.held;
        const uint64_t value = has_bytes(*row.kind) ? amount.bytes : amount.count;
        if (value == 0) continue;
        uint64_t& sum = values[folded_stack(row, report.processes.size() > 1)];
        sum += std::min(value, std::numeric_limits<uint64_t>::max() - sum);
    }
    std::string text;
    for (const auto& [stack, value] : values) text += fmt::format("{} {}\n", stack, value);
    return text;
}

}  // namespace whoholds
