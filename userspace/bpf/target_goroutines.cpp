// The part of a target that follows the creation and end of goroutines.
#include <algorithm>

#include "bpf/target.h"

namespace whoholds {

namespace {

// Goroutines that keep their ancestry: 5 MiB of the kernel's memory.
constexpr uint32_t kGoroutineRoom = 1 << 16;

}  // namespace

void Target::choose_go_module(AttachPlan& plan) {
    for (ModulePlan& module : plan.modules) {
        if (!module.go) continue;
        const GoModule found{
            module.path, {uint64_t{module.device_major} << 32 | module.device_minor, module.inode}, *module.go};
        if (!go_module_) go_module_ = found;
        if (go_module_->file == found.file) continue;
        std::erase_if(module.go_probes, [](const PlannedGoProbe& probe) {
            return probe.role == PlannedGoProbe::Role::kGoroutineCreated ||
                   probe.role == PlannedGoProbe::Role::kGoroutineEnded;
        });
        skipped_.push_back(
            {"goroutines of " + module.path, "another Go runtime in the same process, which has its own"});
    }
}

// Once its code is mapped: `run` plans before that.
void Target::follow_goroutines(Tracer& tracer, const std::vector<Mapping>& maps) {
    if (!go_module_ || go_is_followed_ || (go_module_->planned.needs_check && !go_)) return;
    const auto code = std::ranges::find_if(maps, [&](const Mapping& mapping) {
        return mapping.executable && mapping.path == go_module_->path && mapping.inode == go_module_->file.second;
    });
    if (code == maps.end()) return;
    const uint64_t bias = code->start - code->file_offset - go_module_->planned.address_minus_offset;
    wh_go_process process = go_module_->planned.process;
    for (__u64* address : {&process.switch_start, &process.switch_end, &process.runtime_start, &process.runtime_end})
        *address += bias;
    if (process.coroutine_start != 0) process.coroutine_start += bias;
    auto followed = tracer.follow_goroutines(slot_, process, kGoroutineRoom);
    go_is_followed_ = followed.has_value();
    if (!followed) skipped_.push_back({"goroutines", followed.error().message});
}

std::optional<GoroutineList> Target::listed_goroutines() const {
    const GoroutineSnapshot* seen = go_rows_.goroutines();
    if (!traces_goroutines() || exited() || !seen) return std::nullopt;
    GoroutineList list{.started_ns = go_looked_ns_,
                       .alive = {},
                       .uncertain = seen->torn_ids,
                       .is_whole = seen->torn == seen->torn_ids.size()};
    for (const Goroutine& one : seen->goroutines) {
        if (one.is_system) continue;
        list.alive.push_back({one.record.id, GoLedger::creator_of(one.record)});
    }
    return list;
}

}  // namespace whoholds
