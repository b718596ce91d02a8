#include "analyze/suppressions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "analyze/go_rows.h"
#include "base/file.h"
#include "base/printable.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

constexpr size_t kMostFileBytes = size_t{1} << 20;
constexpr size_t kMostSuppressions = 10'000;
constexpr size_t kMostPatternBytes = 1000;
constexpr size_t kMostNames = 200'000;  // remembered; then it begins anew

constexpr std::string_view kAnyKind = "leak";
constexpr std::string_view kFinding = "finding";

constexpr auto kKinds = std::to_array<std::string_view>({kAnyKind, kFinding,
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) json_name,
                                                         WH_RESOURCE_KINDS(X)
#undef X
                                                             "pair",
                                                         kGoHeapKind, kGoroutineKind});

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r";
    const size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_of_kind(const std::string& suppressed, std::string_view kind) {
    return suppressed == kAnyKind || suppressed == kind || (suppressed == "pair" && kind.starts_with("pair:"));
}

// Why a line is none; "" if it is one.
std::string what_is_wrong(std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos)
        return '"' + printable(line) + "\" is no suppression: write KIND:PATTERN, for example leak:my_cache";
    const std::string_view kind = line.substr(0, colon);
    if (std::ranges::find(kKinds, kind) == kKinds.end())
        return fmt::format("\"{}\" is not a kind: write one of {} before the colon", printable(kind),
                           fmt::join(kKinds, ", "));
    const std::string_view pattern = line.substr(colon + 1);
    if (pattern.find_first_not_of("^$") == std::string_view::npos)
        return fmt::format("there is no pattern after {}:; {}:* suppresses all", kind, kind);
    if (pattern.size() > kMostPatternBytes)
        return fmt::format("the pattern has more than {} characters", kMostPatternBytes);
    return {};
}

}  // namespace

SuppressionPattern::SuppressionPattern(std::string_view text) {
    at_start_ = text.starts_with('^');
    if (at_start_) text.remove_prefix(1);
    at_end_ = text.ends_with('$');
    if (at_end_) text.remove_suffix(1);
    for (;;) {
        const size_t star = text.find('*');
        parts_.emplace_back(text.substr(0, star));
        if (star == std::string_view::npos) return;
        text.remove_prefix(star + 1);
    }
}

bool SuppressionPattern::matches(std::string_view text) const {
    if (text.empty()) return false;
    if (at_start_) {
        if (!text.starts_with(parts_.front())) return false;
        if (parts_.size() == 1) return !at_end_ || text.size() == parts_.front().size();
        text.remove_prefix(parts_.front().size());
    }
    const size_t first = at_start_ ? 1 : 0;
    const size_t last = parts_.size() - (at_end_ ? 1 : 0);
    for (size_t i = first; i < last; i++) {
        const size_t found = text.find(parts_[i]);
        if (found == std::string_view::npos) return false;
        text.remove_prefix(found + parts_[i].size());
    }
    return !at_end_ || text.ends_with(parts_.back());
}

Result<Suppressions> Suppressions::parse(std::string_view text, std::string_view name) {
    Suppressions all;
    for (size_t number = 1; !text.empty(); number++) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        if (std::string wrong = what_is_wrong(line); !wrong.empty())
            return Error{ErrorCode::kInvalidArgument, fmt::format("{}:{}: {}", name, number, wrong)};
        if (all.suppressions_.size() == kMostSuppressions)
            return Error{ErrorCode::kInvalidArgument,
                         fmt::format("{}:{}: more than {} suppressions", name, number, kMostSuppressions)};
        const size_t colon = line.find(':');
        all.suppressions_.push_back({.text = std::string(line),
                                     .line = number,
                                     .kind = std::string(line.substr(0, colon)),
                                     .pattern = SuppressionPattern(line.substr(colon + 1))});
    }
    return all;
}

Result<Suppressions> Suppressions::read(const std::string& path) {
    WH_TRY(const std::string text, read_file_bounded(path, kMostFileBytes));
    return parse(text, path);
}

const std::vector<uint32_t>& Suppressions::matching(const std::string& text) {
    if (const auto known = matching_.find(text); known != matching_.end()) return known->second;
    if (matching_.size() >= kMostNames) matching_.clear();
    std::vector<uint32_t>& found = matching_[text];
    for (uint32_t i = 0; i < suppressions_.size(); i++)
        if (suppressions_[i].pattern.matches(text)) found.push_back(i);
    return found;
}

