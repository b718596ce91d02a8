#include "bpf/js_sampling.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/human.h"
#include "bpf/live_source.h"
#include "bpf/shared/call_shape.h"
#include "elf/mapped_elf.h"
#include "runtime/v8/v8_process.h"

namespace whoholds {
namespace {

void add(wh_js_heap_counts& to, const wh_js_heap_counts& what) {
    to.lost += what.lost;
    to.scavenges += what.scavenges;
    to.full_collections += what.full_collections;
    to.confirmed += what.confirmed;
    to.contradicted += what.contradicted;
    to.unreadable += what.unreadable;
    to.missed += what.missed;
}

}  // namespace

void JsSampling::look(const Place& place, const std::vector<Mapping>& mappings, Tracer& tracer, AttachPool& pool) {
    for (const Mapping& mapping : mappings) {
        if (!probes_.empty()) return;
        if (!mapping.executable || !mapping.is_file() || !may_hold_v8(mapping.path)) continue;
        if (!looked_at_.emplace(uint64_t{mapping.device_major} << 32 | mapping.device_minor, mapping.inode).second)
            continue;
        const auto attached = attach(place, mapping, tracer, pool);
        if (attached) {
            why_not_.clear();
            return;
        }
        why_not_ = "not followed: " + attached.error().message;
        attached_.detach(pool);
        tracer.js_heaps().forget_layout(place.slot);
    }
}

Result<void> JsSampling::attach(const Place& place, const Mapping& mapping, Tracer& tracer, AttachPool& pool) {
    std::string open_path;
    WH_TRY(const ElfImage image, open_mapped_elf(place.root, place.pid, mapping, open_path));
    WH_TRY(const V8HeapCode code, read_v8_heap_code(image));
    slot_ = place.slot;
    version_ = code.version;
    tracer.js_heaps().set_layout(place.slot, code.layout);
    for (const V8HeapSite& site : code.sites) {
        const auto number = pool.numbers.take(fmt::format("{} {} {}", site.function, site.offset, mapping.path));
        if (!number) return Error{ErrorCode::kLimit, "there are too many probes in all"};
        probes_.push_back({.symbol = site.function,
                           .module = mapping.path,
                           .offset = site.offset,
                           .probe = *number,
                           .emulated = site.emulated});
        const uint64_t cookie = WH_SHAPE_PUT(PROBE, *number) | WH_SHAPE_PUT(PROCESS, place.slot);
        if (!attached_.attach_program(tracer, tracer.js_program(site.event),
                                      {open_path, site.offset, cookie, place.pid}))
            return Error{ErrorCode::kSystem, "the probe on " + site.function + " could not be attached"};
    }
    return {};
}

void JsSampling::meet_heap(uint64_t address, Tracer& tracer) {
    const bool is_known = std::ranges::any_of(heaps_, [&](const auto& one) { return one.second.address == address; });
    if (is_known || is_distrusted_ || probes_.empty()) return;
    const auto number = tracer.js_heaps().give(slot_, address);
    if (number)
        heaps_[*number] = {.serial = next_serial_++, .address = address, .counts = {}};
    else
        ++without_table_;
}

void JsSampling::part_with_heap(uint64_t address, Tracer& tracer, const JsSampleBook::Emit& emit) {
    const auto found = std::ranges::find_if(heaps_, [&](const auto& one) { return one.second.address == address; });
    if (found == heaps_.end()) return;
    book_.end(found->second.serial, monotonic_ns(), emit);
    if (const auto copy = tracer.js_heaps().read(found->first)) found->second.counts = copy->counts;
    add(ended_, found->second.counts);
    tracer.js_heaps().take_back(found->first);
    heaps_.erase(found);
}

void JsSampling::on_record(const Record& record, bool has_stack, Tracer& tracer, const JsSampleBook::Emit& emit) {
    if (record.type == RecordType::kJsHeap) return meet_heap(record.key, tracer);
    if (record.type == RecordType::kJsHeapEnds) return part_with_heap(record.key, tracer, emit);
    const auto heap = heaps_.find(static_cast<uint32_t>(record.key));
    if (heap == heaps_.end()) return;
    if (!has_stack) {
        ++without_stack_;
        return;
    }
    book_.add(heap->second.serial, record);
}

wh_js_heap_counts JsSampling::sums() const {
    wh_js_heap_counts sums = ended_;
    for (const auto& [number, heap] : heaps_) add(sums, heap.counts);
    return sums;
}

void JsSampling::end_everything(Tracer& tracer, uint64_t now_ns, const JsSampleBook::Emit& emit) {
    book_.end_all(now_ns, emit);
    for (const auto& [number, heap] : heaps_) {
        add(ended_, heap.counts);
        tracer.js_heaps().take_back(number);
    }
    heaps_.clear();
}

void JsSampling::judge(Tracer& tracer, uint64_t now_ns, const JsSampleBook::Emit& emit) {
    constexpr uint32_t kOneIn = 20;
    constexpr uint64_t kFewWrong = 4;
    for (auto& [number, heap] : heaps_) {
        // A sample may be read here after it went from the table: that is told then, though nothing changes any more.
        const bool is_as_it_was =
            tracer.js_heaps().changes(number) == heap.counts.changes && book_.taken() == heap.taken;
        if (is_as_it_was) continue;
        const auto copy = tracer.js_heaps().read(number);
        if (!copy) continue;
        heap.counts = copy->counts;
        heap.taken = book_.taken();
        book_.look(heap.serial, copy->samples, heap.counts.full_collections, now_ns, emit);
    }
    if (book_.missed_wrongly() > kFewWrong && book_.missed_wrongly() * kOneIn > book_.missed_rightly())
        censuses_.distrust();
    const wh_js_heap_counts all = sums();
    if (is_distrusted_ || all.contradicted * kOneIn <= all.confirmed) return;
    is_distrusted_ = true;
    tracer.js_heaps().forget_layout(slot_);
    end_everything(tracer, now_ns, emit);
}

// As many as a search takes, evenly from all of them.
void JsSampling::find_keepers(V8Census& census, const std::vector<wh_js_sample>& alive,
                              const LineMadeAt& line_made_at) {
    keepers_.clear();
    std::vector<uint32_t> stacks;
    std::vector<uint64_t> objects;
    const size_t count = std::min(alive.size(), V8Keepers::kMostObjects);
    for (size_t i = 0; i < count; i++) {
        const wh_js_sample& sample = alive[i * alive.size() / count];
        objects.push_back(sample.address);
        stacks.push_back(sample.stack);
        keepers_[sample.stack].looked_at++;
    }
    census.find_keepers(objects, [&](size_t object, const V8Keepers::Function& function) {
        const auto word = line_made_at(stacks[object], function.shared);
        if (!word) return false;
        Keepers::Line& line = keepers_[stacks[object]].by_line[*word];
        line.objects++;
        line.functions.insert(function.address);
        return true;
    });
}

void JsSampling::take_census(const JsCensuses::Place& place, double time_s, Tracer& tracer,
                             const LineMadeAt& line_made_at, const JsSampleBook::Emit& emit) {
    if (heaps_.empty() || is_distrusted_ || !censuses_.is_due(time_s, sums().full_collections)) return;
    std::map<uint32_t, JsHeapTables::Copy> tables;
    const auto look = [&] {
        JsCensuses::Collections now;
        tables.clear();
        for (const auto& [number, heap] : heaps_) {
            auto copy = tracer.js_heaps().read(number);
            now.is_under_way |= !copy || copy->counts.phase != WH_JS_RUNS;
            if (!copy) continue;
            now.scavenges += copy->counts.scavenges;
            now.full += copy->counts.full_collections;
            tables.emplace(number, *std::move(copy));
        }
        return now;
    };
    const uint64_t began_ns = monotonic_ns();
    censuses_.count(place, time_s, look, [&](V8Census& census) {
        std::vector<wh_js_sample> found_alive;
        for (const auto& [number, table] : tables) {
            std::vector<JsSampleBook::Counted> counted;
            for (const wh_js_sample& sample : table.samples) {
                const auto alive = sample.time_ns < began_ns ? census.is_alive(sample.address) : std::nullopt;
                if (alive) counted.push_back({sample.number, *alive});
                if (alive.value_or(false)) found_alive.push_back(sample);
            }
            book_.look_by_census(heaps_.at(number).serial, counted, table.counts.full_collections, monotonic_ns(),
                                 emit);
        }
        find_keepers(census, found_alive, line_made_at);
    });
}

void JsSampling::detach(AttachPool& pool) { attached_.detach(pool); }

void JsSampling::give_back(Tracer& tracer, AttachPool& pool) {
    for (const AttachedProbe& probe : probes_)
        if (pool.numbers.give_back(probe.probe)) tracer.forget_probe(probe.probe);
    if (probes_.empty()) return;
    probes_.clear();
    tracer.js_heaps().forget_layout(slot_);
    end_everything(tracer, 0, [](const Record&) {});
}

void JsSampling::add_notes(Coverage& coverage) const {
    if (probes_.empty()) return;
    const wh_js_heap_counts all = sums();
    if (is_distrusted_) {
        coverage.notes.emplace_back(
            "JavaScript heap: not told, as V8's mark bits are not where they should be: they contradict what "
            "collections "
            "moved");
        return;
    }
    std::string text = fmt::format(
        "JavaScript heap: estimated from {} samples, one for each 256 KiB allocated since attach; held is what a full "
        "collection of V8 has found alive ({} of them were seen, and {} of young objects)",
        exact_count(book_.taken()), exact_count(all.full_collections), exact_count(all.scavenges));
    if (censuses_.made() > 0) text += ", or a census";
    if (book_.waiting_bytes() > 0)
        text += fmt::format("; of {} allocated it is not known yet", human_bytes(book_.waiting_bytes()));
    coverage.notes.push_back(std::move(text));
    censuses_.add_notes(coverage);
    const auto say = [&](uint64_t count, const char* what) {
        if (count > 0) coverage.notes.push_back(fmt::format("JavaScript heap: {}: {}", what, exact_count(count)));
    };
    say(without_stack_, "samples left out, as mappings had just changed and their stack could not be walked");
    say(all.lost, "samples not followed for lack of room");
    say(all.unreadable, "samples dropped, as their memory could not be read");
    say(all.contradicted, "objects of which mark bits and the collector's moves say different things");
    say(all.missed, "full collections that were seen only in part");
    say(without_table_, "samples of heaps that are not followed, as there are too many");
}

}  // namespace whoholds
