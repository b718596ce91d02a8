#include "profile/resource_book.h"

#include <set>
#include <utility>

namespace whoholds {

namespace {

constexpr uint64_t kLatestReportNs = 2'000'000'000;

Record event(RecordType type, uint16_t slot, uint64_t key, const BookEntry& entry, uint64_t time_ns) {
    Record record;
    record.type = type;
    record.kind = entry.kind;
    record.process = slot;
    record.key = key;
    record.time_ns = time_ns;
    record.stack = entry.stack;
    record.origin = entry.origin;
    return record;
}

}  // namespace

void ResourceBook::on_record(const Record& record, RecordSink& sink) {
    Process& process = processes_[record.process];
    if (record.type == RecordType::kAcquire) return acquire(process, record, sink);
    if (!(record.flags & WH_FLAG_RANGE)) return release(process, record.process, record.key, record, sink);
    auto at = process.held.lower_bound(record.key);
    while (at != process.held.end() && at->first <= record.size) {
        const uint64_t key = at->first;
        ++at;
        if (settle_owed(process, key, record.time_ns)) continue;
        take_out(process, record.process, key, record.time_ns, sink);
        process.released_ns[key] = record.time_ns;
    }
}

void ResourceBook::owe(Process& process, uint64_t key, uint64_t now_ns) {
    Owed& owed = process.owed[key];
    owed.count++;
    owed.until_ns = now_ns + kLatestReportNs;
}

bool ResourceBook::settle_owed(Process& process, uint64_t key, uint64_t now_ns) {
    auto owed = process.owed.find(key);
    if (owed == process.owed.end()) return false;
    const bool is_in_time = now_ns <= owed->second.until_ns;
    if (!is_in_time || --owed->second.count == 0) process.owed.erase(owed);
    return is_in_time;
}

void ResourceBook::acquire(Process& process, const Record& record, RecordSink& sink) {
    const BookEntry entry{.kind = record.kind,
                          .incoming = (record.flags & WH_FLAG_INCOMING) != 0,
                          .stack = record.stack,
                          .time_ns = record.time_ns,
                          .identity = by_identity_ ? record.size : 0,
                          .detail = by_identity_ ? 0 : record.size};
    const bool replaces = (record.flags & WH_FLAG_REPLACES) != 0;
    if (auto held = process.held.find(record.key); held != process.held.end()) {
        const bool same = entry.identity != 0 && held->second.identity == entry.identity;
        const bool by_table = held->second.origin != Origin::kSeen;
        if (by_table && (same || !by_identity_)) {
            // The comparison came first: it is this one.
            sink.on_record(event(RecordType::kRetract, record.process, record.key, held->second, record.time_ns));
            if (replaces) settle_owed(process, record.key, record.time_ns);
        } else {
            take_out(process, record.process, record.key, record.time_ns, sink);
            // The number was free when it was given out, so a close that we have not heard of yet came before.
            if (!replaces) owe(process, record.key, record.time_ns);
        }
        process.held.erase(record.key);
    }
    process.held[record.key] = entry;
    sink.on_record(event(RecordType::kAcquire, record.process, record.key, entry, record.time_ns));
}

void ResourceBook::release(Process& process, uint16_t slot, uint64_t key, const Record& record, RecordSink& sink) {
    process.released_ns[key] = record.time_ns;
    if (settle_owed(process, key, record.time_ns)) return;
    if (process.held.contains(key)) take_out(process, slot, key, record.time_ns, sink);
}

void ResourceBook::take_out(Process& process, uint16_t slot, uint64_t key, uint64_t time_ns, RecordSink& sink) {
    auto held = process.held.find(key);
    if (held == process.held.end()) return;
    sink.on_record(event(RecordType::kRelease, slot, key, held->second, time_ns));
    process.held.erase(held);
}

void ResourceBook::put_unseen(Process& process, uint16_t slot, const SeenResource& seen, Origin origin,
                              RecordSink& sink) {
    const BookEntry entry{.kind = seen.kind, .origin = origin, .time_ns = seen.time_ns, .identity = seen.identity};
    process.held[seen.key] = entry;
    sink.on_record(event(RecordType::kAcquire, slot, seen.key, entry, seen.time_ns != 0 ? seen.time_ns : seen.seen_ns));
}

size_t ResourceBook::compare(uint16_t slot, const TablePass& pass, Origin new_origin, RecordSink& sink) {
    Process& process = processes_[slot];
    std::map<std::pair<uint64_t, Difference>, uint64_t> suspects;
    auto is_confirmed = [&](uint64_t key, Difference difference, uint64_t identity) {
        auto known = process.suspects.find({key, difference});
        if (known != process.suspects.end() && known->second == identity) return true;
        suspects[{key, difference}] = identity;
        return false;
    };
    std::set<uint64_t> in_table;
    for (const SeenResource& seen : pass.seen) {
        in_table.insert(seen.key);
        auto released = process.released_ns.find(seen.key);
        if (released != process.released_ns.end() && released->second >= seen.seen_ns) continue;
        auto held = process.held.find(seen.key);
        if (held == process.held.end()) {
            if (new_origin == Origin::kBeforeAttach || is_confirmed(seen.key, Difference::kAppeared, seen.identity))
                put_unseen(process, slot, seen, new_origin, sink);
            continue;
        }
        BookEntry& entry = held->second;
        if (entry.time_ns > seen.seen_ns) continue;
        if (entry.identity == 0) entry.identity = seen.identity;
        if (entry.identity == seen.identity) continue;
        if (!is_confirmed(seen.key, Difference::kReplaced, seen.identity)) continue;
        take_out(process, slot, seen.key, seen.seen_ns, sink);
        owe(process, seen.key, seen.seen_ns);
        put_unseen(process, slot, seen, Origin::kUnseen, sink);
    }
    std::vector<uint64_t> vanished;
    for (const auto& [key, entry] : process.held)
        if (!in_table.contains(key) && entry.time_ns < pass.start_ns &&
            is_confirmed(key, Difference::kVanished, entry.identity))
            vanished.push_back(key);
    for (uint64_t key : vanished) {
        take_out(process, slot, key, pass.start_ns, sink);
        owe(process, key, pass.start_ns);
    }
    absl::erase_if(process.owed, [&](const auto& one) { return one.second.until_ns < pass.start_ns; });
    process.suspects = std::move(suspects);
    if (process.suspects.empty()) process.released_ns.clear();
    return process.suspects.size();
}

const BookEntry* ResourceBook::find(uint16_t slot, uint64_t key) const {
    auto process = processes_.find(slot);
    if (process == processes_.end()) return nullptr;
    auto held = process->second.held.find(key);
    return held == process->second.held.end() ? nullptr : &held->second;
}

size_t ResourceBook::size(uint16_t slot) const {
    auto process = processes_.find(slot);
    return process == processes_.end() ? 0 : process->second.held.size();
}

void ResourceBook::end_process(uint16_t slot) { processes_.erase(slot); }

}  // namespace whoholds
