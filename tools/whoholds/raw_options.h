// The command line as it was given, before anything in it is understood: what CLI11 fills, and what Options are made of. Used by
// options.cpp, raw_options.cpp (which options there are) and read_options.cpp (what they mean) alone.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "whoholds/options.h"

namespace whoholds {

// The arguments as they were given; empty means not given, and an empty value is refused before.
struct Raw {
    std::vector<std::string> pids;
    ProcessSelection selection;
    std::vector<std::string> kinds, pairs, ready_pairs, recordings, holders_of;
    std::string interval, count, duration, at, from, min_age, min_size, top, top_processes, sort, color, format, output;
    std::string suppressions;
    std::string on_rss, on_oom_near, on_report;
    std::vector<std::string> on_growth;
    std::string go_types, metrics_listen, push;
    std::string young_slots, ring_bytes, backlog_bytes, max_stacks, young_age_ms, attach_with, go_samples;
    bool wait = false;
    bool follow = false;
    bool no_go_tracing = false;
    bool no_js_samples = false;
    bool json = false;
    bool quiet = false;
    bool full = false;
    bool long_reports = false;
    bool version = false;
    bool may_replace = false;
};

// Sentences that more than one of these files needs.
constexpr const char* kRunNeedsDashes = "run needs a command after two dashes: whoholds run -- COMMAND [ARGUMENT...]";
// "text, json or folded"; ".txt, .json or .folded"
std::string format_names();
std::string file_endings();

void add_options(CLI::App& app, Raw& raw);
void add_commands(CLI::App& app, Raw& raw);
std::string command_names();
// Which of the commands was given; kAttach for none.
Options::Action chosen_action(const CLI::App& app);

// Everything but the action, which `options` has, as the command behind two dashes. Fails with one sentence.
Result<Options> read_options(const Raw& raw, Options options);

}  // namespace whoholds
