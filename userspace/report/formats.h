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
};

struct Format {
    std::string_view name;  // "text", "json"
    std::string (*write)(const Report& report, const FormatOptions& options);
};

std::span<const Format> formats();
const Format* find_format(std::string_view name);

std::string write_text(const Report& report, const FormatOptions& options);
std::string write_json(const Report& report, const FormatOptions& options);  // one line, newline at the end

}  // namespace whoholds
