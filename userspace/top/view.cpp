// The table of stacks, and how the parts of the screen are put together.
#include "top/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

constexpr size_t kBelowHeader = 3;  // kinds, heads of columns, and the last line of the screen
constexpr size_t kWideEnoughForTotals = 100;

struct TableColumn {
    const char* head;
    size_t width;
    TopColumn column;
};

constexpr TableColumn kColumns[] = {{"HELD", 9, TopColumn::kBytes},
                                    {"COUNT", 7, TopColumn::kCount},
                                    {"PER MIN", 11, TopColumn::kGrowth},
                                    {"OLDEST", 7, TopColumn::kAge},
                                    {"IN TOTAL", 9, TopColumn::kTotal}};

std::vector<TableColumn> columns_of(const TopState& state, bool counted) {
    std::vector<TableColumn> columns;
    for (const TableColumn& column : kColumns) {
        const bool is_sorted_by = column.column == state.column;
        if (column.column == TopColumn::kBytes && counted) continue;
        if (column.column == TopColumn::kTotal && state.width < kWideEnoughForTotals && !is_sorted_by) continue;
        // There is no room for all of them beside the name; what is sorted by is always shown.
        if (column.column == TopColumn::kAge && state.width < kWideEnoughForTotals && state.column == TopColumn::kTotal)
            continue;
        columns.push_back(column);
    }
    return columns;
}

std::string cell_of(const StackReport& stack, bool counted, TopColumn column) {
    switch (column) {
        case TopColumn::kBytes: return human_bytes(stack.held.bytes);
        case TopColumn::kCount: return human_count(stack.held.count);
        case TopColumn::kGrowth: return growth_text(stack.growth_per_min, false, counted);
        case TopColumn::kAge:
            if (stack.before_attach || !stack.oldest_s) return stack.before_attach ? "before" : "n/a";
            return (stack.oldest_is_at_least ? ">" : "") + short_age(*stack.oldest_s);
        case TopColumn::kTotal: return counted ? human_count(stack.acquired.count) : human_bytes(stack.acquired.bytes);
    }
    return "";
}

ScreenLine heads_line(const TopState& state, bool counted) {
    ScreenLine line = {{"  ", Look::kBold}};
    for (const TableColumn& column : columns_of(state, counted)) {
        const bool is_sorted_by = column.column == state.column ||
                                  (counted && state.column == TopColumn::kBytes && column.column == TopColumn::kCount);
        const std::string mark = is_sorted_by ? (state.is_reversed ? "▲" : "▼") : "";
        line.push_back({pad_left(mark + column.head, column.width), is_sorted_by ? Look::kSelected : Look::kBold});
        line.push_back({" ", Look::kBold});
    }
    line.push_back({" STACK", Look::kBold});
    return line;
}

// What is known of a stack beside its numbers: "!" where a finding names it.
Look verdict_on(const ProcessReport& process, const StackReport& stack) {
    for (const Finding& finding : process.findings) {
        if (std::ranges::find(finding.stack_ids, stack.id) == finding.stack_ids.end()) continue;
        return finding.verdict == "holding" ? Look::kDoubtful : Look::kBad;
    }
    return Look::kPlain;
}

// Where there is no room for all of it: of the name its end says more than its namespaces, of what is behind it (line, function of a
// library) the beginning.
std::string name_cell(const StackReport& stack, size_t room) {
    constexpr size_t kFewest = 10;
    std::string whole = headline_cell(stack, SIZE_MAX / 4);
    if (display_width(whole) <= room) return whole;
    const size_t name_end = whole.find("  ");
    if (name_end == std::string::npos) return cut_head(whole, room);
    const std::string behind = whole.substr(name_end);
    const size_t beside = room > display_width(behind) ? room - display_width(behind) : 0;
    return cut_tail(cut_head(whole.substr(0, name_end), std::max(beside, kFewest)) + behind, room);
}

ScreenLine row_line(const TopState& state, const ProcessReport& process, const StackReport& stack, bool counted,
                    bool is_selected) {
    std::string numbers;
    for (const TableColumn& column : columns_of(state, counted))
        numbers += pad_left(cell_of(stack, counted, column.column), column.width) + ' ';
    const size_t used = 3 + display_width(numbers);
    const std::string name = name_cell(stack, state.width > used ? state.width - used : 0);
    const Look verdict = verdict_on(process, stack);
    if (is_selected)
        return {
            {pad_right((verdict == Look::kPlain ? "  " : "! ") + numbers + ' ' + name, state.width), Look::kSelected}};
    return {{verdict == Look::kPlain ? "  " : "! ", verdict}, {numbers + ' ', Look::kPlain}, {name, verdict}};
}

std::string held_words(const KindReport& kind) {
    return is_counted(kind) ? human_count(kind.held.count) : human_bytes(kind.held.bytes);
}

