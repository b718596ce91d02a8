#include "analyze/finding_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "analyze/forecast.h"
#include "analyze/headline.h"
#include "base/human.h"

namespace whoholds {
namespace {

bool has_bytes(const FindingPart& part) { return part.growth_per_min.bytes > 0; }

// "connections" -> "connection"
std::string of_count(double count, std::string title) {
    if (count == 1 && title.ends_with('s')) title.pop_back();
    return title;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

bool has_use(const Finding& finding, std::initializer_list<UsesUp> uses) {
    return std::ranges::any_of(finding.parts, [&](const FindingPart& part) {
        return std::ranges::find(uses, uses_up(part.kind)) != uses.end();
    });
}

}  // namespace

std::string headline_words(const Frame& frame) { return frame_name(frame); }

std::string title_of(const ProcessReport& process, std::string_view kind) {
    for (const KindReport& one : process.kinds)
        if (one.kind == kind) return one.title;
    return std::string(kind);
}

std::string growth_sentence(const Suspect& suspect, const Finding& finding, double span_s) {
    std::vector<std::string> parts;
    for (const FindingPart& part : finding.parts)
        parts.push_back(has_bytes(part)
                            ? fmt::format("{} {}", human_signed_bytes(part.growth_per_min.bytes), part.title)
                            : fmt::format("{} {}", human_signed_count(part.growth_per_min.count), part.title));
    const char* and_then = suspect.evidence == Evidence::kLeaks
                               ? "and what is older than some seconds is not given back"
                               : "and has not stopped";
    return fmt::format("{} a minute, steadily for {}, {}", joined(parts), human_age(span_s), and_then);
}

std::string each_sentence(const Finding& finding) {
    if (finding.parts.size() < 2) return {};
    double times = std::numeric_limits<double>::infinity();
    for (const FindingPart& part : finding.parts)
        if (part.growth_per_min.count > 0) times = std::min(times, part.growth_per_min.count);
    if (!std::isfinite(times) || times <= 0) return {};
    std::vector<std::string> parts;
    for (const FindingPart& part : finding.parts) {
        if (has_bytes(part)) {
            parts.push_back(fmt::format("{} {}", human_bytes(static_cast<uint64_t>(part.growth_per_min.bytes / times)),
                                        part.title));
            continue;
        }
        const double each = part.growth_per_min.count / times;
        if (std::fabs(each - std::round(each)) > 0.2 * std::max(each, 1.0)) return {};
        parts.push_back(fmt::format("{:.0f} {}", each, of_count(std::round(each), part.title)));
    }
    return fmt::format("each time {}; {} times a minute", joined(parts),
                       human_count(static_cast<uint64_t>(std::lround(times))));
}

std::string survival_sentence(const Suspect& suspect) {
    const GrowingStack& first = *suspect.first;
    if (!first.survival) return {};
    return fmt::format("of what was taken by this stack and became old, {:.0f} % are still held",
                       first.survival->kept * 100);
}

std::string interim_words(const Finding& finding, const ProcessReport& process) {
    std::string restart = "a restart gives it back; fewer calls of this line make it slower";
    if (finding.forecast)
        restart = fmt::format("restart it within {}, one instance after the other", human_age(finding.forecast->low_s));
    if (has_use(finding, {UsesUp::kDescriptors}) && process.limits.open_files)
        return fmt::format("{}; a higher limit gains time: prlimit --pid {} --nofile={}", restart, process.pid,
                           *process.limits.open_files * 4);
    if (has_use(finding, {UsesUp::kThreads, UsesUp::kThreadStacks}))
        return restart + "; a higher pids.max and more memory gain time";
    if (finding.forecast) return restart + "; a higher limit gains time";
    return restart;
}

}  // namespace whoholds
