// A difference of two reports as text for people, and as JSON for machines. Used by `whoholds diff`.
#pragma once

#include <string>

#include "analyze/difference.h"
#include "report/formats.h"

namespace whoholds {

std::string difference_as_text(const Report& before, const Report& after, const ReportDifference& difference,
                               const FormatOptions& options);
// One object, schema "whoholds-diff/1", with all stacks.
std::string difference_as_json(const Report& before, const Report& after, const ReportDifference& difference);

}  // namespace whoholds
