// ResourceBook: which descriptors (or threads) each process has, followed by events and compared with the kernel's own table. It
// stands between the source and the Aggregator, as events alone do not say it all: dup2 closes without a close, a number can be
// given out again before the close of its last holder has been reported, and some ways in and out are not traced.
//
// Invariant: after a comparison that has found agreement, what the book holds is what the kernel's table held at that moment.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "stream/record.h"

namespace whoholds {

// One entry of the kernel's table.
struct SeenResource {
    uint64_t key = 0;       // descriptor, or thread id of the init namespace
    uint64_t identity = 0;  // tells holders of one key apart: the open file, the time of creation
    uint64_t seen_ns = 0;   // CLOCK_MONOTONIC
    uint64_t time_ns = 0;   // when it was acquired; 0: not known
    uint8_t kind = 0;
};

// One pass over the kernel's table of one process.
struct TablePass {
    uint64_t start_ns = 0;
    std::vector<SeenResource> seen;
};

struct BookEntry {
    uint8_t kind = 0;
    Origin origin = Origin::kSeen;
    bool incoming = false;
    uint32_t stack = 0;     // if its acquisition was seen
    uint64_t time_ns = 0;   // CLOCK_MONOTONIC; 0: not known
    uint64_t identity = 0;  // 0: not known yet
    uint64_t detail = 0;    // `size` of the record: of a thread its start routine
};

class ResourceBook {
public:
    // by_identity: `size` of an acquire is the identity (descriptors); else it is a detail (threads).
    explicit ResourceBook(bool by_identity) : by_identity_(by_identity) {}

    // An acquire or release as it came from the kernel; what the Aggregator is to know goes to `sink`.
    void on_record(const Record& record, RecordSink& sink);

    // Compares with the kernel's table. All events up to the end of the pass must have been given to on_record(). A difference
    // may be an event that is still to come, as a table changes a moment before it is reported: so it counts only when a second
    // pass finds it again. Returns the number of differences that wait for that. new_origin: what those are that are
    // in the table and were not seen to be acquired; kBeforeAttach counts at once.
    size_t compare(uint16_t process, const TablePass& pass, Origin new_origin, RecordSink& sink);

    [[nodiscard]] const BookEntry* find(uint16_t process, uint64_t key) const;
    [[nodiscard]] size_t size(uint16_t process) const;
    void end_process(uint16_t process);

private:
    enum class Difference : uint8_t { kAppeared, kVanished, kReplaced };
    // Releases of earlier holders of a number that are still to be reported: a thread may be put aside between its close and
    // the probe behind it. Those that do not come (closed by a way that is not traced) are forgotten after a while; one that
    // was taken for another is found by the next comparison.
    struct Owed {
        unsigned count = 0;
        uint64_t until_ns = 0;
    };
    struct Process {
        std::map<uint64_t, BookEntry> held;
        absl::flat_hash_map<uint64_t, Owed> owed;
        absl::flat_hash_map<uint64_t, uint64_t> released_ns;           // since the last comparison
        std::map<std::pair<uint64_t, Difference>, uint64_t> suspects;  // to the identity
    };

    static void owe(Process& process, uint64_t key, uint64_t now_ns);
    // Whether a release was that of an earlier holder.
    static bool settle_owed(Process& process, uint64_t key, uint64_t now_ns);
    void acquire(Process& process, const Record& record, RecordSink& sink);
    void release(Process& process, uint16_t slot, uint64_t key, const Record& record, RecordSink& sink);
    void put_unseen(Process& process, uint16_t slot, const SeenResource& seen, Origin origin, RecordSink& sink);
    void take_out(Process& process, uint16_t slot, uint64_t key, uint64_t time_ns, RecordSink& sink);

    bool by_identity_;
    std::map<uint16_t, Process> processes_;
};

}  // namespace whoholds
