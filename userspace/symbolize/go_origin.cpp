#include "symbolize/go_origin.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <array>

namespace whoholds {
namespace {

// What the first part of a package of the standard library can be. Paths of modules usually have a dot there, but need not.
constexpr auto kStandardRoots = std::to_array<std::string_view>({"archive",   "arena",
                                                                 "bufio",     "builtin",
                                                                 "bytes",     "cmp",
                                                                 "cmd",       "compress",
                                                                 "container", "context",
                                                                 "crypto",    "database",
                                                                 "debug",     "embed",
                                                                 "encoding",  "errors",
                                                                 "expvar",    "flag",
                                                                 "fmt",       "go",
                                                                 "hash",      "html",
                                                                 "image",     "index",
                                                                 "internal",  "io",
                                                                 "iter",      "log",
                                                                 "maps",      "math",
                                                                 "mime",      "net",
                                                                 "os",        "path",
                                                                 "plugin",    "reflect",
                                                                 "regexp",    "runtime",
                                                                 "simd",      "slices",
                                                                 "sort",      "strconv",
                                                                 "strings",   "structs",
                                                                 "sync",      "syscall",
                                                                 "testing",   "text",
                                                                 "time",      "type",
                                                                 "unicode",   "unique",
                                                                 "unsafe",    "uuid",
                                                                 "vendor",    "weak",
                                                                 "_cgo",      "_rt0_amd64_linux"});

// Hosts of repositories that are two names below them.
constexpr auto kCodeHosts =
    std::to_array<std::string_view>({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitee.com"});

constexpr std::string_view kBuiltInPlace = "(devel)";
constexpr size_t kMaxPackages = 100'000;

bool is_inside(std::string_view path, std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string_view first_parts(std::string_view path, size_t count) {
    size_t end = 0;
    for (; count > 0 && end != std::string_view::npos; --count) end = path.find('/', end == 0 ? 0 : end + 1);
    return path.substr(0, end);
}

// As much of a package's path as is likely to be the repository.
std::string_view repository_of(std::string_view package) {
    const std::string_view first = first_parts(package, 1);
    if (std::ranges::find(kCodeHosts, first) != kCodeHosts.end()) return first_parts(package, 3);
    return first_parts(package, first.find('.') == std::string_view::npos ? 1 : 2);
}

// Takes the parts away in which both end: "corp/shop/api", "/src/shop/api" -> "corp", "/src".
GoPackageFolder without_common_end(std::string_view package, std::string_view folder) {
    while (!package.empty() && !folder.empty()) {
        const size_t of_package = package.rfind('/') + 1;
        const size_t of_folder = folder.rfind('/') + 1;
        if (package.substr(of_package) != folder.substr(of_folder)) break;
        package = package.substr(0, of_package == 0 ? 0 : of_package - 1);
        folder = folder.substr(0, of_folder == 0 ? 0 : of_folder - 1);
    }
    return {std::string(package), std::string(folder)};
}

// Functions of the main package are all called main.something. Its path is told by its folder and by packages in folders above.
std::string main_package_of(const std::vector<GoPackageFolder>& packages) {
    const auto main = std::ranges::find(packages, "main", &GoPackageFolder::package);
    if (main == packages.end() || main->folder.empty()) return "";
    std::string best;
    size_t longest = 0;
    for (const GoPackageFolder& each : packages) {
        if (each.package == "main" || each.folder.empty()) continue;
        if (go_origin_of(each.package + ".f", {}) == GoOrigin::kStandard) continue;
        const GoPackageFolder above = without_common_end(each.package, each.folder);
        // Built with -trimpath: folders are paths of packages.
        if (above.folder.empty() && above.package.empty() && best.empty() && main->folder[0] != '/')
            best = main->folder;
        if (above.folder.size() <= longest || !is_inside(main->folder, above.folder)) continue;
        longest = above.folder.size();
        best = above.package + main->folder.substr(longest);
        if (above.package.empty() && !best.empty()) best.erase(0, 1);
    }
    return best;
}

}  // namespace

std::string_view go_package_of(std::string_view function) {
    function = function.substr(0, function.find('['));  // type arguments have packages of their own
    const size_t slash = function.rfind('/');
    const size_t dot = function.find('.', slash == std::string_view::npos ? 0 : slash);
    return function.substr(0, dot);
}

GoOrigin go_origin_of(std::string_view function, std::span<const std::string> own_modules) {
    const std::string_view package = go_package_of(function);
    if (package == "main") return GoOrigin::kUser;
    // With GOPATH, copies of libraries have the name of the program's folder in front.
    const bool is_vendored = package.find("/vendor/") != std::string_view::npos;
    const auto is_of = [&](const std::string& module) {
        // "gopkg.in/shop.v2": the package seems to end at the dot.
        return is_inside(package, module) || function.starts_with(module + ".");
    };
    if (!is_vendored && std::ranges::any_of(own_modules, is_of)) return GoOrigin::kUser;
    if (is_vendored) return GoOrigin::kLibrary;
    const std::string_view first = package.substr(0, package.find_first_of("/:"));
    const bool is_standard = package.empty() || std::ranges::find(kStandardRoots, first) != kStandardRoots.end() ||
                             (package == function && first.find('.') == std::string_view::npos);
    return is_standard ? GoOrigin::kStandard : GoOrigin::kLibrary;
}

std::vector<std::string> go_own_modules(const GoBuildInfo& info,
                                        const std::function<std::vector<GoPackageFolder>()>& packages) {
    std::vector<std::string> modules;
    if (!info.main_module.path.empty()) {
        modules.push_back(info.main_module.path);
        for (const GoModuleVersion& module : info.dependencies)
            if (module.version == kBuiltInPlace) modules.push_back(module.path);
        return modules;
    }
    std::string main_package = info.main_package == "command-line-arguments" ? "" : info.main_package;
    if (main_package.empty()) main_package = main_package_of(packages());
    if (!main_package.empty()) modules.emplace_back(repository_of(main_package));
    return modules;
}

std::vector<GoPackageFolder> go_packages(const GoCode& code) {
    std::vector<GoPackageFolder> packages;
    absl::flat_hash_set<std::string_view> seen;
    for (size_t i = 0; i < code.table().function_count() && seen.size() < kMaxPackages; ++i) {
        const auto function = code.table().function(i);
        if (!function) continue;
        const std::string_view name = code.table().name_of(*function);
        const std::string_view package = go_package_of(name);
        if (package.empty() || package == name || !seen.insert(package).second) continue;
        const std::string_view file = code.table().position(*function, function->entry).file;
        const size_t slash = file.rfind('/');
        packages.push_back(
            {readable_go_name(package), std::string(file.substr(0, slash == std::string_view::npos ? 0 : slash))});
    }
    return packages;
}

}  // namespace whoholds
