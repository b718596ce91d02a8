// A pprof profile as text, decoded by itself: for golden files, and to look at single values. Refuses what the format does not
// allow (ids that nothing has, texts that are not there).
#pragma once

#include <string>

namespace whoholds {

std::string gunzip(const std::string& data);            // "" if it is no gzip
std::string pprof_text(const std::string& compressed);  // "broken: ..." if it is no profile

}  // namespace whoholds
