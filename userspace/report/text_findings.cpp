#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

constexpr size_t kIndent = 10;
constexpr size_t kShown = 3;       // in a periodic report
constexpr size_t kShownFinal = 5;  // in the last one

const StackReport* stack_of(const ProcessReport& process, const Finding& finding) {
    for (const uint64_t id : finding.stack_ids) {
        const auto found = std::ranges::find(process.stacks, id, &StackReport::id);
        if (found != process.stacks.end()) return &*found;
    }
    return nullptr;
}

// "grpc.newBufWriter < ... < main.(*API).CreateUser < net/http.HandlerFunc.ServeHTTP": innermost first; what lies between the
// innermost one and the one to look at is left out where it is long.
std::string way_of(const StackReport& stack, const Finding& finding) {
    constexpr size_t kFrames = 6;
    constexpr size_t kBefore = 3;
    std::vector<std::string> names;
    size_t suspect = 0;
    for (const Frame& frame : stack.frames) {
        if (frame.function.empty()) continue;
        if (suspect == 0 && frame.function == finding.headline) suspect = names.size();
        names.push_back(printable(frame.function));
    }
    if (suspect > kBefore) {
        names.erase(names.begin() + 1, names.begin() + static_cast<ptrdiff_t>(suspect));
        names.insert(names.begin() + 1, "...");
    }
    if (names.size() > kFrames) {
        names.resize(kFrames);
        names.emplace_back("...");
    }
    return fmt::format("{}", fmt::join(names, " < "));
}

std::string held_text(const Finding& finding) {
    std::string text;
    for (const FindingPart& part : finding.parts) {
        const std::string amount = part.held.bytes > 0 ? human_bytes(part.held.bytes) : human_count(part.held.count);
        text += fmt::format("{}{} {}", text.empty() ? "held now: " : ", ", amount, part.title);
    }
    return text;
}

void write_finding(const ProcessReport& process, const Finding& finding, bool is_first, bool brief,
                   TextOutput& output) {
    const Verdict verdict = finding.verdict == "holding" ? Verdict::kDoubtful : Verdict::kBad;
    std::string head = pad_right(word_of(finding), kIndent) + place_of(finding);
    if (is_first) head += "   first suspect";
    output.line(head, verdict);
    const auto say = [&](const std::string& text) {
        if (!text.empty()) output.labelled("", kIndent - 2, printable(text));
    };
    say(finding.reason);
    if (brief) {
        if (finding.forecast) say(forecast_words(*finding.forecast, ""));
        return;
    }
    for (const std::string& evidence : finding.evidence) say(evidence);
    if (const StackReport* stack = stack_of(process, finding)) say(way_of(*stack, finding));
    say(held_text(finding));
    if (finding.forecast) say(forecast_words(*finding.forecast, ""));
    if (!finding.interim.empty()) say("until it is mended: " + finding.interim);
}

}  // namespace

std::string word_of(const Finding& finding) {
    std::string word = finding.verdict;
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return word;
}

std::string place_of(const Finding& finding) {
    std::string text = printable(finding.headline);
    if (finding.file.empty()) return text;
    text += "  " + printable(finding.file.substr(finding.file.rfind('/') + 1));
    return finding.line > 0 ? text + fmt::format(":{}", finding.line) : text;
}

std::string forecast_words(const Forecast& forecast, std::string_view named) {
    std::string text = forecast.limit == named ? "" : printable(forecast.limit) + ": ";
    const std::string low = human_age(forecast.low_s);
    text += "reached in " + human_age(forecast.in_s);
    if (!std::isfinite(forecast.high_s)) return text + fmt::format(" ({} at the earliest)", low);
    const std::string high = human_age(forecast.high_s);
    return low == high ? text : text + fmt::format(" ({} to {})", low, high);
}

void write_findings(const Report& report, const ProcessReport& process, TextOutput& output) {
    if (process.findings.empty()) {
        if (!process.why_no_verdict.empty()) {
            output.labelled("NO VERDICT", kIndent, printable(process.why_no_verdict));
            output.blank();
        } else if (!process.series.empty()) {
            output.labelled("STEADY", kIndent - 2, "nothing of what is followed was seen to grow");
            output.blank();
        }
        return;
    }
    const size_t most = report.final ? kShownFinal : kShown;
    bool is_first = true;
    for (const Finding& finding : process.findings) {
        if (static_cast<size_t>(&finding - process.findings.data()) == most) break;
        write_finding(process, finding, is_first, is_brief(report, output), output);
        output.blank();
        is_first = false;
    }
    if (process.findings.size() > most) {
        output.line(fmt::format("and {} more findings (--json has all)", process.findings.size() - most));
        output.blank();
    }
}

}  // namespace whoholds
