#include "profile/aggregator.h"

#include <algorithm>
#include <array>

#include "bpf/shared/call_shape.h"
#include "bpf/shared/records.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {

namespace {

constexpr size_t kMaxLimboPerThread = 8;
// MAP_FIXED of mmap and MREMAP_FIXED of mremap: the caller asked for this place, whatever is there.
constexpr uint32_t kFixedFlags = 0x10 | 0x2;

constexpr std::array<bool, WH_KIND_LIMIT> kIsRange = [] {
    std::array<bool, WH_KIND_LIMIT> is_range{};
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) \
    is_range[enumerator] = (travel) == WH_TRAVEL_RANGE;
    WH_RESOURCE_KINDS(X)
#undef X
    return is_range;
}();

bool kind_is_range(uint8_t kind) { return kind < kIsRange.size() && kIsRange[kind]; }

uint64_t round_up_to_page(uint64_t size) {
    constexpr uint64_t kPage = 4096;
    return (size + kPage - 1) / kPage * kPage;
}

void add(Amount& amount, uint64_t count, uint64_t bytes) {
    amount.count += count;
    amount.bytes += bytes;
}

uint32_t origin_key(uint16_t process, uint8_t kind, Origin origin) {
    return static_cast<uint32_t>(process) << 16 | static_cast<uint32_t>(kind) << 8 | static_cast<uint32_t>(origin);
}

}  // namespace

Aggregator::Aggregator(uint32_t no_stack_base)
    : no_stack_base_(no_stack_base), next_origin_row_(no_stack_base - WH_ORIGIN_ROWS) {}

Aggregator::Holder& Aggregator::holder(uint16_t process, uint8_t kind) {
    std::unique_ptr<Holder>& place = holders_[static_cast<uint32_t>(process) << 8 | kind];
    if (!place) place = std::make_unique<Holder>();
    return *place;
}

Aggregator::StackEntry& Aggregator::entry(uint32_t stack, uint16_t process, uint8_t kind) {
    if (stack >= stacks_.size()) stacks_.resize(std::max<size_t>(stack + 1, stacks_.size() * 2));
    StackEntry& found = stacks_[stack];
    if (kind != WH_KIND_NONE) {
        found.process = process;
        found.kind = kind;
    }
    return found;
}

const StackInfo* Aggregator::find_stack(uint32_t stack) const {
    static const StackInfo kNotKept{0, WH_STACK_NOT_KEPT, 0, {}};
    if (stack >= no_stack_base_) return &kNotKept;
    if (stack >= stacks_.size() || !stacks_[stack].info) return nullptr;
    return &*stacks_[stack].info;
}

size_t Aggregator::blocks_held() const {
    size_t total = 0;
    for (const auto& [key, place] : holders_) total += place->blocks.size() + place->ranges.size();
    return total;
}

void Aggregator::expect(uint16_t process, uint8_t kind, uint64_t key) {
    auto place = holders_.find(static_cast<uint32_t>(process) << 8 | kind);
    if (place != holders_.end()) place->second->blocks.prefetch(key);
}

void Aggregator::on_record(const Record& record) {
    switch (record.type) {
        case RecordType::kAcquire: kind_is_range(record.kind) ? acquire_range(record) : acquire(record); break;
        case RecordType::kRelease: release(record, record.time_ns); break;
        case RecordType::kLateRelease: late_.emplace(record.key, LateRelease{record}); break;
        case RecordType::kRestore: restore(record); break;
        case RecordType::kRetract: retract(record); break;
        case RecordType::kLateRestore: late_restores_.push_back(record); break;
        case RecordType::kRoundEnd: end_round(); break;
        case RecordType::kStack: {
            StackEntry& found = entry(record.stack, record.process, record.kind);
            found.info = StackInfo{
                record.hash, record.stack_status, record.layout, {record.frames.begin(), record.frames.end()}};
            break;
        }
        case RecordType::kStackCounters: {
            Totals& totals = entry(record.stack, record.process, record.kind).totals;
            totals.died_count = record.died_count;
            totals.died_bytes = record.died_bytes;
            totals.lost_count = record.lost_count;
            totals.lost_bytes = record.lost_bytes;
            break;
        }
        case RecordType::kYoungBegin:
            young_.clear();
            for (auto& [id, place] : holders_) place->replaced.clear();
            break;
        case RecordType::kYoung: add_young(record); break;
        case RecordType::kProcessEnd: end_process(record.process); break;
        case RecordType::kSnapshot:
        case RecordType::kLoaderChanged:
        case RecordType::kMappings:
        case RecordType::kFailed:
        case RecordType::kExec:
        case RecordType::kGoSample:
        case RecordType::kGoMarking:
        case RecordType::kJsSample:
        case RecordType::kJsHeap:
        case RecordType::kJsHeapEnds:
        case RecordType::kFork: break;  // the session's business
    }
}

uint32_t Aggregator::origin_row(uint16_t process, uint8_t kind, Origin origin) const {
    auto row = origin_rows_.find({origin_key(process, kind, origin), 0});
    return row == origin_rows_.end() ? 0 : row->second;
}

