// BY STACK: per kind a ranking; each stack with its numbers, its headline, and its frames (text_frames.cpp) as evidence.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "analyze/headline.h"
#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

constexpr size_t kIndent = 6;

std::string order_text(const std::string& sorted_by, bool counted) {
    if (sorted_by == "age") return "oldest first";
    if (counted) return sorted_by == "total" ? "most taken in total first" : "most held now first";
    if (sorted_by == "count") return "most blocks held now first";
    if (sorted_by == "total") return "most allocated in total first";
    return "most bytes held now first";
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The short form of a frame's location, for the ranking: "server.cpp:88", "libssl.so.3".
std::string short_place(const StackReport& stack) {
    const auto frame =
        std::ranges::find_if(stack.frames, [&](const Frame& each) { return frame_name(each) == stack.headline; });
    if (frame == stack.frames.end()) return "";
    if (!frame->file.empty())
        return printable(base_name(frame->file)) + (frame->line > 0 ? fmt::format(":{}", frame->line) : "");
    return frame->function.empty() ? "" : printable(base_name(frame->module));
}

// "google.golang.org/grpc/internal/transport.newBufWriter" -> "transport.newBufWriter"
std::string without_folder(const std::string& go_name) {
    const size_t slash = go_name.rfind('/', go_name.find_first_of("[("));
    return slash == std::string::npos ? go_name : go_name.substr(slash + 1);
}

// Of Go code the innermost frame, if another one is the headline: what of a library it was taken in. "transport.newBufWriter".
std::string leaf_of(const StackReport& stack) {
    if (stack.frames.empty() || stack.frames[0].go == GoOrigin::kNotGo || frame_name(stack.frames[0]) == stack.headline)
        return "";
    return without_folder(printable(frame_name(stack.frames[0])));
}

std::string amount_text(const Amount& amount, bool counted) {
    if (counted) return exact_count(amount.count);
    return fmt::format("{} in {}", human_bytes(amount.bytes), exact_count(amount.count));
}

std::vector<std::string> detail_parts(const StackReport& stack, bool counted) {
    if (stack.before_attach) return {"was there before attach"};
    std::vector<std::string> parts = {(counted ? "taken in total " : "allocated in total ") +
                                      amount_text(stack.acquired, counted)};
    if (stack.released.count == 0) {
        parts.emplace_back("none released");
    } else if (stack.released == stack.acquired) {
        parts.emplace_back("all released");
    } else {
        parts.push_back("released " + amount_text(stack.released, counted));
    }
    if (stack.oldest_s) {
        const std::string median = stack.median_age_s ? ", median " + human_age(*stack.median_age_s) : "";
        const std::string more = stack.oldest_is_at_least ? " or more" : "";
        parts.push_back("oldest " + human_age(*stack.oldest_s) + more + median);
    }
    if (stack.kept_at)
        parts.push_back(fmt::format("kept by {} made at {}:{} ({} of {} looked at)",
                                    stack.kept_at->functions == 1 ? "a function" : "functions",
                                    printable(base_name(stack.kept_at->line.file)), stack.kept_at->line.line,
                                    stack.kept_at->count, stack.kept_at->looked_at));
    return parts;
}

std::string name_of(const StackReport& stack) {
    if (!stack.headline.empty()) return printable(stack.headline);
    return stack.before_attach ? "(taken before attach)" : "(no stack)";
}

std::vector<const StackReport*> stacks_of(const ProcessReport& process, const std::string& kind, size_t top) {
    std::vector<const StackReport*> stacks;
    for (const StackReport& stack : process.stacks) {
        if (stack.kind == kind && stacks.size() < top) stacks.push_back(&stack);
    }
    return stacks;
}

void write_heading(const Report& report, const KindReport& kind, size_t shown, TextOutput& output) {
    std::string top = fmt::format("top {}", shown);
    if (kind.stack_count > shown) top += " of " + exact_count(kind.stack_count);
    if (kind.stack_count == shown) top = shown == 1 ? "the only stack" : fmt::format("all {} stacks", shown);
    const std::string parts[] = {"BY STACK  " + printable(kind.title.empty() ? kind.kind : kind.title),
                                 order_text(report.sorted_by, is_counted(kind)), top,
                                 report.selection.empty() ? "" : "only " + printable(report.selection)};
    for (const std::string& line : join_parts(parts, output.width())) output.line(line);
}

// One line of numbers per stack, aligned across stacks, each with its rank and headline. The first line is the header.
std::vector<std::string> rank_lines(const Report& report, const KindReport& kind,
                                    const std::vector<const StackReport*>& stacks, size_t width) {
    const bool counted = is_counted(kind);
    Column rank{"", false, {}};
    Column total{"in total", false, {}};
    Column bytes{"held now", false, {}};
    Column count{counted ? "held now" : "blocks", false, {}};
    Column growth{"per minute", false, {}};
    Column who{"who", true, std::vector<std::string>(stacks.size())};
    for (size_t i = 0; i < stacks.size(); ++i) {
        const StackReport& stack = *stacks[i];
        rank.cells.push_back(fmt::format("{}", i + 1));
        total.cells.push_back(counted ? human_count(stack.acquired.count) : human_bytes(stack.acquired.bytes));
        bytes.cells.push_back(human_bytes(stack.held.bytes));
        count.cells.push_back(human_count(stack.held.count));
        growth.cells.push_back(growth_text(stack.growth_per_min, report.final, counted));
    }
    std::vector<Column> columns = {std::move(rank)};
    if (report.sorted_by == "total") columns.push_back(std::move(total));
    if (!counted) columns.push_back(std::move(bytes));
    columns.insert(columns.end(), {std::move(count), std::move(growth), std::move(who)});

    const size_t taken = display_width(layout_table(columns)[0]) - display_width(columns.back().header);
    const size_t room = width > taken ? width - taken : 0;
    for (size_t i = 0; i < stacks.size(); ++i) columns.back().cells[i] = headline_cell(*stacks[i], room);
    return layout_table(columns);
}

void write_why_incomplete(const StackReport& stack, size_t rank, std::map<std::string, size_t>& said,
                          TextOutput& output) {
    // What was there before the attach has no stack to be incomplete.
    if (stack.complete || (stack.before_attach && stack.frames.empty())) return;
    const auto [place, is_new] = said.emplace(stack.why_incomplete, rank);
    const std::string why = is_new ? printable(stack.why_incomplete) : fmt::format("as in {}", place->second);
    output.labelled("      incomplete:", kIndent + 11, why.empty() ? "reason not known" : why, Verdict::kDoubtful);
}

}  // namespace

