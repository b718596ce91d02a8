// The pages of text: an opened stack, everything else that a report says, help.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/human.h"
#include "base/printable.h"
#include "report/suppressed_words.h"
#include "report/text_layout.h"
#include "report/text_parts.h"
#include "top/view.h"

namespace whoholds {
namespace {

constexpr std::string_view kHelp =
    R"(KEYS
  Up Down PgUp PgDn Home End   move, also j k; selection keeps its stack
  Enter                        open the stack: its frames, and what it holds now
  Tab Shift-Tab 1 to 9         another kind of resource
  / or F4                      filter by function, file, module, address, state
  Esc                          clear the filter
  b c g a t                    sort by bytes, count, growth, age, total taken;
                               the same key again: the other way round
  s F6 < >                     sort by the next column, r: the other way round
  f                            all findings, connections, Go types, coverage
  p Space                      pause: the screen stays, the counting goes on
  [ ]                          another process
  Ctrl-L draw anew   Ctrl-Z to the background   q F10 Ctrl-C quit

COLUMNS
  HELD      bytes held now, of what was taken since the attach
  COUNT     how many: blocks, descriptors, threads, ...
  PER MIN   how that grew in the last reports
  OLDEST    how long the oldest one has been held
  IN TOTAL  ever taken by this stack, given back or not; on wide screens
  !         a finding names this stack: it was judged from all that was observed
  A row passes another one only when it has a tenth more: rows do not jump.)";

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

FormatOptions page_options(const TopState& state) {
    FormatOptions options;
    options.width = static_cast<unsigned>(state.width);
    options.all_frames = true;
    return options;
}

// "fd 7  TCP  127.0.0.1:80 > 10.0.0.1:555  CLOSE_WAIT  held for 3 min"
std::string item_words(const ItemReport& item) {
    std::string text;
    if (item.is_descriptor)
        text = fmt::format("fd {}", item.key);
    else if (item.is_thread)
        text = fmt::format("thread {}", item.key);
    else if (item.is_goroutine)
        text = fmt::format("goroutine {}", item.key);
    else
        text = fmt::format("0x{:x}", item.key);
    const auto add = [&](const std::string& part) {
        if (!part.empty()) text += "  " + printable(part);
    };
    if (!item.is_thread && !item.is_goroutine) add(item.type);  // that is what they are
    add(item.name);
    add(item.local);
    if (!item.remote.empty()) add("> " + item.remote);
    add(item.state);
    add(item.wait_reason);
    add(item.function);
    if (item.receive_bytes.value_or(0) > 0) add(human_bytes(*item.receive_bytes) + " to be read");
    if (item.size_bytes) add(human_bytes(*item.size_bytes));
    if (item.age_s) add("held for " + human_age(*item.age_s));
    if (item.blocked_s) add("blocked for " + human_age(*item.blocked_s));
    return text;
}

void write_findings_of(const ProcessReport& process, const StackReport& stack, TextOutput& output) {
    constexpr size_t kWordWidth = 8;
    for (const Finding& finding : process.findings) {
        if (std::ranges::find(finding.stack_ids, stack.id) == finding.stack_ids.end()) continue;
        output.labelled(word_of(finding), kWordWidth, printable(finding.reason));
        for (const std::string& evidence : finding.evidence) output.labelled("", kWordWidth, printable(evidence));
        if (finding.forecast) output.labelled("", kWordWidth, forecast_words(*finding.forecast, ""));
        if (!finding.interim.empty())
            output.labelled("", kWordWidth, "until it is mended: " + printable(finding.interim));
        output.blank();
    }
}

std::string stack_page(const TopState& state) {
    const ProcessReport* process = state.shown_process();
    const KindReport* kind = state.shown_kind();
    if (!state.opened || process == nullptr || kind == nullptr) return "";
    const StackReport& stack = *state.opened;
    const bool counted = is_counted(*kind);
    const FormatOptions options = page_options(state);
    TextOutput output(options);
    const std::string held = counted ? exact_count(stack.held.count)
                                     : human_bytes(stack.held.bytes) + " in " + exact_count(stack.held.count);
    output.line(headline_cell(stack, state.width));
    const std::string growth = growth_text(stack.growth_per_min, false, counted);
    const bool is_rate = growth.starts_with('+') || growth.starts_with('-');
    output.line(fmt::format("{} held now: {}{}{}", printable(kind->title), held,
                            is_rate              ? ", " + growth + " a minute"
                            : growth == "steady" ? ", steady"
                                                 : "",
                            state.is_opened_gone ? "  (nothing is held any more; as it was seen last)" : ""));
    output.blank();
    write_findings_of(*process, stack, output);
    write_stack(stack, counted, output);
    if (!stack.complete && !(stack.before_attach && stack.frames.empty()))
        output.labelled("      incomplete:", 17, printable(stack.why_incomplete));
    if (!stack.items.empty()) {
        output.blank();
        const std::string of = stack.items_omitted > 0 ? fmt::format(" (the oldest {})", stack.items.size()) : "";
        output.line("HELD NOW" + of);
        for (const ItemReport& item : stack.items) output.labelled("", 0, item_words(item));
    }
    return std::move(output).take();
}

std::string details_page(const TopState& state) {
    const ProcessReport* process = state.shown_process();
    if (process == nullptr) return "";
    const FormatOptions options = page_options(state);
    TextOutput output(options);
    write_findings(*state.report, *process, output);
    write_go(*process, output);
    write_kinds(*state.report, *process, output);
    write_connections(*state.report, *process, output);
    write_types(*state.report, *process, output);
    output.blank();
    if (state.report->suppressed) {
        output.labelled("SUPPRESSED", 10, suppressed_words(*state.report->suppressed));
        output.blank();
    }
    write_coverage(*state.report, output);
    return std::move(output).take();
}

}  // namespace

std::vector<std::string> page_lines(const TopState& state) {
    switch (state.page) {
        case TopPage::kStacks: return {};
        case TopPage::kStack: return lines_of(stack_page(state));
        case TopPage::kDetails: return lines_of(details_page(state));
        case TopPage::kHelp: return lines_of(kHelp);
    }
    return {};
}

}  // namespace whoholds
