#include <algorithm>
#include <limits>
#include <utility>

#include "base/printable.h"
#include "report/formats.h"
#include "runtime/pairs/catalogue.h"
#include "runtime/pairs/pair_grammar.h"
#include "whoholds/raw_options.h"
#include "whoholds/values.h"

namespace whoholds {
namespace {

constexpr size_t kMaxTop = 1'000'000;

template <class Enum>
struct Choice {
    const char* name;
    Enum value;
};

constexpr Choice<Options::Sort> kSorts[] = {{"bytes", Options::Sort::kBytes},
                                            {"count", Options::Sort::kCount},
                                            {"age", Options::Sort::kAge},
                                            {"total", Options::Sort::kTotal}};
constexpr Choice<Options::Color> kColors[] = {
    {"auto", Options::Color::kAuto}, {"always", Options::Color::kAlways}, {"never", Options::Color::kNever}};
constexpr Choice<Options::GoTypes> kGoTypes[] = {
    {"auto", Options::GoTypes::kAuto}, {"on", Options::GoTypes::kOn}, {"off", Options::GoTypes::kOff}};
constexpr Choice<GoSamplesMode> kGoSamples[] = {
    {"auto", GoSamplesMode::kAuto}, {"on", GoSamplesMode::kOn}, {"off", GoSamplesMode::kOff}};
constexpr Choice<Options::AttachWith> kAttachWith[] = {{"auto", Options::AttachWith::kAuto},
                                                       {"multi", Options::AttachWith::kMulti},
                                                       {"perf", Options::AttachWith::kPerf},
                                                       {"no-cookies", Options::AttachWith::kPerfWithoutCookies}};

Error usage(std::string sentence) { return {ErrorCode::kInvalidArgument, std::move(sentence)}; }

template <class Enum, size_t kCount>
Result<Enum> choose(std::string_view name, std::string_view text, const Choice<Enum> (&choices)[kCount]) {
    std::string names;
    for (const auto& choice : choices) {
        if (text == choice.name) return choice.value;
        names += (names.empty() ? "" : ", ") + std::string(choice.name);
    }
    return usage('"' + printable(text) + "\" is not possible for " + std::string(name) + ": give one of " + names);
}

Result<std::optional<uint64_t>> optional_positive(std::string_view name, const std::string& text) {
    if (text.empty()) return std::optional<uint64_t>();
    WH_TRY(const uint64_t value, parse_positive(name, text, std::numeric_limits<uint32_t>::max()));
    return std::optional<uint64_t>(value);
}

Result<void> read_tuning(const Raw& raw, Options& options) {
    WH_TRY(options.young_slots, optional_positive("--young-slots", raw.young_slots));
    WH_TRY(options.max_stacks, optional_positive("--max-stacks", raw.max_stacks));
    WH_TRY(options.young_age_ms, optional_positive("--young-age-ms", raw.young_age_ms));
    if (!raw.ring_bytes.empty()) {
        WH_TRY(options.ring_bytes, parse_size_bytes("--ring-bytes", raw.ring_bytes));
    }
    if (!raw.backlog_bytes.empty()) {
        WH_TRY(options.backlog_bytes, parse_size_bytes("--backlog-bytes", raw.backlog_bytes));
    }
    if (!raw.go_samples.empty()) {
        WH_TRY(options.go_samples, choose("--go-samples", raw.go_samples, kGoSamples));
    }
    if (!raw.attach_with.empty()) {
        WH_TRY(options.attach_with, choose("--attach-with", raw.attach_with, kAttachWith));
    }
    return {};
}

Result<void> read_selection(const Raw& raw, Options& options) {
    if (!raw.min_age.empty()) {
        WH_TRY(options.min_age_s, parse_duration_s("--min-age", raw.min_age, true));
    }
    if (!raw.min_size.empty()) {
        WH_TRY(options.min_size_bytes, parse_size_bytes("--min-size", raw.min_size));
    }
    if (!raw.top.empty()) {
        WH_TRY(options.top, parse_positive("--top", raw.top, kMaxTop));
    }
    if (!raw.top_processes.empty()) {
        WH_TRY(options.top_processes, parse_positive("--top-processes", raw.top_processes, kMaxTop));
    }
    if (!raw.suppressions.empty()) {
        if (options.action == Options::Action::kPlan)
            return usage("plan lists probes, not stacks: leave --suppressions away");
        WH_TRY(options.suppressions, Suppressions::read(raw.suppressions));
    }
    if (!raw.sort.empty()) {
        WH_TRY(options.sort, choose("--sort", raw.sort, kSorts));
    }
    for (const std::string& text : raw.kinds) {
        WH_TRY(const std::vector<std::string> kinds, parse_kinds(text));
        for (const std::string& kind : kinds) {
            if (std::ranges::find(options.kinds, kind) == options.kinds.end()) options.kinds.push_back(kind);
        }
    }
    return {};
}

Result<void> read_pairs(const Raw& raw, Options& options) {
    for (const std::string& text : raw.ready_pairs) {
        WH_TRY(std::vector<Pair> pairs, select_pairs(text));
        for (Pair& pair : pairs) {
            if (std::ranges::find(options.pairs, pair) == options.pairs.end()) options.pairs.push_back(std::move(pair));
        }
    }
    for (const std::string& text : raw.pairs) {
        WH_TRY(Pair pair, parse_pair(text));
        options.pairs.push_back(std::move(pair));
    }
    if (options.pairs.empty() && std::ranges::find(options.kinds, "pair") != options.kinds.end())
        return usage("--kind pair needs a pair: name one with --pair or --pairs");
    return check_pairs(options.pairs);
}

Result<void> read_times(const Raw& raw, Options& options) {
    if (!raw.interval.empty()) {
        WH_TRY(options.interval_s, parse_interval_s(raw.interval));
        options.has_interval = true;
    }
    if (!raw.count.empty()) {
        WH_TRY(options.count, parse_positive("COUNT", raw.count, std::numeric_limits<uint32_t>::max()));
    }
    if (!raw.duration.empty()) {
        WH_TRY(options.duration_s, parse_duration_s("--duration", raw.duration, false));
    }
    return {};
}

bool reads_recordings(const Options& options) {
    return options.action == Options::Action::kReport || options.action == Options::Action::kDiff;
}

Result<void> read_thresholds(const Raw& raw, Options& options) {
    Thresholds& thresholds = options.thresholds;
    if (!raw.on_rss.empty()) {
        WH_TRY(thresholds.rss_bytes, parse_positive_size_bytes("--on-rss", raw.on_rss));
    }
    for (const std::string& text : raw.on_growth) {
        WH_TRY(const GrowthThreshold growth, parse_growth(text));
        if (growth.window_s)
            thresholds.pace = {growth.bytes, *growth.window_s};
        else
            thresholds.growth_bytes = growth.bytes;
    }
    if (raw.on_oom_near.ends_with('%')) {
        WH_TRY(thresholds.part_left, parse_part("--on-oom-near", raw.on_oom_near));
    } else if (!raw.on_oom_near.empty()) {
        WH_TRY(thresholds.room_left_bytes, parse_positive_size_bytes("--on-oom-near", raw.on_oom_near));
    }
    options.on_report = raw.on_report;
    if (!options.on_report.empty() && !thresholds.any())
        return usage("--on-report needs a threshold: --on-rss, --on-growth or --on-oom-near");
    if (!options.on_report.empty() && format_of_file(options.on_report) == nullptr)
        return usage("the ending of " + printable(options.on_report) + " is none of " + file_endings() +
                     ": it says what the file of --on-report is to be");
    if (!thresholds.any()) return {};
    if (options.action == Options::Action::kTop)
        return usage("top shows and writes nothing: leave --on-rss and the like away, or top");
    if (options.action == Options::Action::kPlan || reads_recordings(options))
        return usage("thresholds are for what is being followed: leave --on-rss and the like away");
    if (options.output.empty() && options.on_report.empty() && !find_format(options.format)->is_stream)
        return usage("a report of this format at each threshold needs a file of its own: add --on-report FILE");
    return {};
}

Result<void> read_selected(const Raw& raw, Options& options) {
    for (const std::string& cgroup : raw.selection.cgroups)
        if (cgroup.find_first_not_of("/.") == std::string::npos)
            return usage("--cgroup needs a control group below the root: the root is every process there is");
    options.selection = raw.selection;
    options.wait = raw.wait;
    options.follow = raw.follow;
    options.go_tracing = !raw.no_go_tracing;
    options.js_samples = !raw.no_js_samples;
    if (options.wait && options.selection.is_empty())
        return usage("--wait needs --container, --cgroup, --comm or --all-of, to say what to wait for");
    if (options.wait && options.action == Options::Action::kPlan) return usage("plan looks once: leave --wait away");
    return {};
}

Result<void> read_recordings(const Raw& raw, Options& options) {
    options.recordings = raw.recordings;
    if (!raw.pids.empty() || !raw.selection.is_empty() || raw.wait || raw.follow)
        return usage("report and diff read recordings: leave the processes away");
    const bool is_diff = options.action == Options::Action::kDiff;
    if (options.recordings.empty() || options.recordings.size() > (is_diff ? 2U : 1U))
        return usage(is_diff ? "diff needs one recording or two: whoholds diff BEFORE [AFTER]"
                             : "report needs a recording: whoholds report FILE");
    if (!raw.at.empty()) {
        WH_TRY(options.at_s, parse_duration_s("--at", raw.at, false));
    }
    if (!raw.from.empty()) {
        if (!is_diff) return usage("--from is for diff: report has --at");
        WH_TRY(options.from_s, parse_duration_s("--from", raw.from, true));
    }
    return {};
}

Result<void> read_target(const Raw& raw, Options& options) {
    if (reads_recordings(options)) return read_recordings(raw, options);
    WH_TRY_VOID(read_selected(raw, options));
    for (const std::string& text : raw.pids) {
        WH_TRY(const std::vector<pid_t> pids, parse_pids(text));
        for (const pid_t pid : pids) {
            if (std::ranges::find(options.pids, pid) == options.pids.end()) options.pids.push_back(pid);
        }
    }
    if (options.action == Options::Action::kRecord && raw.output.empty())
        return usage("record needs a file: whoholds record -o FILE -p PID");
    if (options.action == Options::Action::kRecord) options.record_to = raw.output;
    options.may_replace = raw.may_replace;
    if (options.action == Options::Action::kRun) {
        if (!options.pids.empty()) return usage("run starts its own process: leave -p away, or leave run away");
        if (!options.selection.is_empty())
            return usage("run starts its own process: leave --container and the like away, or leave run away");
        if (options.command.empty()) return usage(kRunNeedsDashes);
        return {};
    }
    if (!options.command.empty())
        return usage("two dashes come before the command that run starts: whoholds run -- COMMAND [ARGUMENT...]");
    if (!options.pids.empty() || !options.selection.is_empty()) return {};
    if (options.action == Options::Action::kPlan) return usage("plan needs a process: whoholds plan -p PID");
    return usage(
        "no process was named: give one with -p PID, several with --container, --cgroup, --comm or --all-of, or start "
        "one "
        "with whoholds run -- COMMAND");
}

Result<void> read_format(const Raw& raw, Options& options) {
    if (options.action != Options::Action::kRecord) options.output = raw.output;
    if (raw.json) options.format = "json";
    if (!raw.format.empty()) {
        if (find_format(raw.format) == nullptr)
            return usage('"' + printable(raw.format) + "\" is not a format: give one of " + format_names());
        if (raw.json && raw.format != "json") return usage("--json means --format json: leave one of them away");
        options.format = raw.format;
    } else if (!raw.json && !options.output.empty()) {
        const Format* format = format_of_file(options.output);
        if (format == nullptr)
            return usage("the ending of " + printable(raw.output) + " is none of " + file_endings() +
                         ": say with --format what it is to be");
        options.format = format->name;
    }
    options.json = options.format == "json";
    if (options.action == Options::Action::kTop &&
        (!raw.output.empty() || !raw.format.empty() || raw.json || raw.quiet))
        return usage("top shows and writes nothing: leave -o, --format, --json and --quiet away");
    if (options.action != Options::Action::kPlan && options.action != Options::Action::kDiff) return {};
    if (!options.output.empty()) return usage("plan and diff only print: leave -o away");
    if (options.format != "text" && !options.json)
        return usage("plan and diff know text and JSON: leave --format away");
    return {};
}

Result<void> read_publishing(const Raw& raw, Options& options) {
    if (!raw.metrics_listen.empty()) {
        WH_TRY(options.metrics_at, parse_listen_address(raw.metrics_listen));
    }
    if (!raw.push.empty()) {
        WH_TRY(options.push_to, parse_push_url(raw.push));
    }
    if (options.action == Options::Action::kTop && (options.metrics_at || options.push_to))
        return usage("top shows and publishes nothing: leave --metrics-listen and --push away, or top");
    const bool follows = options.action != Options::Action::kPlan && !reads_recordings(options);
    if (!follows && (options.metrics_at || options.push_to))
        return usage("only what is being followed can be published: leave --metrics-listen and --push away");
    return {};
}

}  // namespace

std::string_view sort_name(Options::Sort sort) {
    for (const auto& choice : kSorts) {
        if (choice.value == sort) return choice.name;
    }
    return "";
}

Result<Options> read_options(const Raw& raw, Options options) {
    WH_TRY_VOID(read_target(raw, options));
    WH_TRY_VOID(read_times(raw, options));
    WH_TRY_VOID(read_selection(raw, options));
    WH_TRY_VOID(read_pairs(raw, options));
    WH_TRY_VOID(read_tuning(raw, options));
    if (!raw.color.empty()) {
        WH_TRY(options.color, choose("--color", raw.color, kColors));
    }
    WH_TRY_VOID(read_format(raw, options));
    WH_TRY_VOID(read_publishing(raw, options));
    WH_TRY_VOID(read_thresholds(raw, options));
    if (!raw.go_types.empty()) {
        WH_TRY(options.go_types, choose("--types", raw.go_types, kGoTypes));
    }
    options.holders_of = raw.holders_of;
    options.quiet = raw.quiet;
    options.full = raw.full;
    options.long_reports = raw.long_reports;
    if (options.action == Options::Action::kPlan && !raw.interval.empty())
        return usage("plan prints once: leave INTERVAL away");
    return options;
}

}  // namespace whoholds
