#include "analyze/held_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>

#include "analyze/descriptor_tally.h"
#include "analyze/headline.h"
#include "analyze/item_groups.h"
#include "base/human.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {

namespace {

// The thread begins a moment before its creator comes back from pthread_create.
constexpr uint64_t kStartToleranceNs = 1'000'000'000;
constexpr std::string_view kRingType = "io_uring";

void cut(std::vector<ItemReport>& items, size_t all, StackReport& report) {
    report.items_omitted = all - items.size();
    report.items = std::move(items);
}

// In the middle of a line, so without the capital letter of strerrordesc_np(), which knows no numbers but the kernel's public ones.
std::string in_words(int error) {
    const char* description = strerrordesc_np(error);
    if (description == nullptr) return fmt::format("error {}", error);
    std::string words = description;
    if (words.size() > 1 && words[0] >= 'A' && words[0] <= 'Z' && words[1] >= 'a' && words[1] <= 'z') words[0] |= 0x20;
    return words;
}

}  // namespace

HeldItems::HeldItems(const HeldNow& now, const Aggregator& aggregator, uint16_t process, const FrameReader& reader,
                     uint64_t now_ns)
    : now_(now),
      aggregator_(aggregator),
      process_(process),
      reader_(reader),
      now_ns_(now_ns),
      sockets_(now.descriptors, &now.unix_paths, now.listening) {
    for (uint32_t i = 0; i < now.descriptors.size(); i++) descriptors_of_[now.descriptors[i].stack].push_back(i);
    for (uint32_t i = 0; i < now.threads.size(); i++) {
        const HeldThread& thread = now.threads[i];
        threads_of_[thread.stack].push_back(i);
        started_ns_[thread.seen.tid] =
            thread.seen.start_time_ns - std::min<uint64_t>(thread.seen.start_time_ns, now.boottime_ahead_ns);
    }
    aggregator.for_each_block(process, WH_KIND_JOINABLE, [&](uint64_t handle, const Block& block) {
        handle_of_[static_cast<uint32_t>(block.size)] = handle;
    });
}

void HeldItems::describe(uint8_t kind, const StackGroup& group, StackReport& report) {
    if (kind == WH_KIND_FD || kind == WH_KIND_SOCKET) return describe_descriptors(group, report);
    if (kind == WH_KIND_THREAD) return describe_threads(group, report);
    if (kind == WH_KIND_JOINABLE || kind >= WH_KIND_PAIR_FIRST) describe_handles(kind, group, report);
}

void HeldItems::describe_descriptors(const StackGroup& group, StackReport& report) {
    std::vector<HeldDescriptor> held;
    for (uint32_t stack : group.stacks)
        if (auto found = descriptors_of_.find(stack); found != descriptors_of_.end())
            for (uint32_t i : found->second) held.push_back(now_.descriptors[i]);
    report.item_groups = group_descriptors(held, sockets_, now_.link_of);
    report.item_groups_of = held.size();
    const size_t shown = std::min(held.size(), kMaxItems);
    std::ranges::partial_sort(held, held.begin() + static_cast<ptrdiff_t>(shown), is_older);
    std::vector<ItemReport> items;
    for (size_t i = 0; i < shown; i++) {
        items.push_back(describe_descriptor(held[i], now_.link_of(held[i].seen.fd), now_ns_, sockets_));
        if (items.back().type == kRingType) items.back().registered_files = now_.ring_files(held[i].seen.fd);
    }
    describe_holders(held, report);
    if (!report.held_by.empty())
        for (ItemReport& item : items) item.held_by = now_.holder_of(static_cast<uint32_t>(item.key));
    cut(items, held.size(), report);
}

// Where a line opened them, that says more.
void HeldItems::describe_holders(std::span<const HeldDescriptor> held, StackReport& report) const {
    constexpr size_t kMostWays = 20;
    if (!now_.holder_of || !report.frames.empty()) return;
    std::map<std::string_view, uint64_t> ways;
    for (const HeldDescriptor& one : held) ++ways[now_.holder_of(one.seen.fd)];
    const auto unknown = ways.extract(std::string_view());
    if (ways.empty()) return;
    if (!unknown.empty()) report.held_by_unknown = unknown.mapped();
    for (const auto& [way, count] : ways) report.held_by.push_back({std::string(way), count, held.size()});
    std::ranges::stable_sort(report.held_by, std::greater(), &HolderReport::count);
    if (report.held_by.size() > kMostWays) report.held_by.resize(kMostWays);
}

std::string HeldItems::name_of_routine(uint64_t address) const {
    if (address == 0) return {};
    const auto frames = reader_.symbolizer.symbolize(address, false);
    return frames.empty() ? std::string() : frames.back().function;
}

