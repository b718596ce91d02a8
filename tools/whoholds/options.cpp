#include "whoholds/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <utility>

#include "base/printable.h"
#include "base/result.h"
#include "report/formats.h"
#include "runtime/pairs/catalogue.h"
#include "runtime/pairs/pair_grammar.h"
#include "whoholds/help.h"
#include "whoholds/values.h"

namespace whoholds {
namespace {

constexpr size_t kMaxTop = 1'000'000;

constexpr const char* kRunNeedsDashes = "run needs a command after two dashes: whoholds run -- COMMAND [ARGUMENT...]";

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

// The arguments as they were given; empty means not given, and an empty value is refused before.
struct Raw {
    std::vector<std::string> pids;
    ProcessSelection selection;
    std::vector<std::string> kinds, pairs, ready_pairs, recordings, holders_of;
    std::string interval, count, duration, at, from, min_age, min_size, top, top_processes, sort, color, format, output;
    std::string go_types, metrics_listen, push;
    std::string young_slots, ring_bytes, backlog_bytes, max_stacks, young_age_ms, attach_with, go_samples;
    bool wait = false;
    bool follow = false;
    bool no_go_tracing = false;
    bool json = false;
    bool quiet = false;
    bool full = false;
    bool version = false;
    bool may_replace = false;
};

Error usage(std::string sentence) { return {ErrorCode::kInvalidArgument, std::move(sentence)}; }

void add_value(CLI::App& app, const char* name, std::string& value, const char* type, const std::string& help) {
    app.add_option(name, value, help)->type_name(type)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

// "text, json or folded"
std::string or_list(const std::vector<std::string_view>& names) {
    std::string text;
    for (size_t i = 0; i < names.size(); ++i) {
        if (i != 0) text += i + 1 == names.size() ? " or " : ", ";
        text += names[i];
    }
    return text;
}

std::string format_names() {
    std::vector<std::string_view> names;
    for (const Format& format : formats()) names.push_back(format.name);
    return or_list(names);
}

// ".txt, .json or .folded"
std::string file_endings() {
    std::vector<std::string_view> endings;
    for (const Format& format : formats()) endings.push_back(format.ending);
    return or_list(endings);
}

void add_options(CLI::App& app, Raw& raw) {
    app.add_option("-p,--pid", raw.pids, "Process to attach to, or several with commas")
        ->type_name("PID[,PID...]")
        ->allow_extra_args(false);
    app.add_option("INTERVAL", raw.interval, "Seconds between reports, default 5")->type_name("");
    app.add_option("COUNT", raw.count, "Reports before the end, default: until Ctrl-C or the target's end")
        ->type_name("");

    app.option_defaults()->group("Which processes (present and future; more than once for more)");
    auto add_names = [&](const char* name, std::vector<std::string>& names, const char* type, const char* help) {
        app.add_option(name, names, help)->type_name(type)->allow_extra_args(false);
    };
    add_names("--container", raw.selection.containers, "ID|NAME",
              "All of a container: by id (12 digits), name, pod or host name");
    add_names("--cgroup", raw.selection.cgroups, "PATH", "All in a control group and those below it");
    add_names("--comm", raw.selection.commands, "NAME", "All of this name, as ps -o comm shows it");
    add_names("--all-of", raw.selection.executables, "FILE", "All that run this program: its path, or its file name");
    app.add_flag("--follow", raw.follow, "Children that the processes fork from now on, too");
    app.add_flag("--wait", raw.wait, "Wait for the first process if there is none yet");

    app.option_defaults()->group("What is reported");
    add_value(app, "--min-age", raw.min_age, "DURATION", "Only what has been held at least this long");
    add_value(app, "--min-size", raw.min_size, "BYTES", "Only blocks of at least this size");
    app.add_option("--kind", raw.kinds,
                   "Only these: heap, mapping, fd, socket, thread, joinable, pair,\ngo_heap, goroutine")
        ->type_name("KIND[,KIND]")
        ->allow_extra_args(false);
    app.add_option("--pair", raw.pairs, "Follow a pair of functions, see below; more than once for more")
        ->type_name("PAIR")
        ->allow_extra_args(false);
    app.add_option("--pairs", raw.ready_pairs, "Follow ready pairs: openssl,stdio; --pairs list prints all")
        ->type_name("GROUP[,GROUP]")
        ->allow_extra_args(false);
    add_value(app, "--types", raw.go_types, "auto|on|off", "Go heaps by type; auto: in 2 % of the time at most");
    app.add_option("--holders", raw.holders_of, "Go objects of this type: who holds them, always told")
        ->type_name("TYPE")
        ->allow_extra_args(false);
    add_value(app, "--go-samples", raw.go_samples, "auto|on|off",
              "Go programs without a heap profile: which stacks allocate,\nfor at most 2 % of a core (auto), or all "
              "the time");
    app.add_flag("--no-go-tracing", raw.no_go_tracing, "Go: no probes on the runtime, goroutines are only read");
    add_value(app, "--top", raw.top, "N", "Stacks shown per kind, default 10");
    add_value(app, "--top-processes", raw.top_processes, "N", "Processes shown in text, default 10");
    add_value(app, "--sort", raw.sort, "bytes|count|age|total",
              "What ranks stacks; total: bytes ever allocated, not held");

    app.option_defaults()->group("How it is reported");
    add_value(app, "--duration", raw.duration, "DURATION", "End with the final report after this long");
    add_value(app, "--format", raw.format, "FORMAT",
              format_names() + ";\nall but text and json: the final report only");
    add_value(app, "-o,--output", raw.output, "FILE",
              "The final report to this file, in --format or what\nits ending says: " + file_endings());
    add_value(app, "--metrics-listen", raw.metrics_listen, "[ADDRESS:]PORT",
              "Serve the last report to Prometheus: /metrics,\non 127.0.0.1 unless told");
    add_value(app, "--push", raw.push, "URL",
              "Send each report as pprof to Pyroscope, or to\nParca (http://HOST:7070/profiles/writeraw)");
    app.add_flag("--json", raw.json, "--format json: one JSON object per report and line");
    app.add_flag("--quiet", raw.quiet, "Only the final report");
    app.add_flag("--full", raw.full, "All frames in text: Go stacks fold those of libraries");
    add_value(app, "--color", raw.color, "auto|always|never", "Colour marks warnings; auto: on a terminal");

    app.option_defaults()->group("");
    add_value(app, "--young-slots", raw.young_slots, "N", "");
    add_value(app, "--ring-bytes", raw.ring_bytes, "BYTES", "");
    add_value(app, "--backlog-bytes", raw.backlog_bytes, "BYTES", "");
    add_value(app, "--max-stacks", raw.max_stacks, "N", "");
    add_value(app, "--young-age-ms", raw.young_age_ms, "MS", "");
    add_value(app, "--attach-with", raw.attach_with, "auto|multi|perf|no-cookies", "");

    app.option_defaults()->group("Options");
    app.add_flag("--version", raw.version, "Print the version");
}

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
    }
    if (!raw.count.empty()) {
        WH_TRY(options.count, parse_positive("COUNT", raw.count, std::numeric_limits<uint32_t>::max()));
    }
    if (!raw.duration.empty()) {
        WH_TRY(options.duration_s, parse_duration_s("--duration", raw.duration, false));
    }
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
    if (options.wait && options.selection.is_empty())
        return usage("--wait needs --container, --cgroup, --comm or --all-of, to say what to wait for");
    if (options.wait && options.action == Options::Action::kPlan) return usage("plan looks once: leave --wait away");
    return {};
}

bool reads_recordings(const Options& options) {
    return options.action == Options::Action::kReport || options.action == Options::Action::kDiff;
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
    const bool follows = options.action != Options::Action::kPlan && !reads_recordings(options);
    if (!follows && (options.metrics_at || options.push_to))
        return usage("only what is being followed can be published: leave --metrics-listen and --push away");
    return {};
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
    if (!raw.go_types.empty()) {
        WH_TRY(options.go_types, choose("--types", raw.go_types, kGoTypes));
    }
    options.holders_of = raw.holders_of;
    options.quiet = raw.quiet;
    options.full = raw.full;
    if (options.action == Options::Action::kPlan && !raw.interval.empty())
        return usage("plan prints once: leave INTERVAL away");
    return options;
}

bool is_negative_number(std::string_view text) {
    return text.size() > 1 && text[0] == '-' && ((text[1] >= '0' && text[1] <= '9') || text[1] == '.');
}

// Arguments that nothing took, in the words of the user's intention.
std::string explain_extras(const std::vector<std::string>& extras) {
    const std::string first = extras.empty() ? std::string() : extras.front();
    if (is_negative_number(first)) return parse_interval_s(first).error().message;
    if (first.starts_with('-')) return printable(first) + " is not an option of whoholds: whoholds --help lists them";
    return '"' + printable(first) + "\" is one argument too many: INTERVAL and COUNT are the only ones without a name";
}

std::string explain(const CLI::ParseError& error) {
    std::string what = printable(error.what());
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
        return what.substr(0, what.find(':')) + " needs a value: whoholds --help says which";
    }
    if (!what.empty() && what.back() == '.') what.pop_back();
    return what + ": whoholds --help shows how";
}

