// The frames of a stack: one line each, recursion and the middle of very deep stacks as one line. Of Go and Python code, runs of frames that
// are not the user's own are one line, too, unless --full asks for all.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "analyze/headline.h"
#include "base/human.h"
#include "base/printable.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

constexpr size_t kFramesFromTop = 24;
constexpr size_t kFramesFromEnd = 6;
constexpr size_t kIndent = 6;
constexpr size_t kWidestName = 56;  // of the function column; a longer name pushes its own location only
constexpr size_t kPackagesNamed = 3;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string location(const Frame& frame, bool show_modules) {
    if (!frame.file.empty()) {
        // The name of a Go function has the folder of its package in it.
        const bool is_known_place = frame.go != GoOrigin::kNotGo && frame.go != GoOrigin::kUser;
        return printable(is_known_place ? base_name(frame.file) : frame.file) +
               (frame.line > 0 ? fmt::format(":{}", frame.line) : "");
    }
    if (!frame.function.empty()) return show_modules ? printable(base_name(frame.module)) : "";
    if (frame.module.empty()) return "(no mapping)";
    return frame.build_id.empty() ? "(no symbol)" : "[build id " + printable(frame.build_id) + ']';
}

struct FrameLine {
    std::string name;
    std::string location;
    bool inlined = false;
    bool headline = false;
    bool is_fold = false;
    size_t repeated = 1;

    [[nodiscard]] bool same_place(const FrameLine& other) const {
        return name == other.name && location == other.location && inlined == other.inlined;
    }
};

// "… 5 frames of google.golang.org/grpc, net/http …"
std::string fold_text(std::span<const Frame> frames) {
    std::vector<std::string> packages;
    for (const Frame& frame : frames) {
        const std::string package =
            printable(frame.script == ScriptOrigin::kNone
                          ? std::string(go_package_of(frame.function))
                          : script_package_of(frame.script, is_script_code(frame) ? frame.file : frame.module));
        if (std::ranges::find(packages, package) == packages.end()) packages.push_back(package);
    }
    const bool has_more = packages.size() > kPackagesNamed;
    if (has_more) packages.resize(kPackagesNamed);
    return fmt::format("… {} frames of {}{} …", frames.size(), fmt::join(packages, ", "),
                       has_more ? ", and others" : "");
}

// How many frames from `first` on are not shown. What remains of a run of foreign frames are its ends: what the user's code called,
// who called the user's code, and the innermost frame of all.
size_t folded_from(std::span<const Frame> frames, size_t first, const std::string& headline) {
    const auto is_foreign = [&](size_t i) {
        const Frame& frame = frames[i];
        const bool is_foreign_go = frame.go != GoOrigin::kNotGo && !is_own_go_code(frame) && !frame.created_by;
        const bool is_foreign_python = frame.script != ScriptOrigin::kNone && frame.script != ScriptOrigin::kUser;
        return (is_foreign_go || is_foreign_python) && frame_name(frame) != headline;
    };
    if (first == 0 || !is_foreign(first - 1)) return 0;
    size_t end = first;
    while (end < frames.size() && is_foreign(end)) ++end;
    const size_t kept = end < frames.size() ? 1 : 0;  // the last one is called by the user's code
    return end - first > kept + 1 ? end - first - kept : 0;
}

// Recursion as one line, and what is folded.
std::vector<FrameLine> frame_lines(const StackReport& stack, bool show_modules, bool unfold) {
    std::vector<FrameLine> lines;
    bool headline_seen = false;
    const bool folds = !unfold && std::ranges::any_of(stack.frames, [](const Frame& frame) {
        return is_own_go_code(frame) || frame.script == ScriptOrigin::kUser;
    });
    for (size_t i = 0; i < stack.frames.size(); ++i) {
        if (const size_t folded = folds ? folded_from(stack.frames, i, stack.headline) : 0; folded > 0) {
            lines.push_back(
                {.name = fold_text(std::span(stack.frames).subspan(i, folded)), .location = {}, .is_fold = true});
            i += folded - 1;
            continue;
        }
        const Frame& frame = stack.frames[i];
        FrameLine line{(frame.created_by ? "created by " : "") + printable(frame_name(frame)),
                       location(frame, show_modules), frame.inlined};
        if (!headline_seen && frame_name(frame) == stack.headline) line.headline = headline_seen = true;
        if (!lines.empty() && lines.back().same_place(line)) {
            ++lines.back().repeated;
        } else {
            lines.push_back(std::move(line));
        }
    }
    return lines;
}

void write_frame(const FrameLine& line, size_t name_width, TextOutput& output) {
    if (line.is_fold) return output.line(pad_left("", kIndent) + line.name);
    std::string suffix = line.inlined ? "  (inlined)" : "";
    if (line.repeated > 1) suffix += fmt::format("  ({} times)", exact_count(line.repeated));
    const size_t taken = kIndent + display_width(suffix);
    const size_t room = output.width() > taken ? output.width() - taken : 0;
    output.line(pad_left(line.headline ? "> " : "", kIndent) +
                name_and_place(line.name, name_width, line.location, room) + suffix);
}

}  // namespace

// "name  place" in `width` columns. The place is what one opens next: the name gives way first, down to a third.
std::string name_and_place(std::string_view name, size_t name_width, const std::string& place, size_t width) {
    if (place.empty()) return cut_tail(name, width);
    const size_t place_width = display_width(place);
    const size_t beside_place = width > place_width + 2 ? width - place_width - 2 : 0;
    const size_t room = std::max(beside_place, width / 3);
    const std::string cut = pad_right(cut_tail(name, room), std::min(name_width, room)) + "  ";
    const size_t used = display_width(cut);
    return cut + (used < width ? cut_head(place, width - used) : "");
}

void write_frames(const StackReport& stack, TextOutput& output) {
    const std::vector<FrameLine> lines = frame_lines(stack, output.options().show_modules, output.options().all_frames);
    const bool deep = !output.options().all_frames && lines.size() > kFramesFromTop + kFramesFromEnd + 1;
    size_t name_width = 0;
    for (const FrameLine& line : lines)
        if (!line.is_fold) name_width = std::max(name_width, display_width(line.name));
    name_width = std::min(name_width, kWidestName);

    for (size_t i = 0; i < lines.size(); ++i) {
        if (deep && i == kFramesFromTop) {
            const size_t left_out = lines.size() - kFramesFromTop - kFramesFromEnd;
            output.line(fmt::format("{:{}}… {} more frames …", "", kIndent, left_out));
            i += left_out;
        }
        write_frame(lines[i], name_width, output);
    }
}

}  // namespace whoholds
