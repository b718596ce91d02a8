#include "symbolize/python_origin.h"

#include <array>
#include <cctype>

#include "symbolize/node_origin.h"

namespace whoholds {
namespace {

constexpr std::array<std::string_view, 2> kInstalled = {"/site-packages/", "/dist-packages/"};

// Behind "/lib/python3.11/", "/lib64/python3.11/", "/python311.zip/"; npos: nowhere.
size_t end_of_standard_folder(std::string_view path) {
    constexpr std::string_view kName = "/python3";
    for (size_t at = path.find(kName); at != std::string_view::npos; at = path.find(kName, at + 1)) {
        size_t end = at + kName.size();
        while (end < path.size() && (std::isdigit(static_cast<unsigned char>(path[end])) != 0 || path[end] == '.'))
            ++end;
        const std::string_view before = path.substr(0, at);
        const bool is_in_lib = before.ends_with("/lib") || before.ends_with("/lib64");
        const std::string_view rest = path.substr(end);
        if (is_in_lib && rest.starts_with('/')) return end + 1;
        if (rest.starts_with("zip/")) return end + 4;
    }
    return std::string_view::npos;
}

size_t end_of_installed_folder(std::string_view path) {
    for (const std::string_view folder : kInstalled)
        if (const size_t at = path.rfind(folder); at != std::string_view::npos) return at + folder.size();
    return std::string_view::npos;
}

}  // namespace

ScriptOrigin python_origin_of_file(std::string_view file) {
    if (file.starts_with("<frozen ")) return ScriptOrigin::kStandard;
    if (file.starts_with('<') || file.empty()) return ScriptOrigin::kGenerated;
    return python_origin_of_module(file) == ScriptOrigin::kNone ? ScriptOrigin::kUser : python_origin_of_module(file);
}

ScriptOrigin python_origin_of_module(std::string_view path) {
    if (end_of_installed_folder(path) != std::string_view::npos) return ScriptOrigin::kLibrary;
    if (end_of_standard_folder(path) != std::string_view::npos) return ScriptOrigin::kStandard;
    return ScriptOrigin::kNone;
}

std::string script_package_of(ScriptOrigin origin, std::string_view file) {
    if (origin == ScriptOrigin::kInterpreter) return "the interpreter";
    if (std::string package = node_package_of(file); !package.empty()) return package;
    size_t begin = end_of_installed_folder(file);
    if (begin == std::string_view::npos) begin = end_of_standard_folder(file);
    if (begin == std::string_view::npos) return std::string(file);
    std::string_view inside = file.substr(begin);
    constexpr std::string_view kExtensions = "lib-dynload/";
    if (inside.starts_with(kExtensions)) inside.remove_prefix(kExtensions.size());
    return std::string(inside.substr(0, inside.find_first_of("/.")));
}

}  // namespace whoholds
