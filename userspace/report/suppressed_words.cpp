#include "report/suppressed_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/human.h"
#include "base/printable.h"

namespace whoholds {
namespace {

std::string counted(uint64_t count, std::string_view one) {
    return fmt::format("{} {}{}", exact_count(count), one, count == 1 ? "" : "s");
}

std::string what_was(const SuppressedReport& suppressed) {
    std::string text;
    if (suppressed.stacks > 0) {
        std::string kinds;
        for (const SuppressedKind& kind : suppressed.kinds) {
            const Amount& held = kind.held;
            kinds +=
                fmt::format("{}{} {}", kinds.empty() ? "" : ", ",
                            held.bytes > 0 ? human_bytes(held.bytes) : exact_count(held.count), printable(kind.title));
        }
        text = fmt::format("{} ({})", counted(suppressed.stacks, "stack"), kinds);
    }
    if (suppressed.findings > 0) text += (text.empty() ? "" : " and ") + counted(suppressed.findings, "finding");
    return text.empty() ? "nothing now" : text;
}

}  // namespace

std::string suppressed_words(const SuppressedReport& suppressed) {
    constexpr size_t kNamed = 5;
    const auto used = std::ranges::count_if(
        suppressed.suppressions, [](const SuppressionUse& one) { return one.stacks > 0 || one.findings > 0; });
    const std::string all = counted(suppressed.suppressions.size(), "suppression");
    std::string text = what_was(suppressed);
    text += used == 0 ? fmt::format(" ({})", all) : fmt::format(", by {} of {}", used, all);
    size_t unused = 0;
    for (const SuppressionUse& one : suppressed.suppressions) {
        if (one.ever_matched) continue;
        if (++unused <= kNamed) text += (unused == 1 ? "; never matched: " : ", ") + printable(one.text);
    }
    if (unused > kNamed) text += fmt::format(" and {} more", unused - kNamed);
    return text;
}

nlohmann::ordered_json suppressed_as_json(const SuppressedReport& suppressed) {
    using Json = nlohmann::ordered_json;
    Json kinds = Json::object();
    for (const SuppressedKind& kind : suppressed.kinds)
        kinds[kind.kind] = {{"stacks", kind.stacks},
                            {"held", {{"count", kind.held.count}, {"bytes", kind.held.bytes}}}};
    Json suppressions = Json::array();
    for (const SuppressionUse& one : suppressed.suppressions)
        suppressions.push_back({{"text", one.text},
                                {"line", one.line},
                                {"stacks", one.stacks},
                                {"findings", one.findings},
                                {"ever_matched", one.ever_matched}});
    return {{"stacks", suppressed.stacks},
            {"findings", suppressed.findings},
            {"kinds", std::move(kinds)},
            {"suppressions", std::move(suppressions)}};
}

}  // namespace whoholds
