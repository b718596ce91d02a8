// The state of `whoholds top` as a screen. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "top/screen.h"
#include "top/top_state.h"

namespace whoholds {

Screen draw(const TopState& state);

// Rows of the table, and lines of a page of text, that fit on the screen.
size_t visible_rows(const TopState& state);
size_t visible_page_lines(const TopState& state);

// What is above the table or page: the process, its memory, what was found, what is wrong with the numbers.
std::vector<ScreenLine> header_lines(const TopState& state);
// The whole page of text that is open; nothing for the table.
std::vector<std::string> page_lines(const TopState& state);

// "5 h" of "5 h 12 min": for where there is little room.
std::string short_age(double seconds);
// How a number went, as a row of bars: "▁▂▃▅█". So many columns, the newest on the right.
std::string sparkline(const std::vector<double>& times, const std::vector<double>& values, size_t columns);

}  // namespace whoholds
