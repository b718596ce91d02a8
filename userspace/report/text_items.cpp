// What the resources of one stack are now: a line for each group of equal ones.
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

constexpr size_t kGroupsShown = 6;
constexpr size_t kHoldersShown = 4;

std::string states_text(const ItemGroup& group) {
    if (group.states.empty()) return "";
    if (group.states.size() == 1) {
        const std::string& state = group.states[0].first;
        return state == "LISTEN" ? "" : ", " + printable(state);  // "listening on" says it
    }
    std::vector<std::string> states;
    for (const auto& [state, count] : group.states) states.push_back(exact_count(count) + ' ' + printable(state));
    return fmt::format(": {}", fmt::join(states, ", "));
}

std::string group_text(const ItemGroup& group, size_t width) {
    std::string text = cut_tail(printable(group.what), 2 * width) + states_text(group);
    if (group.size_bytes) text += ", " + human_bytes(*group.size_bytes) + (group.sizes_are_stacks ? " of stacks" : "");
    if (group.cpu_s) text += ", " + human_age(*group.cpu_s) + " of CPU time";
    return text;
}

}  // namespace

void write_holders(const StackReport& stack, size_t indent, TextOutput& output) {
    if (stack.held_by.empty()) return;
    const size_t shown = std::min(stack.held_by.size(), kHoldersShown);
    uint64_t told = stack.held_by_unknown;
    std::string label = "held by:";
    for (size_t i = 0; i < shown; ++i) {
        const HolderReport& holder = stack.held_by[i];
        const std::string count = exact_count(holder.count) + " × ";
        output.labelled(pad_left("", indent) + label + "  " + count, indent + label.size() + display_width(count),
                        printable(holder.way));
        label.assign(label.size(), ' ');
        told += holder.count;
    }
    const uint64_t all = stack.held_by.front().looked_at;
    std::vector<std::string> rest;
    if (told < all) rest.push_back(fmt::format("{} by others", exact_count(all - told)));
    if (stack.held_by_unknown > 0)
        rest.push_back(fmt::format("{} by nobody that is known", exact_count(stack.held_by_unknown)));
    if (!rest.empty()) output.line(fmt::format("{:{}}{}  {}", "", indent, label, fmt::join(rest, ", ")));
}

void write_item_groups(const StackReport& stack, size_t indent, TextOutput& output) {
    if (stack.item_groups.empty()) return;
    const size_t shown = std::min(stack.item_groups.size(), kGroupsShown);
    size_t count_width = 0;
    for (size_t i = 0; i < shown; ++i)
        count_width = std::max(count_width, display_width(exact_count(stack.item_groups[i].count)));

    const bool is_part = stack.item_groups_of != 0 && stack.item_groups_of < stack.held.count;
    std::string label = is_part ? fmt::format("the oldest {} now:", exact_count(stack.item_groups_of)) : "now:";
    for (size_t i = 0; i < shown; ++i) {
        const ItemGroup& group = stack.item_groups[i];
        const std::string count = pad_left(exact_count(group.count), count_width) + " × ";
        const size_t label_width = indent + display_width(label) + 2 + display_width(count) - 2;
        output.labelled(pad_left("", indent) + label + "  " + count, label_width, group_text(group, output.width()));
        label.assign(display_width(label), ' ');
    }
    if (shown < stack.item_groups.size())
        output.line(fmt::format("{:{}}{}  and {} other sorts", "", indent, label, stack.item_groups.size() - shown));
}

}  // namespace whoholds
