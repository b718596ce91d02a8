#include "report/text_layout.h"

#include <algorithm>
#include <cstdint>

namespace whoholds {
namespace {

constexpr std::string_view kEllipsis = "…";
constexpr std::string_view kGap = "   ";

struct Character {
    char32_t code = 0;
    size_t bytes = 1;
};

struct Range {
    char32_t first;
    char32_t last;
};

// Unicode 15, blocks where every character is East Asian wide; narrow strays inside them only make a line shorter.
constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},
                           {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                           {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};
constexpr Range kZero[] = {{0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
                           {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

// Valid UTF-8 is promised; a stray byte counts as one character, so that nothing here can run past the end.
Character first_character(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (bytes > text.size()) bytes = 1;
    if (bytes == 1) return {lead, 1};
    char32_t code = lead & (0xffU >> (bytes + 1));
    for (size_t i = 1; i < bytes; ++i) code = code << 6 | (byte(i) & 0x3fU);
    return {code, bytes};
}

bool is_in(std::span<const Range> ranges, char32_t code) {
    return std::ranges::any_of(ranges, [&](const Range& range) { return code >= range.first && code <= range.last; });
}

size_t width_of(char32_t code) {
    if (is_in(kZero, code)) return 0;
    return is_in(kWide, code) ? 2 : 1;
}

// Bytes of the longest beginning that fits.
size_t fitting_bytes(std::string_view text, size_t width) {
    size_t bytes = 0;
    for (size_t columns = 0; bytes < text.size();) {
        const Character character = first_character(text.substr(bytes));
        columns += width_of(character.code);
        if (columns > width) break;
        bytes += character.bytes;
    }
    return bytes;
}

std::string spaces(size_t count) { return std::string(count, ' '); }

size_t widest(std::span<const std::string> texts) {
    size_t width = 0;
    for (const std::string& text : texts) width = std::max(width, display_width(text));
    return width;
}

void trim_right(std::string& line) {
    while (line.ends_with(' ')) line.pop_back();
}

}  // namespace

size_t display_width(std::string_view text) {
    size_t width = 0;
    while (!text.empty()) {
        const Character character = first_character(text);
        width += width_of(character.code);
        text.remove_prefix(character.bytes);
    }
    return width;
}

std::string pad_left(std::string_view text, size_t width) {
    const size_t own = display_width(text);
    return (own < width ? spaces(width - own) : "") + std::string(text);
}

std::string pad_right(std::string_view text, size_t width) {
    const size_t own = display_width(text);
    return std::string(text) + (own < width ? spaces(width - own) : "");
}

std::string cut_tail(std::string_view text, size_t width) {
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return "";
    return std::string(text.substr(0, fitting_bytes(text, width - 1))) + std::string(kEllipsis);
}

std::string cut_head(std::string_view text, size_t width) {
    size_t own = display_width(text);
    if (own <= width) return std::string(text);
    if (width == 0) return "";
    while (own > width - 1) {
        const Character character = first_character(text);
        own -= width_of(character.code);
        text.remove_prefix(character.bytes);
    }
    return std::string(kEllipsis) + std::string(text);
}

std::vector<std::string> wrap(std::string_view text, size_t width) {
    width = std::max<size_t>(width, 2);  // a wide character fits
    std::vector<std::string> lines;
    while (display_width(text) > width) {
        size_t cut = fitting_bytes(text, width);
        const size_t space = text.rfind(' ', cut);
        if (space != std::string_view::npos && space > 0) cut = space;
        lines.emplace_back(text.substr(0, cut));
        trim_right(lines.back());
        text.remove_prefix(cut);
        while (text.starts_with(' ')) text.remove_prefix(1);
    }
    if (!text.empty() || lines.empty()) lines.emplace_back(text);
    return lines;
}

std::vector<std::string> join_parts(std::span<const std::string> parts, size_t width, std::string_view between) {
    std::vector<std::string> lines;
    for (const std::string& part : parts) {
        if (part.empty()) continue;
        if (!lines.empty() && display_width(lines.back()) + display_width(between) + display_width(part) <= width) {
            lines.back() += std::string(between) + part;
        } else {
            lines.push_back(part);
        }
    }
    return lines;
}

std::vector<std::string> layout_table(std::span<const Column> columns) {
    const size_t rows = columns.empty() ? 0 : columns[0].cells.size();
    std::vector<std::string> lines(columns.empty() ? 0 : rows + 1);
    for (const Column& column : columns) {
        const size_t width = std::max(widest(column.cells), display_width(column.header));
        for (size_t i = 0; i < lines.size(); ++i) {
            const std::string& cell = i == 0 ? column.header : column.cells[i - 1];
            if (&column != columns.data()) lines[i] += kGap;
            lines[i] += column.is_name ? pad_right(cell, width) : pad_left(cell, width);
        }
    }
    for (std::string& line : lines) trim_right(line);
    return lines;
}

std::vector<std::string> amounts_in_counts(std::span<const std::string> amounts, std::span<const std::string> counts) {
    std::vector<std::string> cells;
    const size_t amount_width = widest(amounts);
    const size_t count_width = widest(counts);
    for (size_t i = 0; i < amounts.size(); ++i) {
        cells.push_back(pad_left(amounts[i], amount_width) + " in " + pad_left(counts[i], count_width));
    }
    return cells;
}

}  // namespace whoholds
