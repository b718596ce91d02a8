// Whose code a Go function is: the user's, a library's, or Go's own. Used by the symboliser, for the headline of stacks.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "elf/go_code.h"

namespace whoholds {

enum class GoOrigin : uint8_t { kNotGo, kUser, kLibrary, kStandard };

// "net/http.(*Client).Do" -> "net/http"; "main.main.func1" -> "main".
std::string_view go_package_of(std::string_view function);

// own_modules: paths of the modules that are the user's, beside package main, which always is.
GoOrigin go_origin_of(std::string_view function, std::span<const std::string> own_modules);

// A package of a program and the folder that its sources were in.
struct GoPackageFolder {
    std::string package;
    std::string folder;
};

// The main module, and those that were built from folders beside it (replace directives, workspaces). Where the build information
// does not name the main module (other build systems), the part of the main package's path that a repository has.
std::vector<std::string> go_own_modules(const GoBuildInfo& info,
                                        const std::function<std::vector<GoPackageFolder>()>& packages);

// Each package once. Walks all functions.
std::vector<GoPackageFolder> go_packages(const GoCode& code);

}  // namespace whoholds
