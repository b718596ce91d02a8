#include "symbolize/go_origin.h"

namespace whoholds {

std::string_view go_package_of(std::string_view function) {
    function = function.substr(0, function.find('['));  // type arguments have packages of their own
    const size_t slash = function.rfind('/');
    const size_t dot = function.find('.', slash == std::string_view::npos ? 0 : slash);
    return function.substr(0, dot);
}

GoOrigin go_origin_of(std::string_view function, std::string_view main_module) {
    const std::string_view package = go_package_of(function);
    const bool is_in_module = !main_module.empty() && package.starts_with(main_module) &&
                              (package.size() == main_module.size() || package[main_module.size()] == '/');
    if (package == "main" || is_in_module) return GoOrigin::kUser;
    // Paths of modules begin with the name of a host; those of the standard library have no dot there.
    const std::string_view first = package.substr(0, package.find('/'));
    return first.find('.') == std::string_view::npos ? GoOrigin::kStandard : GoOrigin::kLibrary;
}

}  // namespace whoholds
