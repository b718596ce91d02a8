// JsCensuses: when the objects of a process's JavaScript are counted from outside (runtime/v8/heap_census.h), and what came of it. Part of
// JsSampling. A full collection of V8 tells the same without any cost, so censuses fill the time without one.
// Invariant: at most a fiftieth of the time of one processor is spent; a census with a collection in between is not believed.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proc/process.h"
#include "report/report.h"
#include "runtime/v8/heap_census.h"
#include "runtime/v8/v8_process.h"

namespace whoholds {

class JsCensuses {
public:
    struct Place {
        ProcRoot root;
        pid_t pid = 0;
        const V8Process* v8 = nullptr;
        uint64_t most_bytes = 0;
        std::function<void()> pause;  // called every few milliseconds
    };
    // What the kernel's tables say at a moment: equal before and after if there was no collection.
    struct Collections {
        uint64_t scavenges = 0;
        uint64_t full = 0;
        bool is_under_way = false;
        bool operator==(const Collections&) const = default;
    };
    using Found = std::function<void(V8Census& census)>;

    // full_collections: so many were seen.
    [[nodiscard]] bool is_due(double time_s, uint64_t full_collections);
    // look: called before and after; found: at most once, with what stands.
    void count(const Place& place, double time_s, const std::function<Collections()>& look, const Found& found);
    void distrust();

    [[nodiscard]] uint64_t made() const { return made_; }
    // What came before that was looked at by two.
    [[nodiscard]] double sure_until_s() const { return sure_until_s_; }
    [[nodiscard]] uint64_t made_at_ns() const { return made_at_ns_; }
    // Blocks of native memory of the array buffers that were alive, by one of the last two.
    [[nodiscard]] const absl::flat_hash_set<uint64_t>& buffer_blocks() const { return buffer_blocks_; }
    void add_notes(Coverage& coverage) const;

private:
    Result<void> copy_pages(const Place& place, V8Pages& pages);
    Result<void> count_once(const Place& place, const V8Shapes& shapes, bool with_young,
                            const std::function<Collections()>& look, const Found& found);

    std::optional<double> tried_at_s_;
    double took_s_ = 0;
    double made_at_s_ = 0;
    double sure_until_s_ = 0;
    uint64_t made_at_ns_ = 0;
    uint64_t made_ = 0;
    uint64_t copied_bytes_ = 0;
    uint64_t scanned_bytes_ = 0;
    uint64_t objects_ = 0;
    uint64_t in_motion_ = 0;  // of those made: the program ran while its pages were copied
    bool is_in_motion_ = false;
    uint64_t seen_full_ = 0;
    double seen_full_at_s_ = 0;
    std::string why_not_;  // of the last one that was tried; "" it was made
    bool is_distrusted_ = false;
    absl::flat_hash_set<uint64_t> buffer_blocks_;       // of the last two
    absl::flat_hash_set<uint64_t> last_buffer_blocks_;  // of the last one
};

}  // namespace whoholds
