// Aggregator: turns Records into what is held, by process, kind and stack. Bookkeeping on one thread; time is passed in.
//
//   acquire ──► held ──► release            invariant, for every kind and every stack:
//                 │  ▲                      acquired + before attach = released + held + lost
//       tentative ▼  │ restore
//               limbo (one realloc or munmap in progress a thread)
//
// What never travels (blocks that die in the kernel's young table) comes as cumulative counters a stack; what is young at the
// moment of a report comes as a census. Both are added when a Profile is made.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "profile/block_table.h"
#include "profile/profile.h"
#include "profile/range_table.h"
#include "stream/record.h"

namespace whoholds {

class Aggregator : public RecordSink {
public:
    // Indexes from no_stack_base on mean "no stack": one row for each process and kind. The WH_ORIGIN_ROWS in front of them
    // are ours: rows for what was not seen to be acquired.
    explicit Aggregator(uint32_t no_stack_base);

    void on_record(const Record& record) override;
    void expect(uint16_t process, uint8_t kind, uint64_t key) override;

    // Called again and again while everything held is looked at, which takes a while with millions of blocks: the rings must
    // be read meanwhile. It must not change the Aggregator.
    using Pause = std::function<void()>;

    // What is held now. Ages are seen from now_ns (CLOCK_MONOTONIC).
    [[nodiscard]] Profile make_profile(
        uint64_t now_ns, const ProfileFilter& filter, const Pause& pause = [] {}) const;

    // The ages of what is held, for the given groups of stacks (exact). What was acquired outside of the slices is in none.
    [[nodiscard]] std::vector<GroupAges> ages_of(
        const std::vector<std::vector<uint32_t>>& groups, uint64_t now_ns, const ProfileFilter& filter,
        const TimeSlices& slices = {}, const Pause& pause = [] {}) const;

    [[nodiscard]] const StackInfo* find_stack(uint32_t stack) const;
    // The row under which resources of this origin are counted; 0: there are none.
    [[nodiscard]] uint32_t origin_row(uint16_t process, uint8_t kind, Origin origin) const;
    // visit(key, block): of these what has travelled, and is not in the kernel's table of the young any more.
    template <class Visitor>
    void for_each_travelled(uint16_t process, uint8_t kind, Visitor visit) const {
        if (auto place = holders_.find(static_cast<uint32_t>(process) << 8 | kind); place != holders_.end())
            place->second->for_each_block(visit, [] {});
    }
    // visit(key, block): one kind of one process, without ranges; also what is still young.
    template <class Visitor>
    void for_each_block(uint16_t process, uint8_t kind, Visitor visit) const {
        for_each_travelled(process, kind, visit);
        for (const YoungBlock& block : young_)
            if (block.process == process && block.kind == kind)
                visit(block.key, Block{block.size, block.stack, block.time_ns});
    }
    // The process has ended (kProcessEnd) and its last report is out: another one may come in its place. Returns the indexes of its
    // stacks, which mean nothing any more.
    std::vector<uint32_t> forget_process(uint16_t process);
    // Releases that were not seen but are proved, as the address was given out again.
    [[nodiscard]] uint64_t healed() const;
    [[nodiscard]] size_t blocks_held() const;

private:
    struct Holder {  // one kind of one process
        BlockTable blocks;
        RangeTable ranges;
        uint64_t released_unknown = 0;
        // Addresses that what is young has by now: whatever `blocks` says of them is gone, even if its release was missed.
        absl::flat_hash_set<uint64_t> replaced;

        template <class Visitor>
        void for_each_block(Visitor visit, const Pause& pause) const {
            blocks.for_each(
                [&](uint64_t key, const Block& block) {
                    if (replaced.empty() || !replaced.contains(key)) visit(key, block);
                },
                pause);
        }
    };
    struct Totals {
        Amount before;
        Amount acquired;  // of what travelled
        Amount released;
        uint64_t died_count = 0, died_bytes = 0, lost_count = 0, lost_bytes = 0;
    };
    struct StackEntry {
        std::optional<StackInfo> info;
        Totals totals;
        uint16_t process = 0;
        uint8_t kind = 0;
    };
    struct YoungBlock {
        uint64_t key;
        uint64_t size;
        uint64_t time_ns;
        uint32_t stack;
        uint16_t process;
        uint8_t kind;
    };
    struct CountChange {
        uint32_t stack;
        uint64_t acquired;
        uint64_t released;
    };
    struct LimboEntry {
        uint64_t key = 0;
        uint16_t process = 0;
        uint8_t kind = 0;
        std::optional<Block> block;
        std::vector<HeldRange> pieces;
        std::vector<CountChange> changes;
    };
    struct LateRelease {
        Record record;
        bool applied = false;
    };

    Holder& holder(uint16_t process, uint8_t kind);
    StackEntry& entry(uint32_t stack, uint16_t process, uint8_t kind);
    void add_young(const Record& record);
    void acquire(const Record& record);
    void acquire_range(const Record& record);
    void release(const Record& record, uint64_t until_ns);
    void release_range(const Record& record, uint64_t until_ns);
    void restore(const Record& record);
    void retract(const Record& record);
    uint32_t make_origin_row(const Record& record);
    void apply_late(uint16_t process, uint8_t kind, uint64_t key, uint64_t before_ns);
    void end_round();
    void end_process(uint16_t process);
    std::vector<CountChange> count_pieces_released(const std::vector<HeldRange>& pieces, size_t ranges_before,
                                                   size_t ranges_after, uint16_t process, uint8_t kind);
    void remember(const Record& record, LimboEntry limbo);
    template <class Visitor>
    void for_each_held(Visitor visit, const Pause& pause) const;

    uint32_t no_stack_base_;
    absl::flat_hash_map<uint32_t, std::unique_ptr<Holder>> holders_;  // process << 8 | kind
    std::vector<StackEntry> stacks_;
    using OriginKey = std::pair<uint32_t, uint64_t>;  // process << 16 | kind << 8 | origin; the frame that is known
    absl::flat_hash_map<OriginKey, uint32_t> origin_rows_;
    std::vector<uint32_t> free_origin_rows_;
    uint32_t next_origin_row_;
    std::vector<YoungBlock> young_;
    absl::flat_hash_map<uint32_t, std::vector<LimboEntry>> limbo_;  // by tid
    std::multimap<uint64_t, LateRelease> late_;                     // by key; of this round
    std::vector<Record> late_restores_;
    uint64_t healed_ = 0;
};

}  // namespace whoholds
