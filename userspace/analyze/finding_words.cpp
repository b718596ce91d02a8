#include "analyze/finding_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>
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

// The next function of the user's own further out; "" if there is none.
std::string caller_of(const GrowingStack& one, std::string_view exe) {
    const std::vector<Frame>& frames = one.stack->frames;
    for (size_t i = one.headline + 1; i < frames.size(); ++i)
        if (frames[i].function != frames[one.headline].function && is_user_code(frames[i], exe))
            return headline_words(frames[i]);
    return {};
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

std::string callers_sentence(const Suspect& suspect, const GrowingStack& first, std::string_view exe) {
    constexpr size_t kMost = 3;
    constexpr uint64_t kOneIn = 10;
    std::map<std::string, uint64_t> held_by;
    uint64_t total = 0;
    const Frame& wanted = first.stack->frames[first.headline];
    for (const SuspectPart& part : suspect.parts) {
        for (const GrowingStack* one : part.stacks) {
            const Frame& frame = one->stack->frames[one->headline];
            if (part.kind != first.stack->kind || frame.function != wanted.function || frame.file != wanted.file)
                continue;
            held_by[caller_of(*one, exe)] += one->stack->held.count;
            total += one->stack->held.count;
        }
    }
    std::vector<std::pair<std::string, uint64_t>> callers(held_by.begin(), held_by.end());
    std::erase_if(callers, [&](const auto& one) { return one.first.empty() || one.second < total / kOneIn; });
    std::ranges::stable_sort(callers, std::greater(), &std::pair<std::string, uint64_t>::second);
    if (callers.size() < 2) return {};
    std::vector<std::string> parts;
    for (size_t i = 0; i < std::min(callers.size(), kMost); ++i)
        parts.push_back(fmt::format("{} ({} of {})", callers[i].first, callers[i].second, total));
    if (callers.size() > kMost) parts.push_back(fmt::format("and {} more", callers.size() - kMost));
    return "called by " + joined(parts);
}

std::string keeper_sentence(const GrowingStack& first) {
    if (first.keeper != nullptr)
        return fmt::format(
            "{}, which calls it, keeps nearly all that it allocates itself: look there for what holds on to it",
            headline_words(*first.keeper));
    if (first.made_at == nullptr) return {};
    if (first.kept_at != nullptr)
        return fmt::format(
            "most of it is made by {} ({}:{}), and kept by variables of functions that are made at this line: {} of "
            "{} objects that were looked at",
            headline_words(*first.made_at), first.made_at->file, first.made_at->line, first.kept_at->count,
            first.kept_at->looked_at);
    return fmt::format(
        "most of it is made by {} ({}:{}); this line comes behind that call, and what it allocates stays, too",
        headline_words(*first.made_at), first.made_at->file, first.made_at->line);
}

std::string hand_on_sentence(const GrowingStack& first) {
    const std::vector<Frame>& frames = first.stack->frames;
    if (first.headline == 0 || !frames[first.headline - 1].hands_on) return {};
    return fmt::format("{} took it and handed it on; who called that has to give it back",
                       headline_words(frames[first.headline - 1]));
}

std::string stay_sentence(const Suspect& suspect) {
    const auto& stay = suspect.first->stay;
    if (suspect.evidence != Evidence::kGrows || !stay || !grows_steadily(*stay)) return {};
    const double then_s = std::max(stay->level - stay->rise / 2, 0.0);
    return fmt::format("it is not more work: each is held longer, {} on average when this began, {} now",
                       human_age(then_s), human_age(stay->level + stay->rise / 2));
}

std::string interim_words(const Finding& finding, const ProcessReport& process) {
    std::string restart = "a restart gives it back; fewer calls of this line make it slower";
    constexpr double kNoHurryS = 30.0 * 86400;
    const bool is_near = finding.forecast && finding.forecast->low_s < kNoHurryS;
    if (is_near)
        restart = fmt::format("restart it within {}, one instance after the other", human_age(finding.forecast->low_s));
    if (has_use(finding, {UsesUp::kDescriptors}) && process.limits.open_files)
        return fmt::format("{}; a higher limit gains time: prlimit --pid {} --nofile={}", restart, process.pid,
                           *process.limits.open_files * 4);
    if (has_use(finding, {UsesUp::kThreads, UsesUp::kThreadStacks}))
        return restart + "; a higher pids.max and more memory gain time";
    if (is_near) return restart + "; a higher limit gains time";
    return restart;
}

}  // namespace whoholds
