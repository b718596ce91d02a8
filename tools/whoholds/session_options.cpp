#include "whoholds/session_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "analyze/go_rows.h"
#include "base/human.h"
#include "base/printable.h"

namespace whoholds {
namespace {

int exit_code_of(FailureKind kind) {
    switch (kind) {
        case FailureKind::kOther: return kExitFailure;
        case FailureKind::kUntraceable: return kExitNoProcess;
        case FailureKind::kNoRights: return kExitNoRights;
        case FailureKind::kKernel: return kExitKernelLacks;
        case FailureKind::kNothingAttached: return kExitNothingAttached;
    }
    return kExitFailure;
}

bool wants_kind(const Options& options, std::string_view kind) {
    return options.kinds.empty() || std::ranges::find(options.kinds, kind) != options.kinds.end();
}

// What is taken with the ancestry of the goroutine that takes it.
constexpr auto kTracedInGo = std::to_array<const char*>({kGoroutineKind, "fd", "socket", "thread", "pair"});

// Files and sockets are followed together; what is not wanted of them is left out of the report.
GoTypesWanted go_types_wanted(Options::GoTypes types) {
    switch (types) {
        case Options::GoTypes::kAuto: return GoTypesWanted::kNowAndThen;
        case Options::GoTypes::kOn: return GoTypesWanted::kAlways;
        case Options::GoTypes::kOff: return GoTypesWanted::kNever;
    }
    return GoTypesWanted::kNowAndThen;
}

}  // namespace

int fail(const SessionError& failure) {
    fmt::print(stderr, "whoholds: {}\n", printable(failure.error.message));
    return exit_code_of(failure.kind);
}

WantedKinds wanted_kinds(const Options& options) {
    return {.heap = wants_kind(options, "heap"),
            .mappings = wants_kind(options, "mapping"),
            .descriptors = wants_kind(options, "fd") || wants_kind(options, "socket"),
            .threads = wants_kind(options, "thread") || wants_kind(options, "joinable"),
            .pairs = wants_kind(options, "pair") ? options.pairs : std::vector<Pair>(),
            .go = {.heap = wants_kind(options, kGoHeapKind),
                   .goroutines = wants_kind(options, kGoroutineKind),
                   .types = go_types_wanted(options.go_types),
                   .holders_of = options.holders_of},
            .js_heap = wants_kind(options, "js_heap") && options.js_samples,
            .go_tracing = options.go_tracing && std::ranges::any_of(kTracedInGo, [&](const char* kind) {
                              return wants_kind(options, kind);
                          })};
}

SessionOptions session_options(const Options& options) {
    SessionOptions session;
    session.pids = options.pids;
    session.selection = options.selection;
    session.wait_for_first = options.wait;
    session.follow = options.follow;
    session.command = options.command;
    session.thresholds = options.thresholds;
    session.interval_s = options.interval_s;
    session.count = options.count;
    session.duration_s = options.duration_s;
    session.wanted = wanted_kinds(options);
    session.wanted.go_samples = options.go_samples;
    session.report.kinds = options.kinds;
    for (const Pair& pair : session.wanted.pairs) session.report.pair_names.push_back(pair.name);
    session.report.sort = static_cast<SortBy>(options.sort);
    session.report.top = options.top;
    session.report.filter.min_age_ns = static_cast<uint64_t>(options.min_age_s * 1e9);
    session.report.filter.min_size_bytes = options.min_size_bytes;
    session.report_labels.sorted_by = sort_name(options.sort);
    std::vector<std::string> conditions;
    if (options.min_age_s > 0) conditions.push_back(fmt::format("held for {} or longer", human_age(options.min_age_s)));
    if (options.min_size_bytes > 0)
        conditions.push_back(fmt::format("of {} or more", human_bytes(options.min_size_bytes)));
    if (!conditions.empty()) session.report_labels.selection = fmt::format("blocks {}", fmt::join(conditions, ", "));
    auto set = [](uint32_t& place, const std::optional<uint64_t>& value) {
        if (value) place = static_cast<uint32_t>(std::min<uint64_t>(*value, UINT32_MAX));
    };
    set(session.tracer.young_slots, options.young_slots);
    set(session.tracer.ring_bytes, options.ring_bytes);
    set(session.tracer.backlog_bytes, options.backlog_bytes);
    set(session.tracer.max_stacks, options.max_stacks);
    if (options.young_age_ms) session.young_age_s = static_cast<double>(*options.young_age_ms) / 1e3;
    session.choose_method = options.attach_with == Options::AttachWith::kAuto;
    if (options.attach_with == Options::AttachWith::kPerf) session.tracer.method = AttachMethod::kPerf;
    if (options.attach_with == Options::AttachWith::kPerfWithoutCookies)
        session.tracer.method = AttachMethod::kPerfWithoutCookies;
    return session;
}

}  // namespace whoholds
