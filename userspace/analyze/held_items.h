// HeldItems: the single resources behind the stacks of a report, as they are now: what a descriptor leads to, what a thread does,
// which threads nobody joined; and the sockets of a process by endpoint. Used by the report builder, made anew for each report.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/connections.h"
#include "analyze/stack_groups.h"
#include "analyze/thread_items.h"
#include "proc/listening_ports.h"
#include "proc/thread_details.h"
#include "proc/unix_sockets.h"
#include "profile/aggregator.h"
#include "profile/held_resources.h"
#include "report/report.h"

namespace whoholds {

// What is held by one process, from the kernel's tables, and ways to ask for more about single ones.
struct HeldNow {
    std::vector<HeldDescriptor> descriptors;
    std::vector<HeldThread> threads;
    std::vector<FailedConnect> failed_connects;
    UnixSocketPaths unix_paths;
    ListeningPorts listening;        // in the network namespace of the process
    uint64_t boottime_ahead_ns = 0;  // of CLOCK_MONOTONIC
    std::function<std::string(uint32_t descriptor)> link_of;
    // Files that an io_uring holds without descriptors; nullopt: not known.
    std::function<std::optional<uint64_t>(uint32_t descriptor)> ring_files;
    std::function<ThreadDetails(pid_t tid)> thread_details;
    // Bytes of the mapping that an address lies in; nullopt: it is not mapped any more.
    std::function<std::optional<uint64_t>(uint64_t address)> mapping_bytes;
    // Who holds it, of a Go program: a way from a goroutine or a variable; "" when not known.
    std::function<std::string_view(uint32_t descriptor)> holder_of;
};

class HeldItems {
public:
    // All outlive it.
    HeldItems(const HeldNow& now, const Aggregator& aggregator, uint16_t process, const FrameReader& reader,
              uint64_t now_ns);

    // Fills items and item_groups of a stack of this kind.
    void describe(uint8_t kind, const StackGroup& group, StackReport& report);
    // "12 of 14 have ended and nobody joined them, which keeps 96 MiB of stacks mapped"; "" if there are none.
    [[nodiscard]] std::string note_on_joinable() const;
    // "3 more files are held by an io_uring alone, …"; "" if there are none.
    [[nodiscard]] std::string note_on_rings() const;
    // stack_id: as in ConnectionRequest.
    void list_connections(double time_s, size_t top, absl::FunctionRef<uint64_t(uint32_t stack)> stack_id,
                          ConnectionGrowth& growth, ProcessReport& report) const;
    void list_failed_connects(const std::string& exe, ProcessReport& report) const;

private:
    void describe_descriptors(const StackGroup& group, StackReport& report);
    void describe_holders(std::span<const HeldDescriptor> held, StackReport& report) const;
    void describe_threads(const StackGroup& group, StackReport& report);
    void describe_handles(uint8_t kind, const StackGroup& group, StackReport& report);
    [[nodiscard]] JoinableHandle joinable(uint64_t handle, const Block& block) const;
    [[nodiscard]] std::string name_of_routine(uint64_t address) const;

    const HeldNow& now_;
    const Aggregator& aggregator_;
    uint16_t process_;
    FrameReader reader_;
    uint64_t now_ns_;
    SocketView sockets_;
    absl::flat_hash_map<uint32_t, std::vector<uint32_t>> descriptors_of_;  // stack to indexes
    absl::flat_hash_map<uint32_t, std::vector<uint32_t>> threads_of_;
    absl::flat_hash_map<uint32_t, uint64_t> started_ns_;  // by tid: CLOCK_MONOTONIC
    absl::flat_hash_map<uint32_t, uint64_t> handle_of_;   // by tid: of those that can be joined
};

}  // namespace whoholds
