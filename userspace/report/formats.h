// The table of output formats: a new one is a file and a row in formats.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "report/report.h"

namespace whoholds {

struct FormatOptions {
    bool color = false;
    unsigned width = 100;  // columns for text
    size_t top = 10;       // stacks shown per kind
    size_t top_processes = 10;
    bool show_coverage = true;
    bool show_modules = true;
    bool all_frames = false;  // of libraries in Go programs, too
    bool brief = false;       // text: all reports but the final one as a summary
};

struct Format {
    std::string_view name;    // "text", "json", ...
    std::string_view ending;  // of files: ".json"
    bool is_stream = false;   // reports can follow each other; of the others only the final one goes to standard output
    bool is_watched = false;  // people look at one report after the other: lines keep their places
    bool is_binary = false;   // nothing for a terminal
    bool wants_all = false;   // takes a wide report; the others take one that cut_report() went over
    std::string (*write)(const Report& report, const FormatOptions& options) = nullptr;
};

std::span<const Format> formats();
const Format* find_format(std::string_view name);
const Format* format_of_file(std::string_view path);  // by its ending

std::string write_text(const Report& report, const FormatOptions& options);
std::string write_json(const Report& report, const FormatOptions& options);  // one line, newline at the end
std::string write_folded(const Report& report, const FormatOptions& options);
std::string write_pprof(const Report& report, const FormatOptions& options);
std::string write_html(const Report& report, const FormatOptions& options);
std::string write_openmetrics(const Report& report, const FormatOptions& options);
std::string write_prometheus(const Report& report, const FormatOptions& options);  // the same for older scrapers

}  // namespace whoholds