std::string headline_cell(const StackReport& stack, size_t room) {
    const std::string name = name_of(stack);
    const std::string place = short_place(stack);
    const std::string leaf = leaf_of(stack);
    if (!leaf.empty()) {
        for (const std::string& form : {name, without_folder(name)}) {
            std::string with_leaf = fmt::format("{}  {}  in {}", form, place, leaf);
            if (display_width(with_leaf) <= room) return with_leaf;
        }
    }
    return name_and_place(name, 0, place, room);
}

void write_stack(const StackReport& stack, bool counted, TextOutput& output) {
    for (const std::string& line : join_parts(detail_parts(stack, counted), output.width() - kIndent))
        output.line(pad_left("", kIndent) + line);
    write_item_groups(stack, kIndent, output);
    write_holders(stack, kIndent, output);
    write_frames(stack, output);
}

void write_ranking(const Report& report, const ProcessReport& process, const KindReport& kind, TextOutput& output) {
    constexpr size_t kShown = 5;
    const auto stacks = stacks_of(process, kind.kind, std::min(output.options().top, kShown));
    if (stacks.empty()) return;
    output.blank();
    write_heading(report, kind, stacks.size(), output);
    for (const std::string& line : rank_lines(report, kind, stacks, output.width())) output.line(line);
}

void write_stacks(const Report& report, const ProcessReport& process, const KindReport& kind, TextOutput& output) {
    const auto stacks = stacks_of(process, kind.kind, output.options().top);
    if (stacks.empty()) return;
    output.blank();
    write_heading(report, kind, stacks.size(), output);
    const std::vector<std::string> lines = rank_lines(report, kind, stacks, output.width());
    output.line(lines[0]);

    std::map<std::string, size_t> said;  // why incomplete -> the rank where it was said in full
    for (size_t i = 0; i < stacks.size(); ++i) {
        const StackReport& stack = *stacks[i];
        if (i != 0) output.blank();
        output.line(lines[i + 1]);
        write_stack(stack, is_counted(kind), output);
        write_why_incomplete(stack, i + 1, said, output);
    }
}

}  // namespace whoholds
