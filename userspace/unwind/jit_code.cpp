#include "unwind/jit_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/file.h"

namespace whoholds {

namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr std::string_view kNamesWithV8[] = {"node", "nodejs", "chrome", "chromium", "electron", "deno", "d8"};
constexpr std::string_view kV8Symbol = "_ZN2v87Isolate10GetCurrentEv";

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool may_hold_v8(std::string_view path) {
    std::string_view name = base_name(path);
    return std::ranges::find(kNamesWithV8, name) != std::end(kNamesWithV8) || name.starts_with("libnode.so") ||
           name.starts_with("libv8");
}

}  // namespace

// The name alone proves nothing, and looking through the symbols of every file would take too long.
bool holds_v8(const ElfImage& image, std::string_view path) {
    if (!may_hold_v8(path)) return false;
    auto found = image.function_symbols({.debug_roots = {}}, [](std::string_view name) { return name == kV8Symbol; });
    return found && !found->empty();
}

bool is_jvm_with_frame_pointers(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& maps) {
    auto is_jvm = [](const Mapping& mapping) { return mapping.is_file() && base_name(mapping.path) == "libjvm.so"; };
    if (std::ranges::none_of(maps, is_jvm)) return false;
    for (const char* file : {"cmdline", "environ"}) {
        auto text = read_file_bounded(fmt::format("{}/{}/{}", root.path, pid, file), kMaxTextBytes);
        if (text && text->find("-XX:+PreserveFramePointer") != std::string::npos) return true;
    }
    return false;
}

}  // namespace whoholds
