#include "top/screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/text_layout.h"

namespace whoholds {
namespace {

std::string_view color_of(Look look) {
    switch (look) {
        case Look::kPlain: return "";
        case Look::kBold: return "\x1b[1m";
        case Look::kDim: return "\x1b[2m";
        case Look::kSelected: return "\x1b[7m";
        case Look::kBad: return "\x1b[1;31m";
        case Look::kDoubtful: return "\x1b[33m";
        case Look::kGood: return "\x1b[32m";
    }
    return "";
}

std::string_view attribute_of(Look look) {
    switch (look) {
        case Look::kSelected: return "\x1b[7m";
        case Look::kBold:
        case Look::kBad:
        case Look::kDoubtful: return "\x1b[1m";
        default: return "";
    }
}

struct Likeness {
    std::string_view text;
    char ascii;
};

constexpr Likeness kLikenesses[] = {{"▁", '_'}, {"▂", '.'}, {"▃", ':'}, {"▄", '-'}, {"▅", '='}, {"▆", '+'},
                                    {"▇", '*'}, {"█", '#'}, {"·", '-'}, {"…", '.'}, {"▼", 'v'}, {"▲", '^'}};

size_t length_at(std::string_view text) {
    size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80) length++;
    return length;
}

}  // namespace

std::string in_ascii(std::string_view text) {
    std::string ascii;
    while (!text.empty()) {
        const std::string_view one = text.substr(0, length_at(text));
        text.remove_prefix(one.size());
        const auto* likeness = std::ranges::find(kLikenesses, one, &Likeness::text);
        if (one.size() == 1)
            ascii += one;
        else if (likeness != std::end(kLikenesses))
            ascii += likeness->ascii;
        else
            ascii.append(display_width(one), '?');
    }
    return ascii;
}

std::string screen_text(const Screen& screen) {
    std::string text;
    for (const ScreenLine& line : screen.lines) {
        std::string whole;
        for (const Span& span : line) whole += span.text;
        whole.resize(whole.find_last_not_of(' ') + 1);
        text += whole + '\n';
    }
    return text;
}

std::string Painter::bytes_of(const ScreenLine& line, size_t width) const {
    std::string bytes;
    size_t used = 0;
    for (const Span& span : line) {
        const std::string text = cut_tail(span.text, width - used);
        used += display_width(text);
        const std::string_view look = traits_.has_colors ? color_of(span.look) : attribute_of(span.look);
        bytes += look;
        bytes += traits_.has_utf8 ? text : in_ascii(text);
        if (!look.empty()) bytes += "\x1b[0m";
    }
    return bytes;
}

std::string Painter::paint(const Screen& screen) {
    std::string bytes;
    if (shown_.size() != screen.height || width_ != screen.width) {
        bytes += "\x1b[2J";
        shown_.assign(screen.height, "");
        width_ = screen.width;
    }
    for (size_t i = 0; i < screen.height; i++) {
        const std::string line = i < screen.lines.size() ? bytes_of(screen.lines[i], screen.width) : "";
        if (line == shown_[i]) continue;
        // The rest of the line is cleared first: behind a full line the cursor stands on its last column.
        bytes += fmt::format("\x1b[{};1H\x1b[2K", i + 1) + line;
        shown_[i] = line;
    }
    return bytes;
}

}  // namespace whoholds
