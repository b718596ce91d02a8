// Which functions count references. One release then does not mean that the object is gone, and one handle is acquired several
// times: a pair of such functions would give wrong numbers. Used by the grammar and the catalogue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

// The objects of this kind that are known by name: "X509", "dlopen", …
std::vector<std::string_view> counted_objects();

// One sentence why a pair with this function or object is refused, with what to do instead; "" if nothing is known against it.
std::string reference_counting_refusal(std::string_view name);

}  // namespace whoholds
