// The part of a Target that knows its code: what is mapped, for the unwind tables and for names; and stacks that the kernel part could
// not finish.
#include <algorithm>

#include "analyze/leading_frames.h"
#include "attach/module_planner.h"
#include "bpf/live_source.h"
#include "bpf/target.h"
#include "elf/mapped_elf.h"
#include "proc/loader_state.h"
#include "proc/process_memory.h"

namespace whoholds {

namespace {

constexpr int kMapsTries = 5;

UnwindFiles unwind_files(const ProcRoot& root, pid_t pid, std::function<FramePointers(const Mapping&)> frame_pointers) {
    return {
        .open =
            [root, pid](const Mapping& mapping) {
                std::string open_path;
                return open_mapped_elf(root, pid, mapping, open_path);
            },
        .read_memory = [root, pid](const Mapping& mapping) -> Result<std::vector<uint8_t>> {
            WH_TRY(const ProcessMemory memory, ProcessMemory::open(root, pid));
            return memory.read(mapping.start, mapping.end - mapping.start);
        },
        .frame_pointers = [of = std::move(frame_pointers)](const Mapping& mapping, uint64_t) { return of(mapping); }};
}

}  // namespace

Result<std::vector<Mapping>> Target::look_at_mappings(Tracer& tracer) {
    mappings_changed = false;
    looked_ns_ = monotonic_ns();
    UnwindTables& tables = tracer.unwind_tables();
    ProcessState state{.loader_tells = loader_is_hooked_};
    // The counts must be those of the mappings. If they keep changing, the next event will say so, and we come again.
    bool nothing_went = false;
    for (int i = 0; i < kMapsTries; i++) {
        state.removals = tables.removals(slot_);
        state.exec_pages = executable_pages(tracer);
        WH_TRY(state.maps, read_maps(root_, pid_));
        nothing_went = state.removals == tables.removals(slot_);
        if (nothing_went && (tables.has_jit(slot_) || state.exec_pages == executable_pages(tracer))) break;
    }
    // A program without a dynamic linker has no libraries that could go; what it makes at run time only adds to what there is.
    const bool has_loader =
        std::ranges::any_of(state.maps, [](const Mapping& mapping) { return is_loader_path(mapping.path); });
    state.loader_tells |= !has_loader;
    state.loader_state_at = loader_state_address(root_, pid_).value_or(0);
    auto layout = tables.update(slot_, root_, pid_, state);
    if (layout)
        layout_ = *layout;
    else if (skipped_.empty() || skipped_.back().why != layout.error().message)
        skipped_.push_back({"stacks of newly mapped code", layout.error().message});
    libc_code_.clear();
    for (const Mapping& mapping : state.maps)
        if (mapping.executable && is_c_library(mapping.path)) libc_code_.push_back({mapping.start, mapping.end});
    symbolizer_.update_mappings(state.maps, layout_);
    if (!unwinder_)
        unwinder_.emplace(unwind_files(root_, pid_, [&tables, slot = slot_](const Mapping& mapping) {
            return tables.frame_pointers(slot, mapping);
        }));
    unwinder_->reset(state.maps);
    has_jit_ = tables.has_jit(slot_);
    follow_goroutines(tracer, state.maps);
    look_for_python(tracer, state.maps);
    look_for_v8(tracer, state.maps);
    looked_at_ = nothing_went ? std::optional(LookedAt{state.removals, state.exec_pages}) : std::nullopt;
    return std::move(state.maps);
}

uint64_t Target::executable_pages(Tracer& tracer) const {
    auto located = tracer.locate(pid_);
    return located && *located ? (*located)->exec_pages : 0;
}

void Target::look_again(Tracer& tracer, uint64_t now_ns) {
    constexpr uint64_t kLookNs = 1'000'000'000;
    bool is_due = tracer.unwind_tables().has_jit(slot_) && now_ns - looked_ns_ > kLookNs;
    if (mappings_changed || is_due) static_cast<void>(look_at_mappings(tracer));
}

std::optional<UnwoundStack> Target::finish(const wh_snapshot_record& snapshot) {
    // What was mapped then must still be. What was added does no harm, where the dynamic linker tells what goes.
    if (!looked_at_ || snapshot.removals != looked_at_->removals) return std::nullopt;
    const bool fewer = snapshot.exec_pages > looked_at_->exec_pages;
    const bool others = snapshot.exec_pages != looked_at_->exec_pages && !loader_is_hooked_;
    if (!has_jit_ && (fewer || others)) return std::nullopt;
    const auto* r = snapshot.registers;
    std::vector<ReplacedReturn> replaced;
    for (uint32_t i = 0; i < std::min<uint32_t>(snapshot.return_count, WH_SNAPSHOT_RETURNS); i++)
        if (snapshot.returns[i].place != 0)
            replaced.push_back({snapshot.returns[i].place, snapshot.returns[i].address});
    size_t bytes = std::min<size_t>(snapshot.slice_bytes, WH_SNAPSHOT_BYTES);
    return unwinder_->unwind({.registers = {r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]},
                              .bytes = {reinterpret_cast<const uint8_t*>(snapshot.slice), bytes},
                              .replaced = replaced});
}

}  // namespace whoholds
