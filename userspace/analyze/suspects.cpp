#include "analyze/suspects.h"

#include <algorithm>

namespace whoholds {
namespace {

const Frame* headline_of(const GrowingStack& growing) {
    const std::vector<Frame>& frames = growing.stack->frames;
    return growing.headline < frames.size() ? &frames[growing.headline] : nullptr;
}

bool same_function(const Frame& a, const Frame& b) {
    if (a.function.empty() || b.function.empty()) return a.address == b.address;
    return a.function == b.function && a.module == b.module && a.file == b.file;
}

bool same_headline(const GrowingStack& a, const GrowingStack& b) {
    const Frame* of_a = headline_of(a);
    const Frame* of_b = headline_of(b);
    return of_a != nullptr && of_b != nullptr && same_function(*of_a, *of_b);
}

// Whether `outer`'s frame to look at is further out in `inner`'s stack, though not at its very end, where main is.
bool is_below(const GrowingStack& inner, const GrowingStack& outer) {
    const Frame* wanted = headline_of(outer);
    if (wanted == nullptr) return false;
    const std::vector<Frame>& frames = inner.stack->frames;
    for (size_t i = inner.headline + 1; i < frames.size(); i++)
        if (same_function(frames[i], *wanted)) return true;
    return false;
}

bool has_kind(const Suspect& suspect, std::string_view kind) {
    return std::ranges::any_of(suspect.parts, [&](const SuspectPart& part) { return part.kind == kind; });
}

void add(Suspect& suspect, const GrowingStack& one) {
    auto part = std::ranges::find(suspect.parts, one.stack->kind, &SuspectPart::kind);
    if (part == suspect.parts.end())
        part = suspect.parts.insert(part, {.kind = one.stack->kind, .stacks = {}, .held = {}, .growth_per_min = {}});
    part->stacks.push_back(&one);
    part->held.count += one.stack->held.count;
    part->held.bytes += one.stack->held.bytes;
    part->growth_per_min.count += one.count_per_min();
    part->growth_per_min.bytes += one.bytes_per_min();
    suspect.evidence = std::max(suspect.evidence, one.evidence);
}

void swallow(Suspect& outer, const Suspect& inner) {
    for (const SuspectPart& part : inner.parts)
        for (const GrowingStack* one : part.stacks) add(outer, *one);
}

bool shares_no_kind(const Suspect& a, const Suspect& b) {
    return std::ranges::none_of(a.parts, [&](const SuspectPart& part) { return has_kind(b, part.kind); });
}

}  // namespace

std::vector<Suspect> tie_together(const std::vector<GrowingStack>& growing) {
    std::vector<Suspect> suspects;
    for (const GrowingStack& one : growing) {
        auto same =
            std::ranges::find_if(suspects, [&](const Suspect& suspect) { return same_headline(*suspect.first, one); });
        if (same == suspects.end()) same = suspects.insert(same, {.first = &one, .parts = {}});
        add(*same, one);
    }
    for (size_t outer = 0; outer < suspects.size(); outer++) {
        for (size_t inner = 0; inner < suspects.size();) {
            const bool belongs = inner != outer && is_below(*suspects[inner].first, *suspects[outer].first) &&
                                 shares_no_kind(suspects[inner], suspects[outer]);
            if (!belongs) {
                inner++;
                continue;
            }
            swallow(suspects[outer], suspects[inner]);
            suspects.erase(suspects.begin() + static_cast<ptrdiff_t>(inner));
            if (inner < outer) outer--;
        }
    }
    return suspects;
}

}  // namespace whoholds
