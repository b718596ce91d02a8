// The rules for memory that no single line of code is to blame for: it is taken by many in turn, nothing holds it, or it is not the
// program's own. Rows of finding_rules(). Pure.
#pragma once

#include <vector>

#include "analyze/findings.h"

namespace whoholds {

// Pools are refilled by whoever comes when they are empty: no stack grows steadily, all of them together do.
void find_spread_growth(const Observed& observed, std::vector<Finding>& findings);

// Memory that the process has and the program does not hold.
void find_fragmentation(const Observed& observed, std::vector<Finding>& findings);

// The container's limit counts the page cache and tmpfs, too.
void find_page_cache(const Observed& observed, std::vector<Finding>& findings);

}  // namespace whoholds