void HeldItems::describe_threads(const StackGroup& group, StackReport& report) {
    std::vector<const HeldThread*> held;
    for (uint32_t stack : group.stacks)
        if (auto found = threads_of_.find(stack); found != threads_of_.end())
            for (uint32_t i : found->second) held.push_back(&now_.threads[i]);
    const size_t shown = std::min(held.size(), kMaxItems);
    std::ranges::partial_sort(held, held.begin() + static_cast<ptrdiff_t>(shown), {},
                              [](const HeldThread* thread) { return thread->seen.start_time_ns; });
    std::vector<ItemReport> items;
    for (size_t i = 0; i < shown; i++) {
        const HeldThread& thread = *held[i];
        ThreadSurroundings surroundings{.now_ns = now_ns_,
                                        .boottime_now_ns = now_ns_ + now_.boottime_ahead_ns,
                                        .start_routine = name_of_routine(thread.start_routine),
                                        .stack_bytes = {}};
        if (auto handle = handle_of_.find(thread.seen.tid); handle != handle_of_.end())
            surroundings.stack_bytes = now_.mapping_bytes(handle->second);
        items.push_back(
            describe_thread(thread, now_.thread_details(static_cast<pid_t>(thread.seen.our_tid)), surroundings));
    }
    report.item_groups = group_items(items);
    report.item_groups_of = items.size();
    cut(items, held.size(), report);
}

JoinableHandle HeldItems::joinable(uint64_t handle, const Block& block) const {
    JoinableHandle result{.handle = handle,
                          .time_ns = block.time_ns,
                          .tid = static_cast<uint32_t>(block.size),
                          .finished = true,
                          .stack_bytes = now_.mapping_bytes(handle)};
    // A number may have been given to another thread since.
    auto started = started_ns_.find(result.tid);
    if (started != started_ns_.end()) result.finished = started->second > block.time_ns + kStartToleranceNs;
    return result;
}

void HeldItems::describe_handles(uint8_t kind, const StackGroup& group, StackReport& report) {
    std::vector<std::pair<uint64_t, Block>> held;
    aggregator_.for_each_block(process_, kind, [&](uint64_t key, const Block& block) {
        if (std::ranges::find(group.stacks, block.stack) != group.stacks.end()) held.emplace_back(key, block);
    });
    const size_t shown = kind == WH_KIND_JOINABLE ? held.size() : std::min(held.size(), kMaxItems);
    std::ranges::partial_sort(held, held.begin() + static_cast<ptrdiff_t>(shown), {},
                              [](const auto& one) { return one.second.time_ns; });
    std::vector<ItemReport> items;
    for (const auto& [key, block] : std::span(held).first(shown))
        items.push_back(kind == WH_KIND_JOINABLE ? describe_joinable(joinable(key, block), now_ns_)
                                                 : describe_handle(key, block.time_ns, now_ns_));
    if (kind == WH_KIND_JOINABLE) {
        report.item_groups = group_items(items);
        report.item_groups_of = items.size();
        items.resize(std::min(items.size(), kMaxItems));
    }
    cut(items, held.size(), report);
}

std::string HeldItems::note_on_joinable() const {
    size_t all = 0, finished = 0;
    uint64_t stack_bytes = 0;
    aggregator_.for_each_block(process_, WH_KIND_JOINABLE, [&](uint64_t handle, const Block& block) {
        const JoinableHandle one = joinable(handle, block);
        all++;
        if (!one.finished) return;
        finished++;
        stack_bytes += one.stack_bytes.value_or(0);
    });
    if (finished == 0) return {};
    return fmt::format("{} of {} have ended and were never joined nor detached; their stacks keep {} mapped",
                       exact_count(finished), exact_count(all), human_bytes(stack_bytes));
}

std::string HeldItems::note_on_rings() const {
    size_t links_read = 0, rings = 0, unknown = 0;
    uint64_t files = 0;
    for (const HeldDescriptor& one : now_.descriptors) {
        if (!may_be_anonymous(one.seen) || links_read++ >= kMostLinksRead) continue;
        if (file_words(one.seen, now_.link_of(one.seen.fd)).type != kRingType) continue;
        const std::optional<uint64_t> held = now_.ring_files(one.seen.fd);
        rings++;
        files += held.value_or(0);
        if (!held) unknown++;
    }
    std::string note;
    if (files > 0) {
        note = fmt::format("{} more files are held by io_uring alone, without descriptors, and are not counted here",
                           exact_count(files));
    }
    if (unknown > 0) {
        note += fmt::format("{}{} of {} io_uring instances do not say which files they hold", note.empty() ? "" : "; ",
                            exact_count(unknown), exact_count(rings));
    }
    return note;
}

void HeldItems::list_connections(double time_s, size_t top, absl::FunctionRef<uint64_t(uint32_t stack)> stack_id,
                                 ConnectionGrowth& growth, ProcessReport& report) const {
    ConnectionList list = group_connections(
        now_.descriptors, sockets_, {.now_ns = now_ns_, .time_s = time_s, .top = top, .stack_id = stack_id}, growth);
    report.connections = std::move(list.groups);
    report.connection_groups_omitted = list.omitted;
}

void HeldItems::list_failed_connects(const std::string& exe, ProcessReport& report) const {
    for (const FailedConnect& failed : now_.failed_connects) {
        ConnectFailure failure;
        failure.error = failed.error == 0 ? "various" : in_words(failed.error);
        failure.count = failed.count;
        if (const StackInfo* info = failed.stack != 0 ? aggregator_.find_stack(failed.stack) : nullptr) {
            const std::vector<Frame> frames = reader_.frames_of(*info, WH_KIND_SOCKET);
            failure.stack_id = id_of_row(frames, {&failed.stack, 1}, aggregator_);
            failure.headline = headline_of(frames, exe);
        }
        report.connect_failures.push_back(std::move(failure));
    }
    std::ranges::sort(report.connect_failures, std::ranges::greater(), &ConnectFailure::count);
}

}  // namespace whoholds
