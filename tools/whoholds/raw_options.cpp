#include "whoholds/raw_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <string_view>

#include "report/formats.h"

namespace whoholds {
namespace {

struct Command {
    const char* name;
    Options::Action action;
    const char* help;
};

constexpr Command kCommands[] = {
    {"run", Options::Action::kRun, "Start a command and see it from its first allocation"},
    {"top", Options::Action::kTop, "Look at it on the whole screen, live; h there lists the keys"},
    {"plan", Options::Action::kPlan, "Print what would be attached, and attach nothing"},
    {"record", Options::Action::kRecord, "Keep all reports in a file, for report and diff"},
    {"report", Options::Action::kReport, "Print what a recording says, anywhere and without root"},
    {"diff", Options::Action::kDiff, "Print what grew between two recordings, or in one"},
};

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

}  // namespace

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
                   "Only these: heap, mapping, fd, socket, thread, joinable, pair,\ngo_heap, goroutine, js_heap")
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
    app.add_flag("--no-js-samples", raw.no_js_samples, "JavaScript (Node): no probes on V8, its heap is not followed");
    app.add_flag("--no-go-tracing", raw.no_go_tracing, "Go: no probes on the runtime, goroutines are only read");
    add_value(app, "--suppressions", raw.suppressions, "FILE",
              "Do not list or judge what this file names: lines like\nleak:PATTERN, see below");
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
    app.add_flag("--long", raw.long_reports, "Every report in text whole, not only the final one");
    app.add_flag("--full", raw.full, "All frames in text: Go stacks fold those of libraries");
    add_value(app, "--color", raw.color, "auto|always|never", "Colour marks warnings; auto: on a terminal");

    app.option_defaults()->group("When a threshold is passed, a report (without INTERVAL no others but the final one)");
    add_value(app, "--on-rss", raw.on_rss, "BYTES", "When a process has this much resident memory");
    add_names("--on-growth", raw.on_growth, "BYTES[/TIME]",
              "When it has this much more than at the attach: 100M;\nor than that time ago: 10M/min, 1G/6h");
    add_value(app, "--on-oom-near", raw.on_oom_near, "PART|BYTES",
              "When of a memory limit of its control groups, or of\nthe machine's memory, only 10% or 200M are left");
    add_value(app, "--on-report", raw.on_report, "FILE", "These reports to files: the time is put into the name");

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

void add_commands(CLI::App& app, Raw& raw) {
    std::map<Options::Action, CLI::App*> commands;
    for (const Command& command : kCommands) {
        CLI::App* added = app.add_subcommand(command.name, command.help)->fallthrough()->group("Commands");
        added->set_help_flag();
        commands[command.action] = added;
    }
    commands[Options::Action::kRecord]->add_flag("--replace", raw.may_replace, "Replace the file if it exists");
    for (const auto action : {Options::Action::kReport, Options::Action::kDiff}) {
        commands[action]->add_option("FILE", raw.recordings);
        commands[action]->add_option("--at", raw.at, "Take the report of this time after the attach, not the last one");
    }
    commands[Options::Action::kDiff]->add_option("--from", raw.from,
                                                 "Compare with the report of this time after the attach");
}

Options::Action chosen_action(const CLI::App& app) {
    for (const Command& command : kCommands)
        if (app.got_subcommand(command.name)) return command.action;
    return Options::Action::kAttach;
}

std::string command_names() {
    std::vector<std::string_view> names;
    for (const Command& command : kCommands) names.push_back(command.name);
    return or_list(names);
}

}  // namespace whoholds
