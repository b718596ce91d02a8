// Laying out text in columns: widths as a terminal shows them, padding, cutting, wrapping, tables.
// Used by the text report alone. Strings passed in are printable() already: valid UTF-8, no control characters.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

// Columns on a terminal: 2 for East Asian wide characters and emoji, 0 for combining ones.
size_t display_width(std::string_view text);

std::string pad_left(std::string_view text, size_t width);   // for numbers
std::string pad_right(std::string_view text, size_t width);  // for names

// At most `width` columns; what is cut is marked by "…". cut_head keeps the end (of a path), cut_tail the beginning.
std::string cut_head(std::string_view text, size_t width);
std::string cut_tail(std::string_view text, size_t width);

// Lines of at most `width` columns, broken at spaces; a word that does not fit is broken anywhere. At least one line.
std::vector<std::string> wrap(std::string_view text, size_t width);

// Parts that are not empty, joined; a new line where the next one would not fit. A part alone may be wider.
std::vector<std::string> join_parts(std::span<const std::string> parts, size_t width, std::string_view between = " · ");

struct Column {
    std::string header;
    bool is_name = false;  // padded on the right; numbers are padded on the left
    std::vector<std::string> cells;
};

// Header and rows, columns three spaces apart, without trailing spaces. All columns have as many cells as the first.
std::vector<std::string> layout_table(std::span<const Column> columns);

// Cells "1.1 GiB in 502,111" with both numbers aligned. As many counts as amounts.
std::vector<std::string> amounts_in_counts(std::span<const std::string> amounts, std::span<const std::string> counts);

}  // namespace whoholds