uint32_t Aggregator::make_origin_row(const Record& record) {
    const uint64_t frame = record.frames.empty() ? 0 : record.frames[0];
    const uint32_t key = origin_key(record.process, record.kind, record.origin);
    auto [row, is_new] = origin_rows_.try_emplace({key, frame}, 0);
    if (!is_new) return row->second;
    // The last one is for all that come when the others are taken, as rows are told apart for some thousand processes only.
    if (!free_origin_rows_.empty()) {
        row->second = free_origin_rows_.back();
        free_origin_rows_.pop_back();
    } else {
        row->second = next_origin_row_;
        if (next_origin_row_ < no_stack_base_ - 1) next_origin_row_++;
    }
    const bool is_before = record.origin == Origin::kBeforeAttach;
    StackInfo info{key, is_before ? WH_STACK_BEFORE_ATTACH : WH_STACK_UNSEEN, 0, {}};
    if (frame != 0)
        info = {key ^ frame << 8, is_before ? WH_STACK_CREATOR_BEFORE : WH_STACK_CREATOR_UNSEEN, 0, {frame}};
    entry(row->second, record.process, record.kind).info = std::move(info);
    return row->second;
}

void Aggregator::add_young(const Record& record) {
    young_.push_back({record.key, record.size, record.time_ns, record.stack, record.process, record.kind});
    auto place = holders_.find(static_cast<uint32_t>(record.process) << 8 | record.kind);
    if (place == holders_.end()) return;
    const std::optional<Block> old = place->second->blocks.find(record.key);
    if (old && old->time_ns <= record.time_ns) place->second->replaced.insert(record.key);
}

uint64_t Aggregator::healed() const {
    uint64_t healed = healed_;
    for (const auto& [id, place] : holders_) healed += place->replaced.size();
    return healed;
}

void Aggregator::acquire(const Record& record) {
    apply_late(record.process, record.kind, record.key, record.time_ns);
    const uint32_t stack = record.origin == Origin::kSeen ? record.stack : make_origin_row(record);
    Totals& totals = entry(stack, record.process, record.kind).totals;
    add(record.origin == Origin::kBeforeAttach ? totals.before : totals.acquired, 1, record.size);
    std::optional<Block> old =
        holder(record.process, record.kind).blocks.put(record.key, {record.size, stack, record.time_ns});
    if (!old) return;
    // An address that is given out again must have been released: proof of a release that we missed.
    add(entry(old->stack, record.process, record.kind).totals.released, 1, old->size);
    healed_++;
}

void Aggregator::acquire_range(const Record& record) {
    Holder& place = holder(record.process, record.kind);
    uint64_t size = round_up_to_page(record.size);
    uint64_t end = record.key + size;
    if (end < record.key) return;
    size_t before = place.ranges.size();
    std::vector<HeldRange> replaced = place.ranges.cut(record.key, end, record.time_ns);
    count_pieces_released(replaced, before, place.ranges.size(), record.process, record.kind);
    bool on_purpose = ((record.flags >> WH_FLAG_CALL_SHIFT) & kFixedFlags) != 0;
    if (!replaced.empty() && !on_purpose) healed_ += replaced.size();
    add(entry(record.stack, record.process, record.kind).totals.acquired, 1, size);
    place.ranges.put({record.key, end, record.stack, record.time_ns});
}

// A cut can leave more ranges than there were (a hole in the middle) or fewer; counts follow so that acquired = released + held.
// Returns the changes of counts, for a restore.
std::vector<Aggregator::CountChange> Aggregator::count_pieces_released(const std::vector<HeldRange>& pieces,
                                                                       size_t ranges_before, size_t ranges_after,
                                                                       uint16_t process, uint8_t kind) {
    std::vector<CountChange> changes;
    if (pieces.empty()) return changes;
    for (const HeldRange& piece : pieces) add(entry(piece.stack, process, kind).totals.released, 0, piece.size());
    if (ranges_after > ranges_before) {  // only a hole in one range does that
        changes.push_back({pieces[0].stack, ranges_after - ranges_before, 0});
    } else {
        // At most the first and the last piece can leave a remainder; each other piece was a whole range.
        size_t gone = ranges_before - ranges_after;
        size_t first_whole = gone == pieces.size() ? 0 : 1;
        for (size_t i = 0; i < gone; i++)
            changes.push_back({pieces[std::min(first_whole + i, pieces.size() - 1)].stack, 0, 1});
    }
    for (const CountChange& change : changes) {
        Totals& totals = entry(change.stack, process, kind).totals;
        totals.acquired.count += change.acquired;
        totals.released.count += change.released;
    }
    return changes;
}

void Aggregator::remember(const Record& record, LimboEntry limbo) {
    std::vector<LimboEntry>& entries = limbo_[record.tid];
    if (entries.size() >= kMaxLimboPerThread) entries.erase(entries.begin());
    limbo.key = record.key;
    limbo.process = record.process;
    limbo.kind = record.kind;
    entries.push_back(std::move(limbo));
}

