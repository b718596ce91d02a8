#include "analyze/difference.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "analyze/stack_groups.h"

namespace whoholds {
namespace {

struct Held {
    Amount amount;
    const StackReport* stack = nullptr;
};

using StackKey = std::tuple<std::string, std::string, std::string>;  // command, kind, frames

std::string frames_key(const StackReport& stack) {
    if (stack.frames.empty()) return stack.before_attach ? "before" : stack.why_incomplete;
    std::vector<Frame> frames = stack.frames;
    for (Frame& frame : frames) {
        if (frame.module_address == 0) continue;
        frame.address = 0;  // differs from run to run
    }
    return key_of_frames(frames);
}

std::map<StackKey, Held> stacks_of(const Report& report) {
    std::map<StackKey, Held> stacks;
    for (const ProcessReport& process : report.processes)
        for (const StackReport& stack : process.stacks) {
            Held& held = stacks[{process.command, stack.kind, frames_key(stack)}];
            held.amount.count += stack.held.count;
            held.amount.bytes += stack.held.bytes;
            held.stack = &stack;
        }
    return stacks;
}

struct KindSum {
    std::string title;
    Amount held;
};

std::map<std::string, KindSum> kinds_of(const Report& report) {
    std::map<std::string, KindSum> kinds;
    for (const ProcessReport& process : report.processes)
        for (const KindReport& kind : process.kinds) {
            KindSum& sum = kinds[kind.kind];
            sum.title = kind.title;
            sum.held.count += kind.held.count;
            sum.held.bytes += kind.held.bytes;
        }
    return kinds;
}

HeldChange change(std::string kind, std::string title, const Amount& before, const Amount& after) {
    HeldChange change{.kind = std::move(kind), .title = std::move(title), .before = before, .after = after};
    change.count = static_cast<int64_t>(after.count - before.count);
    change.bytes = static_cast<int64_t>(after.bytes - before.bytes);
    return change;
}

}  // namespace

ReportDifference difference_of(const Report& before, const Report& after) {
    ReportDifference difference;
    auto kinds_before = kinds_of(before);
    const auto kinds_after = kinds_of(after);
    for (const auto& [kind, sum] : kinds_after)
        difference.kinds.push_back(change(kind, sum.title, kinds_before[kind].held, sum.held));
    for (const auto& [kind, sum] : kinds_before)
        if (!kinds_after.contains(kind)) difference.kinds.push_back(change(kind, sum.title, sum.held, {}));

    auto stacks_before = stacks_of(before);
    const auto title_of = [&](const std::string& kind) {
        const auto found = kinds_after.find(kind);
        return found == kinds_after.end() ? kind : found->second.title;
    };
    for (const auto& [key, held] : stacks_of(after)) {
        const auto found = stacks_before.find(key);
        const Amount then = found == stacks_before.end() ? Amount{} : found->second.amount;
        if (found != stacks_before.end()) stacks_before.erase(found);
        if (then == held.amount) continue;
        difference.stacks.push_back(change(std::get<1>(key), title_of(std::get<1>(key)), then, held.amount));
        difference.stacks.back().stack = held.stack;
    }
    for (const auto& [key, held] : stacks_before) {
        if (held.amount == Amount{}) continue;
        difference.stacks.push_back(change(std::get<1>(key), title_of(std::get<1>(key)), held.amount, {}));
        difference.stacks.back().stack = held.stack;
    }
    std::ranges::stable_sort(difference.stacks, [](const HeldChange& a, const HeldChange& b) {
        return std::pair(a.bytes, a.count) > std::pair(b.bytes, b.count);
    });
    return difference;
}

}  // namespace whoholds