bool Suppressions::is_suppressed(const StackReport& stack) {
    Suppression* first = nullptr;
    for (const Frame& frame : stack.frames)
        for (const std::string* name : {&frame.function, &frame.raw_function, &frame.file, &frame.module}) {
            if (name->empty()) continue;
            for (const uint32_t index : matching(*name)) {
                Suppression& one = suppressions_[index];
                if (!is_of_kind(one.kind, stack.kind)) continue;
                one.ever_matched = true;
                if (first == nullptr || one.line < first->line) first = &one;
            }
        }
    if (first == nullptr) return false;
    if (stack.held.count > 0) first->stacks++;
    return true;
}

void Suppressions::take_out_stacks(ProcessReport& process) {
    std::set<uint64_t> sockets;
    std::vector<StackReport> kept;
    for (size_t i = 0; i < process.stacks.size(); i++) {
        StackReport& stack = process.stacks[i];
        if (!is_suppressed(stack)) {
            kept.push_back(std::move(stack));
            continue;
        }
        if (stack.kind == "socket") sockets.insert(stack.id);
        const auto kind = std::ranges::find(process.kinds, stack.kind, &KindReport::kind);
        if (kind != process.kinds.end() && kind->stack_count > 0) kind->stack_count--;
        if (process.stack_count > 0) process.stack_count--;
        process.suppressed.stacks.emplace_back(i, std::move(stack));
    }
    process.stacks = std::move(kept);
    std::vector<ConnectionGroup> connections;
    for (size_t i = 0; i < process.connections.size(); i++) {
        ConnectionGroup& group = process.connections[i];
        const auto is_one = [&](uint64_t id) { return sockets.contains(id); };
        if (!group.stack_ids.empty() && std::ranges::all_of(group.stack_ids, is_one))
            process.suppressed.connections.emplace_back(i, std::move(group));
        else
            connections.push_back(std::move(group));
    }
    process.connections = std::move(connections);
}

void Suppressions::take_out_findings(ProcessReport& process) {
    std::erase_if(process.findings, [&](const Finding& finding) {
        Suppression* first = nullptr;
        for (const std::string& name : {finding.headline, finding.rule})
            for (const uint32_t index : matching(name)) {
                Suppression& one = suppressions_[index];
                if (one.kind != kFinding) continue;
                one.ever_matched = true;
                if (first == nullptr || one.line < first->line) first = &one;
            }
        if (first != nullptr) first->findings++, findings_++;
        return first != nullptr;
    });
}

void Suppressions::sum_up(Report& report) {
    SuppressedReport& sum = report.suppressed.emplace();
    for (const ProcessReport& process : report.processes)
        for (const auto& [index, stack] : process.suppressed.stacks) {
            if (stack.held.count == 0) continue;
            auto kind = std::ranges::find(sum.kinds, stack.kind, &SuppressedKind::kind);
            if (kind == sum.kinds.end()) {
                const auto of_process = std::ranges::find(process.kinds, stack.kind, &KindReport::kind);
                const bool is_known = of_process != process.kinds.end();
                kind = sum.kinds.insert(kind, {.kind = stack.kind, .title = is_known ? of_process->title : stack.kind});
            }
            kind->stacks++;
            kind->held.count += stack.held.count;
            kind->held.bytes += stack.held.bytes;
            sum.stacks++;
        }
    sum.findings = std::exchange(findings_, 0);
    for (Suppression& one : suppressions_)
        sum.suppressions.push_back({.text = one.text,
                                    .line = one.line,
                                    .stacks = std::exchange(one.stacks, 0),
                                    .findings = std::exchange(one.findings, 0),
                                    .ever_matched = one.ever_matched});
}

void put_back_suppressed(Report& report) {
    for (ProcessReport& process : report.processes) {
        for (auto& [index, stack] : process.suppressed.stacks) {
            const auto kind = std::ranges::find(process.kinds, stack.kind, &KindReport::kind);
            if (kind != process.kinds.end()) kind->stack_count++;
            process.stack_count++;
            process.stacks.insert(process.stacks.begin() + static_cast<ptrdiff_t>(index), std::move(stack));
        }
        for (auto& [index, group] : process.suppressed.connections)
            process.connections.insert(process.connections.begin() + static_cast<ptrdiff_t>(index), std::move(group));
        process.suppressed = {};
    }
    report.suppressed.reset();
}

}  // namespace whoholds
