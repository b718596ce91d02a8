// GO TYPES: what a Go heap consists of, and who holds it.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

std::vector<std::string> types_table(const Report& report, const TypesReport& types, size_t width) {
    constexpr size_t kOtherColumns = 45;
    Column name{"GO TYPES", true, {}};
    Column bytes{"bytes", false, {}};
    Column count{"count", false, {}};
    Column growth{"per minute", false, {}};
    for (const TypeReport& type : types.types) {
        name.cells.push_back(
            cut_tail(printable(type.name), std::max<size_t>(width, kOtherColumns + 24) - kOtherColumns));
        bytes.cells.push_back(human_bytes(type.held.bytes));
        count.cells.push_back(exact_count(type.held.count));
        growth.cells.push_back(growth_text(type.growth_per_min, report.final));
    }
    const std::vector<Column> columns = {std::move(name), std::move(bytes), std::move(count), std::move(growth)};
    return layout_table(columns);
}

// What the table is about, and what is not in it.
std::string scope_text(const TypesReport& types) {
    std::string text = fmt::format("{} objects in {}, garbage that is not collected yet included",
                                   exact_count(types.all.count), human_bytes(types.all.bytes));
    if (types.unknown.count > 0) text += fmt::format("; type not known: {}", human_bytes(types.unknown.bytes));
    if (types.changed.count > 0)
        text += fmt::format("; {} changed meanwhile, not counted", human_bytes(types.changed.bytes));
    if (types.omitted > 0) text += fmt::format("; {} more types", exact_count(types.omitted));
    text += fmt::format("; read in {:.0f} ms", types.took_s * 1e3);
    if (types.age_s >= 1) text += fmt::format(", {} ago", human_age(types.age_s));
    return text;
}

}  // namespace

void write_types(const Report& report, const ProcessReport& process, TextOutput& output) {
    if (!process.types || process.types->types.empty()) return;
    const TypesReport& types = *process.types;
    output.blank();
    const std::vector<std::string> lines = types_table(report, types, output.width());
    output.line(lines.front());
    for (size_t i = 0; i < types.types.size(); ++i) {
        output.line(lines[i + 1]);
        uint64_t told = 0;
        for (const HolderReport& holder : types.types[i].held_by) {
            if (told * 3 > holder.looked_at * 2) break;  // most are accounted for
            told += holder.count;
            output.labelled("   ", 3,
                            fmt::format("{} of {} held by {}", exact_count(holder.count), exact_count(holder.looked_at),
                                        printable(holder.way)));
        }
    }
    output.labelled("", 0, scope_text(types));
}

}  // namespace whoholds