ParseOutcome usage_outcome(std::string sentence) {
    ParseOutcome outcome;
    outcome.exit_code = kExitUsage;
    outcome.text = std::move(sentence);
    return outcome;
}

ParseOutcome text_outcome(std::string text) {
    ParseOutcome outcome;
    outcome.exit_code = kExitReported;
    outcome.text = std::move(text);
    return outcome;
}

}  // namespace

std::string_view sort_name(Options::Sort sort) {
    for (const auto& choice : kSorts) {
        if (choice.value == sort) return choice.name;
    }
    return "";
}

ParseOutcome parse_options(const std::vector<std::string>& arguments) {
    Raw raw;
    Options options;
    // The command after "--" is never parsed: its options are its own.
    const auto dashes = std::ranges::find(arguments, std::string("--"));
    if (dashes != arguments.end()) options.command.assign(dashes + 1, arguments.end());
    if (std::find(arguments.begin(), dashes, std::string()) != dashes) {
        return usage_outcome("an empty argument means nothing: give it a value, or leave it away");
    }

    CLI::App app("", "whoholds");
    app.set_help_flag("-h,--help", "Print this help");
    add_options(app, raw);
    CLI::App* run = app.add_subcommand("run", "Start a command and see it from its first allocation")
                        ->fallthrough()
                        ->group("Commands");
    CLI::App* plan = app.add_subcommand("plan", "Print what would be attached, and attach nothing")
                         ->fallthrough()
                         ->group("Commands");
    run->set_help_flag();
    plan->set_help_flag();
    CLI::App* record = app.add_subcommand("record", "Keep all reports in a file, for report and diff")
                           ->fallthrough()
                           ->group("Commands");
    record->set_help_flag();
    record->add_flag("--replace", raw.may_replace, "Replace the file if it exists");
    CLI::App* report = app.add_subcommand("report", "Print what a recording says, anywhere and without root")
                           ->fallthrough()
                           ->group("Commands");
    CLI::App* diff = app.add_subcommand("diff", "Print what grew between two recordings, or in one")
                         ->fallthrough()
                         ->group("Commands");
    for (CLI::App* of_recordings : {report, diff}) {
        of_recordings->set_help_flag();
        of_recordings->add_option("FILE", raw.recordings);
        of_recordings->add_option("--at", raw.at, "Take the report of this time after the attach, not the last one");
    }
    diff->add_option("--from", raw.from, "Compare with the report of this time after the attach");

    std::vector<std::string> reversed(arguments.begin(), dashes);  // as CLI11 wants them
    std::ranges::reverse(reversed);
    try {
        app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
        return text_outcome(help_of(app));
    } catch (const CLI::ExtrasError&) {
        if (*run && dashes == arguments.end()) return usage_outcome(kRunNeedsDashes);
        return usage_outcome(explain_extras(app.remaining(true)));
    } catch (const CLI::ParseError& error) {
        return usage_outcome(explain(error));
    }
    if (raw.version) return text_outcome("whoholds " WHOHOLDS_VERSION "\n");
    if (std::ranges::find(raw.ready_pairs, "list") != raw.ready_pairs.end()) return text_outcome(catalogue_text());
    if (*run && dashes == arguments.end()) return usage_outcome(kRunNeedsDashes);
    if (app.get_subcommands().size() > 1)
        return usage_outcome("one command at a time: run, plan, record, report or diff");
    if (*run) options.action = Options::Action::kRun;
    if (*plan) options.action = Options::Action::kPlan;
    if (*record) options.action = Options::Action::kRecord;
    if (*report) options.action = Options::Action::kReport;
    if (*diff) options.action = Options::Action::kDiff;

    Result<Options> result = read_options(raw, std::move(options));
    if (!result) return usage_outcome(std::move(result).error().message);
    ParseOutcome outcome;
    outcome.options = *std::move(result);
    return outcome;
}

}  // namespace whoholds
