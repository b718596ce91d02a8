// Which fields of a Report a recording keeps, in the order in which it keeps them: one list for writing and for reading. Findings,
// forecasts and series are not kept: they follow from the reports, see replay.h.
// A new field goes at the end of its list, so that older recordings stay readable; what an older version does not know it passes
// over. Used by report_writer.cpp and report_reader.cpp alone.
#pragma once

#include <concepts>
#include <type_traits>

#include "report/report.h"

namespace whoholds::recording {

// `archive(a, b, ...)` writes or reads each of them.
#define WH_FIELDS(Type, ...)                                \
    template <class Archive, class Value>                   \
    requires std::same_as<std::remove_const_t<Value>, Type> \
    void fields(Archive& archive, Value& v) { archive(__VA_ARGS__); }

WH_FIELDS(Amount, v.count, v.bytes)
WH_FIELDS(Rate, v.count, v.bytes)
WH_FIELDS(Frame, v.function, v.raw_function, v.file, v.line, v.module, v.build_id, v.address, v.module_address,
          v.inlined, v.go, v.created_by, v.script, v.hands_on)
WH_FIELDS(KindReport, v.kind, v.title, v.held, v.acquired, v.released, v.before_attach, v.released_unknown, v.lost,
          v.oldest_s, v.oldest_is_at_least, v.growth_per_min, v.acquired_per_min, v.released_per_min, v.note,
          v.stack_count)
WH_FIELDS(ItemReport, v.key, v.is_descriptor, v.is_thread, v.is_goroutine, v.type, v.name, v.local, v.remote, v.state,
          v.direction, v.inode, v.age_s, v.receive_bytes, v.send_bytes, v.waiting, v.backlog, v.size_bytes, v.deleted,
          v.registered_files, v.wait_channel, v.start_routine, v.cpu_s, v.wait_reason, v.blocked_s, v.function,
          v.channel, v.held_by)
WH_FIELDS(ItemGroup, v.what, v.count, v.states, v.size_bytes, v.sizes_are_stacks, v.cpu_s)
WH_FIELDS(ConnectionGroup, v.protocol, v.direction, v.remote, v.count, v.states, v.before_attach, v.oldest_s,
          v.receive_bytes, v.send_bytes, v.waiting, v.backlog, v.growth_per_min, v.stack_ids)
WH_FIELDS(ConnectFailure, v.error, v.headline, v.stack_id, v.count)
WH_FIELDS(HolderReport, v.way, v.count, v.looked_at)
WH_FIELDS(KeeperReport, v.line, v.count, v.looked_at, v.functions)
WH_FIELDS(StackReport, v.kind, v.id, v.held, v.acquired, v.released, v.before_attach, v.oldest_s, v.oldest_is_at_least,
          v.median_age_s, v.growth_per_min, v.held_by_slice, v.complete, v.why_incomplete, v.headline, v.frames,
          v.items, v.items_omitted, v.item_groups, v.item_groups_of, v.samples, v.held_by, v.held_by_unknown, v.kept_at,
          v.not_judged)
WH_FIELDS(GoRuntimeFacts, v.max_procs, v.heap_in_use_bytes, v.heap_idle_bytes, v.heap_released_bytes,
          v.goroutine_stack_bytes, v.other_bytes, v.span_count, v.heap_live_bytes, v.heap_goal_bytes,
          v.memory_limit_bytes, v.gc_percent, v.gc_count, v.gc_forced_count, v.gc_pause_ns, v.last_gc_unix_ns,
          v.profile_rate_bytes)
WH_FIELDS(GoSizeReport, v.element_bytes, v.has_pointers, v.spans, v.span_bytes, v.held, v.since)
WH_FIELDS(GoReport, v.facts, v.collections_per_min, v.goroutines, v.system_goroutines, v.torn_goroutines,
          v.outside_bytes_at_least, v.sizes)
WH_FIELDS(ReachedReport, v.amount, v.whole_bytes)
WH_FIELDS(TypeReport, v.name, v.is_known, v.held, v.growth_per_min, v.grows, v.is_asked_for, v.telling, v.held_by,
          v.reached, v.made_at)
WH_FIELDS(TypesReport, v.types, v.omitted, v.all, v.unknown, v.changed, v.read_bytes, v.took_s, v.age_s, v.reached,
          v.looks)
WH_FIELDS(MissedStart, v.ms, v.after_exec)
WH_FIELDS(Container, v.id, v.name, v.pod, v.pod_namespace, v.pod_uid)
WH_FIELDS(MemoryUse, v.rss_bytes, v.anon_bytes, v.file_bytes, v.shmem_bytes, v.virtual_bytes, v.swap_bytes, v.pss_bytes,
          v.limit_bytes, v.limit_source)
WH_FIELDS(Limits, v.open_files, v.pids_max, v.pids_now, v.memory_now_bytes, v.group_file_bytes, v.group_shmem_bytes,
          v.group_anon_bytes, v.machine_total_bytes, v.machine_available_bytes)
WH_FIELDS(ProcessReport, v.pid, v.host_pid, v.inner_pid, v.attached_s, v.missed_start, v.start_time, v.uptime_s,
          v.command, v.exe, v.runtime, v.runtime_version, v.container, v.exited, v.memory, v.limits, v.rss_change_bytes,
          v.rss_growth_bytes_per_min, v.kinds, v.stacks, v.slice_ends_s, v.stack_count, v.connections,
          v.connection_groups_omitted, v.connect_failures, v.go, v.types, v.js_censuses, v.js_census_s,
          v.js_sample_bytes, v.js_not_judged_elsewhere)
WH_FIELDS(ProbeReport, v.symbol, v.module, v.offset, v.hits, v.how, v.pid)
WH_FIELDS(LossCounter, v.name, v.sentence, v.value, v.loses)
WH_FIELDS(SkippedReport, v.what, v.why)
WH_FIELDS(Coverage, v.events_seen, v.events_lost, v.stacks_complete, v.stacks_incomplete, v.probes, v.skipped,
          v.events_per_s, v.cost_core_percent, v.losses, v.notes, v.warnings)
WH_FIELDS(Report, v.seq, v.time, v.attached_s, v.final, v.end_reason, v.sorted_by, v.selection, v.has_arrivals,
          v.processes, v.coverage, v.reasons)

#undef WH_FIELDS

}  // namespace whoholds::recording
