#include "report/formats.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr Format kFormats[] = {
    {"text", write_text},
    {"json", write_json},
};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* find_format(std::string_view name) {
    const auto* found = std::ranges::find(kFormats, name, &Format::name);
    return found == std::end(kFormats) ? nullptr : found;
}

}  // namespace whoholds
