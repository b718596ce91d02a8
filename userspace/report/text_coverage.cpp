// COVERAGE: what was seen, what was not, and what it costs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

constexpr size_t kLabelWidth = 11;
constexpr size_t kProbesShown = 8;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void item(std::string_view label, std::string_view text, TextOutput& output, Verdict verdict = Verdict::kNone) {
    output.labelled("  " + std::string(label), kLabelWidth, text, verdict);
}

std::string join_with_commas(const std::vector<std::string>& texts) {
    return fmt::format("{}", fmt::join(texts, ", "));
}

std::string cost_text(double percent) {
    constexpr std::string_view kOfWhat = "% of one core in the target";
    if (!(percent >= 0 && percent < 1e9)) return "cost not known";
    if (percent < 0.05) return fmt::format("below 0.1 {}", kOfWhat);
    return fmt::format("about {:.{}f} {}", percent, percent < 10 ? 1 : 0, kOfWhat);
}

void write_events(const Coverage& coverage, TextOutput& output) {
    std::string text =
        fmt::format("{} seen, {} lost", exact_count(coverage.events_seen), exact_count(coverage.events_lost));
    if (std::isfinite(coverage.events_per_s) && coverage.events_per_s >= 0 && coverage.events_per_s < 1e18) {
        text += fmt::format(" · {}/s", human_count(static_cast<uint64_t>(std::llround(coverage.events_per_s))));
    }
    if (coverage.cost_core_percent) text += " · " + cost_text(*coverage.cost_core_percent);
    item("events", text, output, coverage.events_lost == 0 ? Verdict::kNone : Verdict::kDoubtful);
}

void write_stack_counts(const Coverage& coverage, TextOutput& output) {
    const uint64_t all = coverage.stacks_complete + coverage.stacks_incomplete;
    if (all == 0) return item("stacks", "none", output);
    if (coverage.stacks_incomplete == 0)
        return item("stacks", fmt::format("all {} complete", exact_count(all)), output);
    item("stacks",
         fmt::format("{} complete, {} incomplete; what each lacks is said below it",
                     exact_count(coverage.stacks_complete), exact_count(coverage.stacks_incomplete)),
         output);
}

void write_probes(const Coverage& coverage, TextOutput& output) {
    if (coverage.probes.empty()) return item("probes", "none attached", output, Verdict::kBad);
    std::map<std::string, uint64_t> hits;  // by symbol
    std::vector<std::string> modules;
    std::vector<std::string> ways;
    size_t silent = 0;
    const auto add_once = [](std::vector<std::string>& list, std::string text) {
        if (!text.empty() && std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
    };
    for (const ProbeReport& probe : coverage.probes) {
        if (probe.hits == 0) ++silent;
        if (probe.hits != 0) hits[printable(probe.symbol)] += probe.hits;
        add_once(modules, printable(base_name(probe.module)));
        add_once(ways, printable(probe.how));
    }
    std::string text = fmt::format("{} attached", exact_count(coverage.probes.size()));
    if (!modules.empty()) text += " in " + join_with_commas(modules);
    if (!ways.empty()) text += " by " + join_with_commas(ways);
    item("probes", text, output);

    std::vector<std::pair<std::string, uint64_t>> ranked(hits.begin(), hits.end());
    std::ranges::stable_sort(ranked, std::greater(), &std::pair<std::string, uint64_t>::second);
    std::vector<std::string> calls;
    for (const auto& [symbol, count] : ranked) {
        if (calls.size() < kProbesShown) calls.push_back(symbol + ' ' + human_count(count));
    }
    if (ranked.size() > calls.size()) calls.push_back(fmt::format("{} more functions", ranked.size() - calls.size()));
    std::string called = calls.empty() ? "none yet" : join_with_commas(calls);
    if (silent != 0 && !calls.empty()) called += fmt::format(" · {} not called yet", silent);
    item("calls", called, output);
}

void write_losses(const Coverage& coverage, TextOutput& output) {
    for (const LossCounter& loss : coverage.losses) {
        if (loss.value == 0) continue;
        const std::string text =
            exact_count(loss.value) + ' ' + printable(loss.sentence.empty() ? loss.name : loss.sentence);
        item(loss.loses ? "LOST" : "noticed", text, output, loss.loses ? Verdict::kDoubtful : Verdict::kNone);
    }
}

}  // namespace

void write_what_was_lost(const Report& report, TextOutput& output) {
    const Coverage& coverage = report.coverage;
    const bool is_any =
        std::ranges::any_of(coverage.losses, [](const LossCounter& loss) { return loss.loses && loss.value != 0; });
    if (coverage.events_lost == 0 && !is_any && !coverage.probes.empty()) return;
    output.line("COVERAGE");
    if (coverage.probes.empty()) item("probes", "none attached", output, Verdict::kBad);
    if (coverage.events_lost != 0) write_events(coverage, output);
    write_losses(coverage, output);
}

void write_coverage(const Report& report, TextOutput& output) {
    const Coverage& coverage = report.coverage;
    output.line("COVERAGE");
    write_events(coverage, output);
    write_stack_counts(coverage, output);
    write_probes(coverage, output);
    write_losses(coverage, output);
    for (const SkippedReport& skipped : coverage.skipped)
        item("skipped", printable(skipped.what + ": " + skipped.why), output);
    for (const std::string& note : coverage.notes) item("note", printable(note), output);
}

}  // namespace whoholds
