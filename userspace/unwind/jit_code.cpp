#include "unwind/jit_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/file.h"
#include "elf/elf_image.h"
#include "elf/mapped_elf.h"

namespace whoholds {

namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr std::string_view kNamesWithV8[] = {"node", "nodejs", "chrome", "chromium", "electron", "deno", "d8"};
constexpr std::string_view kV8Symbol = "_ZN2v87Isolate10GetCurrentEv";

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool may_hold_v8(const Mapping& mapping) {
    std::string_view name = base_name(mapping.path);
    return std::ranges::find(kNamesWithV8, name) != std::end(kNamesWithV8) || name.starts_with("libnode.so") ||
           name.starts_with("libv8");
}

// The name alone proves nothing.
bool holds_v8(const ProcRoot& root, pid_t pid, const Mapping& mapping) {
    std::string open_path;
    auto image = open_mapped_elf(root, pid, mapping, open_path);
    if (!image) return false;
    auto found = image->function_symbols({.debug_roots = {}}, [](std::string_view name) { return name == kV8Symbol; });
    return found && !found->empty();
}

bool jvm_preserves_frame_pointers(const ProcRoot& root, pid_t pid) {
    for (const char* file : {"cmdline", "environ"}) {
        auto text = read_file_bounded(fmt::format("{}/{}/{}", root.path, pid, file), kMaxTextBytes);
        if (text && text->find("-XX:+PreserveFramePointer") != std::string::npos) return true;
    }
    return false;
}

}  // namespace

bool jit_keeps_frame_pointers(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& maps) {
    for (const Mapping& mapping : maps) {
        if (!mapping.executable || !mapping.is_file()) continue;
        if (base_name(mapping.path) == "libjvm.so") return jvm_preserves_frame_pointers(root, pid);
        if (may_hold_v8(mapping) && holds_v8(root, pid, mapping)) return true;
    }
    return false;
}

}  // namespace whoholds
