#include "symbolize/node_origin.h"

namespace whoholds {
namespace {

constexpr std::string_view kInstalled = "/node_modules/";
constexpr std::string_view kOwn = "node:";

}  // namespace

ScriptOrigin node_origin_of_file(std::string_view file) {
    if (file.starts_with(kOwn)) return ScriptOrigin::kStandard;
    if (file.find(kInstalled) != std::string_view::npos) return ScriptOrigin::kLibrary;
    const bool is_a_file = file.find('/') != std::string_view::npos;
    return is_a_file ? ScriptOrigin::kUser : ScriptOrigin::kGenerated;  // "evalmachine.<anonymous>", "[eval]"
}

std::string node_package_of(std::string_view file) {
    if (file.starts_with(kOwn)) return std::string(file);
    const size_t at = file.rfind(kInstalled);
    if (at == std::string_view::npos) return "";
    const std::string_view inside = file.substr(at + kInstalled.size());
    size_t end = inside.find('/');
    if (inside.starts_with('@') && end != std::string_view::npos) end = inside.find('/', end + 1);  // "@scope/name"
    return std::string(inside.substr(0, end));
}

}  // namespace whoholds
