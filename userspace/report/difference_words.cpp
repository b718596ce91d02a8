#include "report/difference_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/human.h"
#include "base/printable.h"
#include "report/suppressed_words.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

using Json = nlohmann::ordered_json;

bool is_counted(const HeldChange& change) { return change.before.bytes == 0 && change.after.bytes == 0; }

std::string amount_text(const HeldChange& change, const Amount& amount) {
    return is_counted(change) ? human_count(amount.count) : human_bytes(amount.bytes);
}

std::string change_text(const HeldChange& change) {
    if (is_counted(change)) return human_signed_count(static_cast<double>(change.count));
    const std::string count = change.count == 0 ? "" : " in " + human_signed_count(static_cast<double>(change.count));
    return human_signed_bytes(static_cast<double>(change.bytes)) + count;
}

void write_kinds(const ReportDifference& difference, TextOutput& output) {
    Column title{"HELD", true, {}};
    Column before{"before", false, {}};
    Column after{"after", false, {}};
    Column change{"change", false, {}};
    for (const HeldChange& kind : difference.kinds) {
        title.cells.push_back(printable(kind.title.empty() ? kind.kind : kind.title));
        before.cells.push_back(amount_text(kind, kind.before));
        after.cells.push_back(amount_text(kind, kind.after));
        change.cells.push_back(change_text(kind));
    }
    const std::vector<Column> columns = {std::move(title), std::move(before), std::move(after), std::move(change)};
    for (const std::string& line : layout_table(columns)) output.line(line);
    output.blank();
}

void write_change(const HeldChange& change, TextOutput& output) {
    output.line(fmt::format("{:>24}  {}: {}", change_text(change), printable(change.title),
                            printable(change.stack->headline.empty() ? "(not known)" : change.stack->headline)));
    std::string way;
    for (const Frame& frame : change.stack->frames) {
        if (frame.function.empty()) continue;
        way += (way.empty() ? "" : " < ") + printable(frame.function);
        if (frame.line > 0)
            way += printable(fmt::format(" {}:{}", frame.file.substr(frame.file.rfind('/') + 1), frame.line));
    }
    if (!way.empty()) output.labelled("", 24, way);
}

// Those at the front grew, those at the back shrank.
template <class Wanted>
void write_changes(const char* head, const std::vector<const HeldChange*>& changes, size_t top, Wanted&& is_wanted,
                   TextOutput& output) {
    size_t shown = 0;
    size_t omitted = 0;
    for (const HeldChange* change : changes) {
        if (!is_wanted(*change)) continue;
        if (shown == top) {
            omitted++;
            continue;
        }
        if (shown++ == 0) output.line(head);
        write_change(*change, output);
    }
    if (omitted > 0) output.line(fmt::format("{:>24}  and {} more", "", omitted));
    if (shown > 0) output.blank();
}

bool grew(const HeldChange& change) { return change.bytes > 0 || (change.bytes == 0 && change.count > 0); }

}  // namespace

std::string difference_as_text(const Report& before, const Report& after, const ReportDifference& difference,
                               const FormatOptions& options) {
    TextOutput output(options);
    output.line(fmt::format("whoholds  difference  {} ({} attached) -> {} ({} attached)", printable(before.time),
                            human_age(before.attached_s), printable(after.time), human_age(after.attached_s)));
    output.blank();
    write_kinds(difference, output);
    std::vector<const HeldChange*> changes;
    for (const HeldChange& change : difference.stacks) changes.push_back(&change);
    write_changes("HOLD MORE", changes, options.top, grew, output);
    std::ranges::reverse(changes);
    write_changes(
        "HOLD LESS", changes, options.top, [](const HeldChange& change) { return !grew(change); }, output);
    if (changes.empty()) output.line("no stack holds more or less");
    if (after.suppressed) output.labelled("SUPPRESSED", 10, suppressed_words(*after.suppressed));
    return std::move(output).take();
}

std::string difference_as_json(const Report& before, const Report& after, const ReportDifference& difference) {
    const auto json_of = [](const HeldChange& change) {
        Json json = {{"kind", change.kind},
                     {"before", {{"count", change.before.count}, {"bytes", change.before.bytes}}},
                     {"after", {{"count", change.after.count}, {"bytes", change.after.bytes}}},
                     {"change", {{"count", change.count}, {"bytes", change.bytes}}}};
        if (change.stack == nullptr) return json;
        json["headline"] = change.stack->headline;
        json["stack_id"] = fmt::format("{:016x}", change.stack->id);
        Json frames = Json::array();
        for (const Frame& frame : change.stack->frames)
            frames.push_back({{"function", frame.function},
                              {"file", frame.file.empty() ? Json() : Json(frame.file)},
                              {"line", frame.line > 0 ? Json(frame.line) : Json()},
                              {"module", frame.module.empty() ? Json() : Json(frame.module)}});
        json["frames"] = std::move(frames);
        return json;
    };
    Json json = {{"schema", "whoholds-diff/1"}, {"before", before.time}, {"after", after.time}};
    for (const HeldChange& kind : difference.kinds) json["kinds"].push_back(json_of(kind));
    json["stacks"] = Json::array();
    for (const HeldChange& stack : difference.stacks) json["stacks"].push_back(json_of(stack));
    if (after.suppressed) json["suppressed"] = suppressed_as_json(*after.suppressed);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace whoholds
