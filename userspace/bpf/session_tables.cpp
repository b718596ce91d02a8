// The part of a session that compares descriptors and threads with the kernel's own tables.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "bpf/session_state.h"
#include "bpf/shared/resource_kinds.h"
#include "proc/descriptor_links.h"
#include "proc/listening_ports.h"
#include "proc/unix_sockets.h"

namespace whoholds {

namespace {

// A change that is in the table but not reported yet has been reported by the next pass, unless its thread was put aside just then.
constexpr int kMostPasses = 5;
constexpr useconds_t kBetweenPassesUs = 500;

uint64_t boottime_ahead_ns() {  // of CLOCK_MONOTONIC: what was slept through
    timespec boot{}, monotonic{};
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    return static_cast<uint64_t>(boot.tv_sec - monotonic.tv_sec) * 1'000'000'000 +
           static_cast<uint64_t>(boot.tv_nsec - monotonic.tv_nsec);
}

constexpr uint16_t kTypeBits = 0170000;
constexpr uint16_t kSocketBits = 0140000;

}  // namespace

bool Session::is_in_a_book(const Record& record) const {
    if (record.type != RecordType::kAcquire && record.type != RecordType::kRelease) return false;
    return record.kind == WH_KIND_FD || record.kind == WH_KIND_SOCKET || record.kind == WH_KIND_THREAD;
}

void Session::put_in_book(const Record& record) {
    (record.kind == WH_KIND_THREAD ? threads_ : descriptors_).on_record(record, *aggregator_);
}

Result<TablePass> Session::pass_over_descriptors(Target& target) {
    TablePass pass{.start_ns = monotonic_ns(), .seen = {}};
    WH_TRY(auto listed, tracer_->list_descriptors(target.pid(), target.host_tgid()));
    for (const wh_seen_descriptor& one : listed) {
        const bool is_socket = (one.mode & kTypeBits) == kSocketBits;
        pass.seen.push_back({.key = one.fd,
                             .identity = one.file,
                             .seen_ns = one.seen_ns,
                             .kind = static_cast<uint8_t>(is_socket ? WH_KIND_SOCKET : WH_KIND_FD)});
    }
    target.seen_descriptors = std::move(listed);
    return pass;
}

Result<TablePass> Session::pass_over_threads(Target& target) {
    TablePass pass{.start_ns = monotonic_ns(), .seen = {}};
    WH_TRY(auto listed, tracer_->list_threads(target.host_tgid()));
    const uint64_t ahead_ns = boottime_ahead_ns();
    for (const wh_seen_thread& one : listed)
        pass.seen.push_back({.key = one.tid,
                             .identity = one.start_time_ns,
                             .seen_ns = one.seen_ns,
                             .time_ns = one.start_time_ns > ahead_ns ? one.start_time_ns - ahead_ns : 0,
                             .kind = WH_KIND_THREAD});
    target.seen_threads = std::move(listed);
    return pass;
}

// new_origin: kBeforeAttach for the first comparison.
void Session::compare_with_kernel(Target& target, Origin new_origin) {
    if (target.exited()) return;
    size_t waiting = 1;
    for (int i = 0; i < kMostPasses && waiting > 0; i++) {
        if (i > 0) usleep(kBetweenPassesUs);
        waiting = 0;
        if (options_.wanted.descriptors)
            if (auto pass = pass_over_descriptors(target); pass && !pass->seen.empty()) {
                settle();
                waiting += descriptors_.compare(target.slot(), *pass, new_origin, *aggregator_);
            }
        if (options_.wanted.threads)
            if (auto pass = pass_over_threads(target); pass && !pass->seen.empty()) {
                settle();
                waiting += threads_.compare(target.slot(), *pass, new_origin, *aggregator_);
            }
        new_origin = Origin::kUnseen;
    }
}

void Session::compare_goroutines(Target& target) {
    if (auto list = target.listed_goroutines())
        goroutines_.compare(target.slot(), *list, target.go_began_with_nothing(), *aggregator_);
}

// At the attach: who is there by now is from before.
void Session::look_at_go(Target& target) {
    target.look_at_go(attached_s(), [this] { keep_up(); });
    settle();
    source_->census(*this);
    compare_goroutines(target);
}

TracedGoroutines Session::traced_goroutines(const Target& target) const {
    TracedGoroutines traced;
    aggregator_->for_each_block(target.slot(), WH_KIND_GOROUTINE,
                                [&](uint64_t id, const Block& block) { traced[id] = block.stack; });
    return traced;
}

uint32_t Session::stack_of(const BookEntry& entry, uint16_t slot) const {
    return entry.origin == Origin::kSeen ? entry.stack : aggregator_->origin_row(slot, entry.kind, entry.origin);
}

std::vector<HeldDescriptor> Session::held_descriptors(const Target& target) const {
    std::vector<HeldDescriptor> held;
    for (const wh_seen_descriptor& seen : target.seen_descriptors) {
        const BookEntry* entry = descriptors_.find(target.slot(), seen.fd);
        if (!entry || (entry->identity != seen.file && entry->identity != 0)) continue;
        held.push_back({.seen = seen,
                        .kind = entry->kind,
                        .stack = stack_of(*entry, target.slot()),
                        .time_ns = entry->time_ns,
                        .before_attach = entry->origin == Origin::kBeforeAttach,
                        .incoming = entry->incoming});
    }
    return held;
}

std::vector<HeldThread> Session::held_threads(const Target& target) const {
    std::vector<HeldThread> held;
    for (const wh_seen_thread& seen : target.seen_threads) {
        const BookEntry* entry = threads_.find(target.slot(), seen.tid);
        if (!entry || (entry->identity != seen.start_time_ns && entry->identity != 0)) continue;
        held.push_back({.seen = seen,
                        .stack = stack_of(*entry, target.slot()),
                        .time_ns = entry->time_ns,
                        .before_attach = entry->origin == Origin::kBeforeAttach,
                        .start_routine = entry->detail});
    }
    return held;
}

// What is held now, and how to learn more of single ones while the process lives.
HeldNow Session::held_now(const Target& target) const {
    HeldNow now{.descriptors = held_descriptors(target),
                .threads = held_threads(target),
                .failed_connects = failed_connects_.of(target.slot()),
                .unix_paths = {},
                .listening = {},
                .boottime_ahead_ns = boottime_ahead_ns(),
                .link_of = {},
                .ring_files = {},
                .thread_details = {},
                .mapping_bytes = {},
                .holder_of = [&target](uint32_t fd) { return target.go_holder_of(fd); }};
    const auto is_unix = [](const HeldDescriptor& one) { return one.seen.family == AF_UNIX; };
    if (std::ranges::any_of(now.descriptors, is_unix))
        if (auto paths = unix_socket_paths(root_, target.pid())) now.unix_paths = *std::move(paths);
    const auto is_internet = [](const HeldDescriptor& one) {
        return one.seen.family == AF_INET || one.seen.family == AF_INET6;
    };
    if (std::ranges::any_of(now.descriptors, is_internet)) now.listening = listening_ports(root_, target.pid());
    const pid_t pid = target.pid();
    now.link_of = [this, pid](uint32_t fd) { return read_descriptor_link(root_, pid, fd).value_or(""); };
    now.ring_files = [this, pid](uint32_t fd) -> std::optional<uint64_t> {
        Result<uint64_t> files = count_ring_files(root_, pid, fd);
        return files ? std::optional(*files) : std::nullopt;
    };
    now.thread_details = [this, pid](pid_t tid) { return read_thread_details(root_, pid, tid).value_or({}); };
    now.mapping_bytes = [maps = std::optional<std::vector<Mapping>>(), this,
                         pid](uint64_t address) mutable -> std::optional<uint64_t> {
        if (!maps) maps = read_maps(root_, pid).value_or({});
        const auto next = std::ranges::upper_bound(*maps, address, {}, &Mapping::start);
        if (next == maps->begin() || address >= std::prev(next)->end) return std::nullopt;
        return std::prev(next)->end - std::prev(next)->start;
    };
    return now;
}

}  // namespace whoholds
