#include "analyze/suspects.h"

#include <algorithm>
#include <cmath>

#include "analyze/forecast.h"

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
        part = suspect.parts.insert(
            part, {.kind = one.stack->kind, .stacks = {}, .rows = {}, .held = {}, .growth_per_min = {}});
    part->stacks.push_back(&one);
    std::vector<const StackReport*> rows = one.also;
    rows.insert(rows.begin(), one.stack);
    for (const StackReport* row : rows) {
        if (std::ranges::find(part->rows, row) != part->rows.end()) continue;
        part->rows.push_back(row);
        part->held.count += row->held.count;
        part->held.bytes += row->held.bytes;
    }
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

double memory_per_min(const Suspect& suspect) {
    double sum = 0;
    for (const SuspectPart& part : suspect.parts)
        if (uses_up(part.kind) == UsesUp::kMemory) sum += part.growth_per_min.bytes;
    return sum;
}

bool is_only_memory(const Suspect& suspect) {
    return std::ranges::all_of(suspect.parts,
                               [](const SuspectPart& part) { return uses_up(part.kind) == UsesUp::kMemory; });
}

// Nothing is blamed on a line that only samples name, if there is more to go by.
bool is_of_samples(const Suspect& suspect) {
    return std::ranges::all_of(suspect.parts, [](const SuspectPart& part) {
        return std::ranges::all_of(part.stacks,
                                   [](const GrowingStack* one) { return is_sample_of_memory(*one->stack); });
    });
}

// Memory that is taken further in, beside what else is taken there: the client's own share of what a client is.
bool is_share_of(const Suspect& inner, const Suspect& outer) {
    constexpr double kShare = 1.0 / 3;
    return is_only_memory(inner) && !is_only_memory(outer) && memory_per_min(inner) < kShare * memory_per_min(outer);
}

// What no line of the user's stands behind and is little beside what one is already blamed for: the libraries' own part in it.
void leave_out_remainders(std::vector<Suspect>& suspects) {
    constexpr double kLittle = 0.1;
    double most = 0;
    for (const Suspect& suspect : suspects)
        if (suspect.first->is_users_code) most = std::max(most, memory_per_min(suspect));
    std::erase_if(suspects, [&](const Suspect& suspect) {
        return !suspect.first->is_users_code && is_only_memory(suspect) && memory_per_min(suspect) < kLittle * most;
    });
}

// All of a kind, or one of several things that it takes each time.
bool takes_as_many(const Suspect& line, const SuspectPart& wanted) {
    return std::ranges::any_of(line.parts, [&](const SuspectPart& part) {
        if (part.kind == wanted.kind) return false;
        const auto is_as_many = [&](uint64_t held, double per_min) {
            return are_as_many(held, per_min, wanted.held.count, wanted.growth_per_min.count);
        };
        if (is_as_many(part.held.count, part.growth_per_min.count)) return true;
        return std::ranges::any_of(part.stacks, [&](const GrowingStack* one) {
            return is_as_many(one->stack->held.count, one->count_per_min());
        });
    });
}

// What only a library's own loop stands behind, since it was put off until later (a connection of Node's, say), belongs to the line of the
// user's that takes as many of something else, if there is only one.
void tie_what_was_put_off(std::vector<Suspect>& suspects) {
    for (size_t at = 0; at < suspects.size();) {
        const Suspect& put_off = suspects[at];
        std::vector<Suspect*> lines;
        if (!put_off.first->is_users_code && put_off.parts.size() == 1 && !is_only_memory(put_off)) {
            for (Suspect& line : suspects)
                if (line.first->is_users_code && takes_as_many(line, put_off.parts.front())) lines.push_back(&line);
        }
        if (lines.size() != 1) {
            at++;
            continue;
        }
        swallow(*lines.front(), put_off);
        suspects.erase(suspects.begin() + static_cast<ptrdiff_t>(at));
    }
}

// Only where something else than memory shows that the line is to blame.
void add_follower(std::vector<Suspect>& suspects, const GrowingStack& follower) {
    for (Suspect& suspect : suspects) {
        if (is_only_memory(suspect)) continue;
        if (!same_headline(*suspect.first, follower) && !is_below(follower, *suspect.first)) continue;
        return add(suspect, follower);
    }
}

}  // namespace

std::vector<Suspect> tie_together(const std::vector<GrowingStack>& growing) {
    std::vector<Suspect> suspects;
    for (const GrowingStack& one : growing) {
        if (one.evidence == Evidence::kFollows) continue;
        auto same =
            std::ranges::find_if(suspects, [&](const Suspect& suspect) { return same_headline(*suspect.first, one); });
        if (same == suspects.end()) same = suspects.insert(same, {.first = &one, .parts = {}});
        add(*same, one);
    }
    for (size_t outer = 0; outer < suspects.size(); outer++) {
        for (size_t inner = 0; inner < suspects.size();) {
            const bool belongs =
                inner != outer && !(is_of_samples(suspects[outer]) && !is_of_samples(suspects[inner])) &&
                is_below(*suspects[inner].first, *suspects[outer].first) &&
                (shares_no_kind(suspects[inner], suspects[outer]) || is_share_of(suspects[inner], suspects[outer]));
            if (!belongs) {
                inner++;
                continue;
            }
            swallow(suspects[outer], suspects[inner]);
            suspects.erase(suspects.begin() + static_cast<ptrdiff_t>(inner));
            if (inner < outer) outer--;
        }
    }
    tie_what_was_put_off(suspects);
    for (const GrowingStack& one : growing)
        if (one.evidence == Evidence::kFollows) add_follower(suspects, one);
    leave_out_remainders(suspects);
    return suspects;
}

}  // namespace whoholds
