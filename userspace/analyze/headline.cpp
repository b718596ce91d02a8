#include "analyze/headline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace whoholds {
namespace {

// A shared library's file name is one of these followed by '.', '-' or a digit: "libc.so.6", "libc-2.31.so",
// "ld-linux-x86-64.so.2".
constexpr std::array<std::string_view, 22> kRuntimeModules = {
    "libc",
    "ld",
    "ld64",
    "libpthread",
    "libdl",
    "librt",
    "libm",
    "libstdc++",
    "libc++",
    "libc++abi",
    "libgcc_s",
    "libsupc++",
    "libunwind",
    "libjemalloc",
    "libmimalloc",
    "libtcmalloc",
    "libtcmalloc_minimal",
    "libtcmalloc_debug",
    "libtcmalloc_and_profiler",
    "libtcmalloc_minimal_debug",
    "libhoard",
    "[vdso]",
};

constexpr std::array<std::string_view, 7> kSystemDirectories = {
    "/usr/lib/", "/usr/lib64/", "/usr/lib32/", "/usr/libexec/", "/lib/", "/lib64/", "/lib32/",
};

// Qualified names that begin so belong to a language's library: C++ and Rust.
constexpr std::array<std::string_view, 17> kLibraryPrefixes = {
    "std::",
    "__gnu_cxx::",
    "__cxxabiv1::",
    "operator new",
    "operator delete",
    "alloc::",
    "core::",
    "hashbrown::",
    "<std::",
    "<alloc::",
    "<core::",
    "<hashbrown::",
    "__rust_",
    "__rustc::",
    "__rdl_",
    "boost::container::",
    "absl::container_internal::",
};

// Sources of a language's library, which is compiled into the program: Rust's std and its dependencies, C++ headers.
constexpr std::array<std::string_view, 3> kLibrarySources = {"/rustc/", "/rust/deps/", "/usr/include/"};

constexpr std::array<std::string_view, 15> kStartFunctions = {
    "_start",
    "_dl_start_user",
    "_dl_start",
    "_dl_init",
    "call_init",
    "__libc_csu_init",
    "__libc_start_main",
    "__libc_start_call_main",
    "start_thread",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "thread_start",
    "__pthread_trampoline",
};

constexpr std::array<std::string_view, 9> kAllocatorWords = {
    "malloc", "calloc", "realloc", "strdup", "strndup", "memdup", "memalign", "aligned_alloc", "reallocarray",
};

// What may follow such a word in the name of a wrapper. "malloc_user" is a user of malloc, not a wrapper.
constexpr std::array<std::string_view, 30> kWrapperSuffixes = {
    "",         "_n",     "0",       "0_n",      "_impl", "_internal", "_usable",  "_usable_internal",
    "_aligned", "_array", "_zero",   "_zeroed",  "_safe", "_or_die",   "_or_fail", "_checked",
    "_try",     "_fail",  "_nofail", "_wrapper", "_hook", "_default",  "_small",   "_large",
    "_generic", "array",  "zero",    "n",        "z",     "_printf",
};

bool ends_word(std::string_view rest) {
    return rest.empty() || rest[0] == '.' || rest[0] == '-' || (rest[0] >= '0' && rest[0] <= '9');
}

std::string_view base_name(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// Cuts arguments and a return type: "void* ns::f<int>(char) [clone .cold]" -> "ns::f<int>".
std::string_view qualified_name(std::string_view function) {
    constexpr std::string_view kOperator = "operator";
    size_t start = 0;
    int depth = 0;
    for (size_t i = 0; i < function.size(); ++i) {
        const char c = function[i];
        if (depth == 0 && function.substr(i).starts_with(kOperator)) return function.substr(start);
        if (depth == 0 && c == '(' && i > start) return function.substr(start, i - start);
        if (c == '<' || c == '(' || c == '{' || c == '[') ++depth;
        if ((c == '>' || c == ')' || c == '}' || c == ']') && depth > 0) --depth;
        if (depth == 0 && c == ' ') start = i + 1;
    }
    return function.substr(start);
}

// The last part of a qualified name, without template arguments: "ns::f<int>" -> "f".
std::string_view last_part(std::string_view qualified) {
    const size_t bracket = qualified.find('<');
    if (bracket != std::string_view::npos && bracket > 0) qualified = qualified.substr(0, bracket);
    const size_t colons = qualified.rfind("::");
    if (colons != std::string_view::npos) qualified = qualified.substr(colons + 2);
    return qualified;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

bool is_system_path(std::string_view path) {
    return std::ranges::any_of(kSystemDirectories,
                               [&](std::string_view directory) { return path.starts_with(directory); });
}

bool is_passed_over(const Frame& frame) {
    const auto is_source_of = [&](std::string_view folder) { return frame.file.starts_with(folder); };
    if (std::ranges::any_of(kLibrarySources, is_source_of)) return true;
    if (is_runtime_module(frame.module)) return true;
    return std::ranges::find(kStartFunctions, std::string_view(frame.function)) != kStartFunctions.end() ||
           is_allocator_wrapper(frame.function);
}

// What protoc, wire and the like wrote into the user's module says no more than a library does.
bool is_generated(const Frame& frame) {
    constexpr auto kEndings = std::to_array<std::string_view>(
        {".pb.go", ".pb.gw.go", ".connect.go", ".twirp.go", ".gen.go", "_gen.go", "_generated.go", ".generated.go"});
    const std::string_view file = base_name(frame.file);
    return file.starts_with("zz_generated") ||
           std::ranges::any_of(kEndings, [&](std::string_view ending) { return file.ends_with(ending); });
}

// Where a stack has nothing but the standard library, these say how something was done, not what for.
bool is_go_groundwork(const Frame& frame) {
    constexpr auto kPackages =
        std::to_array<std::string_view>({"runtime", "internal", "syscall", "net", "os", "io", "bufio", "bytes",
                                         "strings", "sync", "reflect", "time", "crypto/internal"});
    const std::string_view package = go_package_of(frame.function);
    return std::ranges::any_of(kPackages, [&](std::string_view one) {
        const bool with_below = one == "runtime" || one == "internal" || one == "crypto/internal";
        return package == one || (with_below && package.starts_with(std::string(one) + '/'));
    });
}

bool is_constructor(const Frame& frame) { return frame.module == "[javascript]" && frame.function.starts_with("new "); }

// A constructor of JavaScript makes what belongs to its object, whoever keeps that, and so does a callback without a name in it; without a
// line, too, such a callback says nothing. Their caller does, if it is of the same origin.
size_t past_inner_work(std::span<const Frame> frames, size_t at) {
    const auto has_caller = [&](size_t i) {
        return i + 1 < frames.size() && frames[i + 1].script == frames[at].script;
    };
    const auto says_little = [&](size_t i) {
        if (is_constructor(frames[i])) return true;
        const bool is_callback = frames[i].module == "[javascript]" && frames[i].function == "(anonymous)";
        return is_callback && (frames[i].line == 0 || (has_caller(i) && is_constructor(frames[i + 1])));
    };
    size_t outer = at;
    while (has_caller(outer) && says_little(outer)) outer++;
    return says_little(outer) ? at : outer;
}

}  // namespace

bool is_user_code(const Frame& frame, std::string_view exe) {
    if (frame.go != GoOrigin::kNotGo) return is_own_go_code(frame);
    if (frame.script != ScriptOrigin::kNone) return frame.script == ScriptOrigin::kUser;
    if (frame.module.empty() || is_passed_over(frame)) return false;
    if (!exe.empty() && frame.module == exe) return true;
    if (frame.module == "[jit]") return !frame.function.empty();
    return frame.module[0] == '/' && !is_system_path(frame.module);
}

bool is_script_code(const Frame& frame) { return frame.module == "[python]" || frame.module == "[javascript]"; }

bool is_own_go_code(const Frame& frame) { return frame.go == GoOrigin::kUser && !is_generated(frame); }

bool is_runtime_module(std::string_view path) {
    const std::string_view name = base_name(path);
    return std::ranges::any_of(kRuntimeModules, [&](std::string_view module) {
        if (!name.starts_with(module)) return false;
        const std::string_view rest = name.substr(module.size());
        // "libm-2.31.so" and "ld-linux…" are runtimes, a program called "ld" or "libc" is not.
        return module[0] == '[' || (!rest.empty() && ends_word(rest) && rest.find(".so") != std::string_view::npos);
    });
}

bool is_allocator_wrapper(std::string_view function) {
    if (function.empty()) return false;
    const std::string_view qualified = qualified_name(function);
    for (const std::string_view prefix : kLibraryPrefixes) {
        if (qualified.starts_with(prefix)) return true;
    }

    const std::string_view last = last_part(qualified);
    for (const std::string_view member : {"operator new", "operator delete"}) {  // a class's own
        if (last == member || last.starts_with(std::string(member) + '[') ||
            last.starts_with(std::string(member) + '('))
            return true;
    }

    std::string name = lower(last);
    if (const size_t dot = name.find('.'); dot != std::string::npos) name.resize(dot);  // "xmalloc.part.0"
    for (const std::string_view word : kAllocatorWords) {
        const size_t at = name.rfind(word);
        if (at == std::string::npos) continue;
        const std::string_view rest = std::string_view(name).substr(at + word.size());
        if (std::ranges::find(kWrapperSuffixes, rest) != kWrapperSuffixes.end()) return true;
    }
    return false;
}

size_t headline_frame(std::span<const Frame> frames, std::string_view exe) {
    const auto first = [&](auto&& matches) -> std::optional<size_t> {
        const auto found = std::ranges::find_if(frames, matches);
        if (found == frames.end()) return std::nullopt;
        return static_cast<size_t>(found - frames.begin());
    };

    const auto of_script = [&](ScriptOrigin origin) {
        return first([&](const Frame& frame) { return frame.script == origin && is_script_code(frame); });
    };
    for (const auto origin : {ScriptOrigin::kUser, ScriptOrigin::kGenerated, ScriptOrigin::kLibrary})
        if (const auto found = of_script(origin)) return past_inner_work(frames, *found);
    if (const auto user = first([&](const Frame& frame) { return is_user_code(frame, exe); })) return *user;
    if (const auto made = first([](const Frame& frame) { return frame.go == GoOrigin::kUser; })) return *made;
    if (const auto module = first([](const Frame& frame) { return frame.go == GoOrigin::kLibrary; })) return *module;
    if (const auto high =
            first([](const Frame& frame) { return frame.go == GoOrigin::kStandard && !is_go_groundwork(frame); }))
        return *high;
    if (const auto own = of_script(ScriptOrigin::kStandard)) return *own;
    if (const auto library = first([](const Frame& frame) { return !frame.module.empty() && !is_passed_over(frame); }))
        return *library;
    // Only wrappers and runtimes: the outermost wrapper outside of the runtimes is the nearest thing to user code.
    for (size_t i = frames.size(); i > 0; --i) {
        const Frame& frame = frames[i - 1];
        const bool starts =
            std::ranges::find(kStartFunctions, std::string_view(frame.function)) != kStartFunctions.end();
        if (!frame.module.empty() && !is_runtime_module(frame.module) && !starts) return i - 1;
    }
    // Only runtimes: what they did it for says more than their malloc.
    return first([](const Frame& frame) { return !frame.function.empty() && !is_allocator_wrapper(frame.function); })
        .value_or(0);
}

std::string frame_name(const Frame& frame) {
    if (!frame.function.empty()) return frame.function;
    if (frame.module.empty()) return fmt::format("0x{:x}", frame.address);
    return fmt::format("{}+0x{:x}", base_name(frame.module), frame.module_address);
}

std::string headline_of(std::span<const Frame> frames, std::string_view exe) {
    return frames.empty() ? std::string() : frame_name(frames[headline_frame(frames, exe)]);
}

}  // namespace whoholds
