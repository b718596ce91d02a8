// The page of HTML reports as text, made from report/html/page.* when the project is configured. Used by html.cpp.
#pragma once

#include <string_view>

namespace whoholds {

extern const std::string_view kHtmlPage;  // with WHOHOLDS_TITLE, _STYLE, _DATA and _SCRIPT where these belong
extern const std::string_view kHtmlStyle;
extern const std::string_view kHtmlScript;

}  // namespace whoholds
