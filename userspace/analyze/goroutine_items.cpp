#include "analyze/goroutine_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "analyze/headline.h"
#include "base/human.h"
#include "bpf/shared/records.h"

namespace whoholds {
namespace {

constexpr double kNsPerS = 1e9;

std::string place_text(const Frame& frame) {
    if (frame.function.empty() && frame.module.empty()) return "";
    if (frame.file.empty()) return frame_name(frame);
    return fmt::format("{} {}:{}", frame_name(frame), frame.file.substr(frame.file.rfind('/') + 1), frame.line);
}

}  // namespace

bool is_go_runtime(const Frame& frame) {
    const std::string_view package = go_package_of(frame.function);
    return frame.go == GoOrigin::kStandard && (package == "runtime" || package.starts_with("internal/runtime/"));
}

GoroutineItems::GoroutineItems(const Look& look, Symbolizer& symbolizer) : look_(look), symbolizer_(symbolizer) {
    const std::vector<Goroutine>& goroutines = look_.snapshot.goroutines;
    for (uint32_t i = 0; i < goroutines.size(); ++i) {
        if (goroutines[i].is_system) continue;
        if (!look_.traced) {
            by_creator_[GoLedger::creator_of(goroutines[i].record)].push_back(i);
        } else if (const auto stack = look_.traced->find(goroutines[i].record.id); stack != look_.traced->end()) {
            by_creator_[stack->second].push_back(i);
        }
    }
}

std::vector<uint32_t> GoroutineItems::of_creators(std::span<const uint64_t> creators) const {
    std::vector<uint32_t> all;
    for (const uint64_t creator : creators) {
        const auto found = by_creator_.find(creator);
        if (found != by_creator_.end()) all.insert(all.end(), found->second.begin(), found->second.end());
    }
    return all;
}

std::optional<double> GoroutineItems::blocked_s(const Goroutine& goroutine) const {
    const int64_t since_ns = goroutine.record.wait_since_ns;
    if (goroutine.record.state != GoroutineState::kWaiting || since_ns <= 0) return std::nullopt;
    const auto now_ns = static_cast<int64_t>(look_.now_ns);
    return since_ns < now_ns ? static_cast<double>(now_ns - since_ns) / kNsPerS : 0;
}

std::optional<double> GoroutineItems::age_s(const Goroutine& goroutine) const {
    const auto seen_s = look_.ledger.first_seen_s(goroutine.record.id);
    const std::optional<double> blocked = blocked_s(goroutine);
    if (!seen_s || *seen_s >= look_.now_s) return blocked;
    return std::max(look_.now_s - *seen_s, blocked.value_or(0));
}

std::optional<double> GoroutineItems::oldest_s() const {
    std::optional<double> oldest;
    for (const Goroutine& goroutine : look_.snapshot.goroutines) {
        const auto age = goroutine.is_system ? std::nullopt : age_s(goroutine);
        if (age && *age > oldest.value_or(-1)) oldest = age;
    }
    return oldest;
}

std::string GoroutineItems::wait_reason(const Goroutine& goroutine) const {
    const bool is_known =
        goroutine.record.state == GoroutineState::kWaiting && goroutine.record.wait_reason < look_.wait_reasons.size();
    return is_known ? look_.wait_reasons[goroutine.record.wait_reason] : "";
}

const Frame& GoroutineItems::frame_of(uint32_t stack) {
    const auto [found, is_new] = frames_.try_emplace(stack);
    if (!is_new || stack == kNoGoStack) return found->second;
    std::vector<Frame> frames;
    for (const uint64_t address : look_.snapshot.stacks[stack]) {
        auto more = symbolizer_.symbolize(address & ~WH_FRAME_EXACT, (address & WH_FRAME_EXACT) == 0);
        frames.insert(frames.end(), more.begin(), more.end());
    }
    const auto first = std::ranges::find_if_not(frames, is_go_runtime);
    if (first != frames.end()) frames.erase(frames.begin(), first);
    if (!frames.empty()) found->second = frames[headline_frame(frames, "")];
    return found->second;
}

ItemReport GoroutineItems::item_of(const Goroutine& goroutine) {
    ItemReport item;
    item.key = goroutine.record.id;
    item.is_goroutine = true;
    item.type = "goroutine";
    item.state = state_word(goroutine.record.state);
    item.wait_reason = wait_reason(goroutine);
    item.blocked_s = blocked_s(goroutine);
    item.age_s = age_s(goroutine);
    item.function = place_text(frame_of(goroutine.stack));
    item.channel = goroutine.channel;
    item.size_bytes = goroutine.record.stack_high - goroutine.record.stack_low;
    return item;
}

// By the line to look at, with what they wait for and since when.
std::vector<ItemGroup> GoroutineItems::groups_of(std::span<const uint32_t> goroutines) {
    struct Doing {
        ItemGroup group{.what = {}, .count = 0, .states = {}, .size_bytes = 0, .sizes_are_stacks = true};
        std::map<std::string, uint64_t> states;
        double longest_s = 0;
    };
    std::map<std::string, Doing> doings;
    absl::flat_hash_map<uint32_t, Doing*> doing_of;  // by stack
    for (const uint32_t index : goroutines) {
        const Goroutine& goroutine = look_.snapshot.goroutines[index];
        Doing*& doing = doing_of[goroutine.stack];
        if (doing == nullptr) doing = &doings[place_text(frame_of(goroutine.stack))];
        ++doing->group.count;
        *doing->group.size_bytes += goroutine.record.stack_high - goroutine.record.stack_low;
        const std::string reason = wait_reason(goroutine);
        ++doing->states[reason.empty() ? state_word(goroutine.record.state) : reason];
        doing->longest_s = std::max(doing->longest_s, blocked_s(goroutine).value_or(0));
    }
    std::vector<ItemGroup> groups;
    for (auto& [place, doing] : doings) {
        doing.group.what = place.empty() ? "running" : "in " + place;
        if (doing.longest_s > 0) doing.group.what += fmt::format(", blocked {} or longer", human_age(doing.longest_s));
        doing.group.states.assign(doing.states.begin(), doing.states.end());
        std::ranges::stable_sort(doing.group.states, std::greater(), &std::pair<std::string, uint64_t>::second);
        groups.push_back(std::move(doing.group));
    }
    std::ranges::stable_sort(groups, std::greater(), &ItemGroup::count);
    return groups;
}

void GoroutineItems::describe(std::span<const uint64_t> creators, StackReport& report) {
    std::vector<uint32_t> goroutines = of_creators(creators);
    report.item_groups = groups_of(goroutines);
    report.item_groups_of = goroutines.size();
    const auto key = [&](uint32_t index) {
        const Goroutine& goroutine = look_.snapshot.goroutines[index];
        return std::pair(-age_s(goroutine).value_or(0), goroutine.record.id);
    };
    const size_t listed = std::min(goroutines.size(), kMaxItems);
    std::ranges::partial_sort(goroutines, goroutines.begin() + static_cast<ptrdiff_t>(listed), std::less(), key);
    for (size_t i = 0; i < listed; ++i) report.items.push_back(item_of(look_.snapshot.goroutines[goroutines[i]]));
    report.items_omitted = goroutines.size() - listed;
    if (look_.traced && !report.before_attach) return;
    if (!report.items.empty()) report.oldest_s = report.items.front().age_s;
    report.oldest_is_at_least = report.oldest_s.has_value();
}

}  // namespace whoholds