// "28.5M" of "28.5 MiB"
std::string without_unit(const std::string& amount) {
    const size_t blank = amount.find(' ');
    if (blank == std::string::npos || !amount.ends_with("B")) return amount;
    return amount.substr(0, blank) + (amount.ends_with("iB") ? amount.substr(blank + 1, 1) : "");
}

// As much of each tab as fits: title and what is held, name and what is held, the name.
ScreenLine kinds_line(const TopState& state, const ProcessReport& process) {
    constexpr size_t kDigits = 9;  // of the keyboard
    const KindReport* shown = state.shown_kind();
    ScreenLine line;
    for (int form = 0; form < 3; form++) {
        line.clear();
        size_t width = 0;
        for (size_t i = 0; i < process.kinds.size(); i++) {
            const KindReport& kind = process.kinds[i];
            const bool is_shown = &kind == shown;
            const std::string title = printable(kind.title.empty() ? kind.kind : kind.title);
            std::string text = i < kDigits ? fmt::format("{} ", i + 1) : "";
            text += form == 0 || (form == 2 && is_shown) ? title : printable(kind.kind);
            if (form == 0 || (form == 2 && is_shown)) text += ' ' + held_words(kind);
            if (form == 1) text += ' ' + without_unit(held_words(kind));
            text = ' ' + text + (form == 0 ? " " : "");
            line.push_back({text, is_shown ? Look::kSelected : Look::kPlain});
            width += display_width(text);
        }
        if (width <= state.width) return line;
    }
    // Still too wide: those in front of the one that is shown give way.
    while (line.size() > 1 && line.front().look != Look::kSelected) line.erase(line.begin());
    return line;
}

std::string no_rows_words(const TopState& state) {
    if (!state.filter.empty()) return "no stack matches the filter; Esc clears it";
    if (state.shown_kind() == nullptr) return "nothing is held, or nothing could be followed; f says more";
    return "nothing of this kind is held that was taken since the attach";
}

std::string key_words(const TopState& state) {
    if (!state.ended.empty()) return state.ended + ": this is the last that was seen";
    if (!state.message.empty()) return state.message;
    return "";
}

ScreenLine last_line(const TopState& state) {
    if (state.is_typing) return {{"filter: ", Look::kBold}, {printable(state.filter) + '_', Look::kPlain}};
    std::string keys = state.page == TopPage::kStacks
                           ? "h help  Enter open  Tab kind  s sort  / filter  f findings  p pause  q quit"
                           : "Up Down PgUp PgDn scroll  p pause  any other key: back";
    const std::string said = printable(key_words(state));
    ScreenLine line;
    if (!state.filter.empty() && state.page == TopPage::kStacks)
        line.push_back({"filter: " + printable(state.filter) + "  ", Look::kDoubtful});
    if (!said.empty()) line.push_back({said + "  ", Look::kDoubtful});
    line.push_back({keys, Look::kDim});
    return line;
}

void add_table(const TopState& state, Screen& screen) {
    const ProcessReport* process = state.shown_process();
    if (process == nullptr) return;
    const KindReport* kind = state.shown_kind();
    const bool counted = kind != nullptr && is_counted(*kind);
    screen.lines.push_back(kinds_line(state, *process));
    screen.lines.push_back(heads_line(state, counted));
    const size_t visible = visible_rows(state);
    for (size_t i = state.first; i < state.rows.size() && i < state.first + visible; i++)
        screen.lines.push_back(row_line(state, *process, *state.rows[i].stack, counted, i == state.selected));
    if (state.rows.empty()) screen.lines.push_back({{"  " + no_rows_words(state), Look::kPlain}});
}

void add_page(const TopState& state, Screen& screen) {
    const std::vector<std::string> lines = page_lines(state);
    const size_t visible = visible_page_lines(state);
    for (size_t i = state.scrolled; i < lines.size() && i < state.scrolled + visible; i++)
        screen.lines.push_back({{lines[i], Look::kPlain}});
}

}  // namespace

size_t visible_rows(const TopState& state) {
    const size_t taken = header_lines(state).size() + kBelowHeader;
    return state.height > taken ? state.height - taken : 0;
}

size_t visible_page_lines(const TopState& state) { return state.height > 2 ? state.height - 2 : 0; }

Screen draw(const TopState& state) {
    Screen screen{state.width, state.height, {}};
    std::vector<ScreenLine> header = header_lines(state);
    if (state.page == TopPage::kStacks) {
        screen.lines = std::move(header);
        add_table(state, screen);
    } else {
        screen.lines.push_back(std::move(header.front()));
        add_page(state, screen);
    }
    screen.lines.resize(state.height > 0 ? state.height - 1 : 0);
    screen.lines.push_back(last_line(state));
    return screen;
}

}  // namespace whoholds
