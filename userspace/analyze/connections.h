// Connections: the sockets of one process, taken together by protocol, direction and endpoint. Used by the report builder.
// Pure: time is passed in. Words are made for the groups that are shown only.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyze/descriptor_items.h"
#include "analyze/descriptor_tally.h"
#include "analyze/growth.h"
#include "profile/held_resources.h"
#include "report/report.h"

namespace whoholds {

// How many connections each endpoint has from report to report; one for each process.
// Bounded: the largest endpoints only, and those that vanish are forgotten.
class ConnectionGrowth {
public:
    static constexpr size_t kMostEndpoints = 4'096;

    // Once a report. time_s: since the attach. `order`: as largest_first() says.
    void sample(const DescriptorTallies& tallies, std::span<const uint32_t> order, double time_s);
    [[nodiscard]] std::optional<double> per_minute(const DescriptorKey& key) const;
    [[nodiscard]] size_t size() const { return series_.size(); }

private:
    struct Endpoint {
        GrowthSeries series;
        uint64_t sample = 0;  // the latest in which it was there
    };
    absl::flat_hash_map<std::string, Endpoint> series_;
    uint64_t samples_ = 0;
};

struct ConnectionRequest {
    uint64_t now_ns = 0;
    double time_s = 0;  // since the attach
    size_t top = 10;
    absl::FunctionRef<uint64_t(uint32_t stack)> stack_id;  // StackReport::id of a stack's index; 0: not shown
};

struct ConnectionList {
    std::vector<ConnectionGroup> groups;  // largest first; equal ones keep their order from report to report
    size_t omitted = 0;
};

// Of all the descriptors of one process; what are no sockets of IP or unix sockets are passed over. Notes a sample in growth.
ConnectionList group_connections(std::span<const HeldDescriptor> descriptors, const SocketView& view,
                                 const ConnectionRequest& request, ConnectionGrowth& growth);

}  // namespace whoholds
