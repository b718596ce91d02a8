#include "report/formats.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr Format kFormats[] = {
    {.name = "text", .ending = ".txt", .is_stream = true, .is_watched = true, .write = write_text},
    {.name = "json", .ending = ".json", .is_stream = true, .write = write_json},
    {.name = "folded", .ending = ".folded", .wants_all = true, .write = write_folded},
    {.name = "pprof", .ending = ".pb.gz", .is_binary = true, .wants_all = true, .write = write_pprof},
    {.name = "html", .ending = ".html", .wants_all = true, .write = write_html},
    {.name = "openmetrics", .ending = ".om", .wants_all = true, .write = write_openmetrics},
};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* find_format(std::string_view name) {
    const auto* found = std::ranges::find(kFormats, name, &Format::name);
    return found == std::end(kFormats) ? nullptr : found;
}

const Format* format_of_file(std::string_view path) {
    const auto* found =
        std::ranges::find_if(kFormats, [&](const Format& format) { return path.ends_with(format.ending); });
    return found == std::end(kFormats) ? nullptr : found;
}

}  // namespace whoholds
