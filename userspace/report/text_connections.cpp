// CONNECTIONS: sockets by endpoint, and the connects that failed.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/human.h"
#include "base/printable.h"
#include "report/endpoint_words.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

constexpr size_t kGap = 3;
constexpr size_t kShortestRemote = 6;
constexpr size_t kNarrowest = 24;  // of the last column; with less room it goes below

std::string oldest_text(const ConnectionGroup& group, double attached_s) {
    // Older than we are, by an unknown time.
    if (!group.oldest_s && group.before_attach != 0) return "> " + human_age(attached_s);
    return age_text(group.oldest_s);
}

std::vector<std::string> now_parts(const ConnectionGroup& group) {
    std::vector<std::string> parts;
    if (group.waiting) {
        const std::string of = group.backlog ? fmt::format(" of {}", exact_count(*group.backlog)) : "";
        parts.push_back(fmt::format("{}{} wait to be accepted", exact_count(*group.waiting), of));
    } else {
        for (const auto& [state, count] : group.states) parts.push_back(exact_count(count) + ' ' + printable(state));
    }
    if (group.receive_bytes != 0) parts.push_back(human_bytes(group.receive_bytes) + " not read");
    if (group.send_bytes != 0) parts.push_back(human_bytes(group.send_bytes) + " not acknowledged");
    const bool all = group.before_attach == group.count;
    if (group.before_attach != 0)
        parts.push_back((all ? "all" : exact_count(group.before_attach)) + std::string(" from before attach"));
    return parts;
}

// The end of an endpoint tells more than its beginning: a port, a file name.
std::string name_text(const ConnectionGroup& group, size_t room) {
    const std::string protocol = printable(group.protocol);
    const std::string remote = printable(group.remote);
    const std::string words = endpoint_words(protocol, group.direction, remote);
    const size_t other = display_width(words) - display_width(remote);
    if (display_width(words) <= room || other + kShortestRemote > room) return cut_tail(words, room);
    return endpoint_words(protocol, group.direction, cut_head(remote, room - other));
}

std::vector<std::string> number_lines(const Report& report, const std::vector<const ConnectionGroup*>& groups,
                                      size_t name_room) {
    Column name{"CONNECTIONS", true, {}};
    Column count{"count", false, {}};
    Column growth{"per minute", false, {}};
    Column oldest{"oldest", false, {}};
    for (const ConnectionGroup* group : groups) {
        name.cells.push_back(name_text(*group, name_room));
        count.cells.push_back(human_count(group->count));
        const auto rate = group->growth_per_min ? std::optional(Rate{*group->growth_per_min, 0}) : std::nullopt;
        growth.cells.push_back(growth_text(rate, report.final, true));
        oldest.cells.push_back(oldest_text(*group, report.attached_s));
    }
    return layout_table(std::vector<Column>{name, count, growth, oldest});
}

void write_groups(const Report& report, const std::vector<const ConnectionGroup*>& groups, TextOutput& output) {
    const std::vector<std::string> lines = number_lines(report, groups, std::max<size_t>(output.width() / 3, 1));
    size_t indent = 0;
    for (const std::string& line : lines) indent = std::max(indent, display_width(line) + kGap);
    const bool beside = indent + kNarrowest <= output.width();
    if (!beside) indent = kGap;
    output.line(beside ? pad_right(lines[0], indent) + "now" : lines[0]);
    for (size_t i = 0; i < groups.size(); ++i) {
        std::vector<std::string> parts =
            join_parts(now_parts(*groups[i]), output.width() > indent ? output.width() - indent : 1);
        if (!beside) parts.insert(parts.begin(), "");
        for (size_t k = 0; k < parts.size(); ++k) {
            if (k == 0 && parts[k].empty()) {
                output.line(lines[i + 1]);
            } else {
                output.labelled(k == 0 ? lines[i + 1] : "", indent - 2, parts[k]);
            }
        }
        if (parts.empty()) output.line(lines[i + 1]);
    }
}

// How fast sockets come and go: what is held is steady also where a new one is opened for each request.
void write_turnover(const ProcessReport& process, TextOutput& output) {
    const auto sockets = std::ranges::find(process.kinds, "socket", &KindReport::kind);
    if (sockets == process.kinds.end() || !sockets->acquired_per_min || !sockets->released_per_min) return;
    const double opened = std::max(sockets->acquired_per_min->count, 0.0);
    const double closed = std::max(sockets->released_per_min->count, 0.0);
    if (opened < 1 && closed < 1) return;
    output.line(fmt::format("  sockets opened per minute: {}, closed: {}", human_count(static_cast<uint64_t>(opened)),
                            human_count(static_cast<uint64_t>(closed))));
}

void write_failures(const ProcessReport& process, TextOutput& output) {
    if (process.connect_failures.empty()) return;
    const size_t shown = std::min(process.connect_failures.size(), output.options().top);
    Column error{"CONNECT FAILED", true, {}};
    Column times{"times", false, {}};
    Column who{"who", true, {}};
    for (size_t i = 0; i < shown; ++i) {
        const ConnectFailure& failure = process.connect_failures[i];
        const std::string words = printable(failure.error.empty() ? "error not known" : failure.error);
        error.cells.push_back(cut_tail(words, std::max<size_t>(output.width() / 3, 1)));
        times.cells.push_back(human_count(failure.count));
        who.cells.push_back(failure.headline.empty() ? "(no stack)" : printable(failure.headline));
    }
    output.blank();
    for (const std::string& line : layout_table(std::vector<Column>{error, times, who})) output.line(line);
    if (shown < process.connect_failures.size())
        output.line(fmt::format("  and {} more", exact_count(process.connect_failures.size() - shown)));
}

}  // namespace

void write_connections(const Report& report, const ProcessReport& process, TextOutput& output) {
    std::vector<const ConnectionGroup*> groups;
    for (const ConnectionGroup& group : process.connections) {
        if (groups.size() < output.options().top) groups.push_back(&group);
    }
    if (!groups.empty()) {
        output.blank();
        write_groups(report, groups, output);
    }
    const size_t omitted = process.connection_groups_omitted + process.connections.size() - groups.size();
    if (omitted != 0) output.line(fmt::format("  and {} more endpoints", exact_count(omitted)));
    write_turnover(process, output);
    write_failures(process, output);
}

}  // namespace whoholds
