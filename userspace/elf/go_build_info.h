// What Go's linker wrote into an executable about its making: the version of Go, the main package, the modules it was built
// from. Used by GoCode (the version decides the form of other tables) and by reports (whose code is the user's own).
// Everything in it is untrusted and bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"

namespace whoholds {

struct GoModuleVersion {
    std::string path;
    std::string version;  // "(devel)" for what was built in place
};

struct GoBuildInfo {
    std::string go_version;       // "go1.26.1", with experiments behind it ("go1.22.1 X:boringcrypto")
    std::string main_package;     // "" when not known
    GoModuleVersion main_module;  // path "" when not known (built without modules)
    std::vector<GoModuleVersion> dependencies;
    std::vector<std::pair<std::string, std::string>> settings;  // "-race" "true", "CGO_ENABLED" "1"
};

// The minor number of "go1.26.1", "devel go1.27-d3a4b5", "go1.22rc1"; nullopt for what is no version of Go 1.
std::optional<unsigned> go_minor_version(std::string_view go_version);

// By the section, else by its magic number in a segment without code. kNotFound where there is none: some linkers leave it out.
Result<GoBuildInfo> read_go_build_info(const ElfImage& image);

// The text that follows the version: lines of "mod\tpath\tversion\tsum" and the like. Lines of other forms are passed over.
void parse_go_modules(std::string_view text, GoBuildInfo& info);

}  // namespace whoholds
