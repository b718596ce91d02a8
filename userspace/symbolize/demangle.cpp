// libiberty declares a basename of its own unless told that there is one.
#define HAVE_DECL_BASENAME 1
#include <libiberty/demangle.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <csetjmp>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/printable.h"
#include "symbolize/shorten_name.h"
#include "symbolize/symbolizer.h"

namespace whoholds {
namespace {

// Substitutions let a name of some hundred bytes stand for gigabytes, and nested types let the demangler recurse, so both ends are bounded.
constexpr size_t kMaxMangledBytes = 4096;
constexpr size_t kMaxDemangledBytes = 65'536;
constexpr size_t kMaxShownCharacters = 120;

struct DemangledText {
    std::jmp_buf stop{};
    char* bytes = nullptr;
    size_t size = 0;
};

using Demangle = int (*)(const char*, int, demangle_callbackref, void*);

extern "C" void append_demangled(const char* bytes, size_t count, void* opaque) {
    auto* text = static_cast<DemangledText*>(opaque);
    // libiberty's printers cannot be told to stop; they keep what they need on the stack, which makes the jump safe.
    if (count > kMaxDemangledBytes - text->size) std::longjmp(text->stop, 1);  // NOLINT(cert-err52-cpp)
    std::memcpy(text->bytes + text->size, bytes, count);
    text->size += count;
}

// No object with a destructor may live in here: longjmp would pass it by.
bool run_bounded(Demangle demangle, const char* raw, int options, DemangledText* text) {
    if (setjmp(text->stop) != 0) return false;  // NOLINT(cert-err52-cpp)
    return demangle(raw, options, append_demangled, text) != 0;
}

std::optional<std::string> run(Demangle demangle, const std::string& raw, int options) {
    std::string bytes(kMaxDemangledBytes, '\0');
    DemangledText text;
    text.bytes = bytes.data();
    if (!run_bounded(demangle, raw.c_str(), options, &text)) return std::nullopt;
    bytes.resize(text.size);
    return bytes;
}

bool is_clone_suffix(std::string_view text) {
    constexpr std::array<std::string_view, 8> kSuffixes = {"isra", "constprop", "part",       "cold",
                                                           "llvm", "lto_priv",  "localalias", "warm"};
    const std::string_view word = text.substr(0, text.find('.'));
    const bool number =
        !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c); });
    return number || std::find(kSuffixes.begin(), kSuffixes.end(), word) != kSuffixes.end();
}

// "parse.isra.0.cold" -> "parse"; what the compiler did not append stays.
std::string_view without_clone_suffixes(std::string_view name) {
    for (size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0; dot = name.rfind('.')) {
        if (!is_clone_suffix(name.substr(dot + 1))) break;
        name = name.substr(0, dot);
    }
    return name;
}

std::optional<std::string> demangle_and_shorten(const std::string& raw) {
    const bool mangled = raw.starts_with("_Z") || raw.starts_with("_R") || raw.starts_with("__Z");
    if (!mangled || raw.size() > kMaxMangledBytes || raw.find('\0') != std::string::npos) return std::nullopt;
    if (const auto rust = run(rust_demangle_callback, raw, 0)) return shorten_rust_name(*rust);
    const std::string cpp = raw.starts_with("__Z") ? raw.substr(1) : raw;
    // Without DMGL_PARAMS the outermost return type and parameter list are not even printed.
    if (const auto name = run(cplus_demangle_v3_callback, cpp, DMGL_ANSI | DMGL_NO_RECURSE_LIMIT)) {
        return shorten_cpp_name(*name);
    }
    return std::nullopt;
}

// Names out of debug information come as the compiler shows them to people.
bool is_readable_cpp(std::string_view name) {
    return name.size() <= kMaxMangledBytes && name.find('<') != std::string_view::npos &&
           name.find('>') != std::string_view::npos;
}

}  // namespace

std::string demangle_short(const std::string& raw) {
    auto name = demangle_and_shorten(raw);
    if (!name && is_readable_cpp(raw)) name = shorten_cpp_name(raw);
    return printable(elide_template_arguments(name ? *name : without_clone_suffixes(raw), kMaxShownCharacters));
}

}  // namespace whoholds