void Aggregator::release(const Record& record, uint64_t until_ns) {
    if (kind_is_range(record.kind)) return release_range(record, until_ns);
    Holder& place = holder(record.process, record.kind);
    std::optional<Block> block = place.blocks.take(record.key);
    if (block && block->time_ns > until_ns) {  // a late release of an earlier block at this address
        place.blocks.put(record.key, *block);
        block.reset();
    }
    if (block)
        add(entry(block->stack, record.process, record.kind).totals.released, 1, block->size);
    else
        place.released_unknown++;
    if (record.tentative) remember(record, {.block = block});
}

void Aggregator::release_range(const Record& record, uint64_t until_ns) {
    Holder& place = holder(record.process, record.kind);
    uint64_t end = record.key + round_up_to_page(record.size);
    size_t before = place.ranges.size();
    std::vector<HeldRange> pieces = place.ranges.cut(record.key, end, until_ns);
    std::vector<CountChange> changes =
        count_pieces_released(pieces, before, place.ranges.size(), record.process, record.kind);
    if (pieces.empty()) place.released_unknown++;
    if (record.tentative) remember(record, {.pieces = std::move(pieces), .changes = std::move(changes)});
}

void Aggregator::restore(const Record& record) {
    auto entries = limbo_.find(record.tid);
    if (entries == limbo_.end()) return;
    auto& list = entries->second;
    for (auto at = list.rbegin(); at != list.rend(); ++at) {
        if (at->key != record.key || at->process != record.process || at->kind != record.kind) continue;
        LimboEntry limbo = std::move(*at);
        list.erase(std::next(at).base());
        Holder& place = holder(record.process, record.kind);
        if (limbo.block) {
            Totals& totals = entry(limbo.block->stack, record.process, record.kind).totals;
            totals.released.count -= 1;
            totals.released.bytes -= limbo.block->size;
            place.blocks.put(record.key, *limbo.block);
        } else if (!limbo.pieces.empty()) {
            for (const HeldRange& piece : limbo.pieces) {
                entry(piece.stack, record.process, record.kind).totals.released.bytes -= piece.size();
                place.ranges.put_back(piece);
            }
            for (const CountChange& change : limbo.changes) {
                Totals& totals = entry(change.stack, record.process, record.kind).totals;
                totals.acquired.count -= change.acquired;
                totals.released.count -= change.released;
            }
        } else {
            place.released_unknown--;
        }
        return;
    }
}

// It was put down as one that nobody saw being acquired; now its acquire comes.
void Aggregator::retract(const Record& record) {
    std::optional<Block> block = holder(record.process, record.kind).blocks.take(record.key);
    if (!block) return;
    Totals& totals = entry(block->stack, record.process, record.kind).totals;
    Amount& amount = record.origin == Origin::kBeforeAttach ? totals.before : totals.acquired;
    amount.count -= 1;
    amount.bytes -= block->size;
}

// Applies late releases of this key that happened before before_ns.
void Aggregator::apply_late(uint16_t process, uint8_t kind, uint64_t key, uint64_t before_ns) {
    if (late_.empty()) return;
    auto [begin, end] = late_.equal_range(key);
    for (auto at = begin; at != end; ++at) {
        LateRelease& late = at->second;
        if (late.applied || late.record.process != process || late.record.kind != kind) continue;
        if (late.record.time_ns >= before_ns) continue;
        release(late.record, late.record.time_ns);
        late.applied = true;
    }
}

void Aggregator::end_round() {
    for (auto& [key, late] : late_)
        if (!late.applied) release(late.record, late.record.time_ns);
    late_.clear();
    for (const Record& record : late_restores_) restore(record);
    late_restores_.clear();
    if (limbo_.size() > 65536) limbo_.clear();
}

void Aggregator::end_process(uint16_t process) {
    for (auto& [key, place] : holders_) {
        if (key >> 8 != process) continue;
        uint8_t kind = key & 0xff;
        place->blocks.for_each(
            [&](uint64_t, const Block& block) {
                add(entry(block.stack, process, kind).totals.released, 1, block.size);
            },
            [] {});
        place->ranges.for_each(
            [&](const HeldRange& range) { add(entry(range.stack, process, kind).totals.released, 1, range.size()); });
        place->blocks.clear();
        place->ranges.clear();
    }
    std::erase_if(young_, [&](const YoungBlock& block) { return block.process == process; });
}

std::vector<uint32_t> Aggregator::forget_process(uint16_t process) {
    std::vector<uint32_t> stacks;
    for (uint32_t index = 0; index < stacks_.size(); index++) {
        if (stacks_[index].kind == WH_KIND_NONE || stacks_[index].process != process) continue;
        stacks_[index] = {};
        stacks.push_back(index);
    }
    absl::erase_if(holders_, [&](const auto& one) { return one.first >> 8 == process; });
    absl::erase_if(origin_rows_, [&](const auto& one) {
        if (one.first.first >> 16 != process) return false;
        if (one.second != no_stack_base_ - 1) free_origin_rows_.push_back(one.second);
        return true;
    });
    std::erase_if(young_, [&](const YoungBlock& block) { return block.process == process; });
    for (auto& [tid, entries] : limbo_)
        std::erase_if(entries, [&](const LimboEntry& limbo) { return limbo.process == process; });
    return stacks;
}

}  // namespace whoholds
