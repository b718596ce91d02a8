// A wide report, as it is analysed and recorded, cut down to what is shown. Used by main.
#pragma once

#include <cstddef>

#include "report/report.h"

namespace whoholds {

// How many stacks a kind are analysed and recorded.
constexpr size_t kWideReport = 1000;

// What holds nothing goes, unless the order is by total. The first `top` stacks of each kind stay, and those that findings name; the first `top` groups of connections.
void cut_report(Report& report, size_t top);

}  // namespace whoholds
