#include "runtime/pairs/pair_grammar.h"

#include <algorithm>
#include <string>
#include <utility>

#include "bpf/shared/resource_kinds.h"
#include "runtime/pairs/pair_function.h"

namespace whoholds {
namespace {

using namespace pair_text;
using Role = PairFunction::Role;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool is_name(std::string_view text) {
    constexpr std::string_view kAlso = "_-+.:*";
    return !text.empty() && text.size() <= kMaxPairNameBytes &&
           std::ranges::all_of(text, [&](char c) { return is_word(c) || kAlso.find(c) != std::string_view::npos; });
}

// Commas in template arguments belong to the name.
std::vector<std::string_view> split_functions(std::string_view text) {
    std::vector<std::string_view> parts;
    size_t start = 0;
    int depth = 0;
    for (size_t at = 0; at <= text.size(); ++at) {
        const char c = at == text.size() ? ',' : text[at];
        if (c == '<' || c == '(' || c == '[') ++depth;
        if ((c == '>' || c == ')' || c == ']') && depth > 0) --depth;
        if (at < text.size() && (c != ',' || depth > 0)) continue;
        parts.push_back(trimmed(text.substr(start, at - start)));
        start = at + 1;
    }
    return parts;
}

// The name that was given, taken off the text. "=" also stands in what follows a function, but only after a ':'.
std::string_view take_name(std::string_view& text) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || !is_name(trimmed(text.substr(0, equals)))) return {};
    std::string_view name = trimmed(text.substr(0, equals));
    // "f:size=arg1" names a size, and no pair
    for (const char* attribute : {":size", ":old", ":ok"}) {
        if (name.ends_with(attribute)) return {};
    }
    text.remove_prefix(equals + 1);
    return name;
}

// "SSL" for SSL_new and SSL_free, "Foo" for Foo::open and Foo::close; else what acquires.
std::string default_name(const std::string& acquire, const std::string& release) {
    const auto differ = std::ranges::mismatch(acquire, release);
    std::string_view common(acquire.data(), static_cast<size_t>(differ.in1 - acquire.begin()));
    while (!common.empty() && common.back() != '_' && common.back() != ':') common.remove_suffix(1);
    while (!common.empty() && (common.back() == '_' || common.back() == ':')) common.remove_suffix(1);
    std::string name = common.empty() || common.front() == '_' ? acquire : std::string(common);
    return name.substr(0, kMaxPairNameBytes);
}

// "google.golang.org/grpc" of "google.golang.org/grpc.(*ClientConn).Close"
std::string_view go_package(std::string_view symbol) {
    const size_t slash =
        symbol.find('(') == std::string_view::npos ? symbol.rfind('/') : symbol.substr(0, symbol.find('(')).rfind('/');
    const size_t dot = symbol.find('.', slash == std::string_view::npos ? 0 : slash);
    return symbol.substr(0, dot == std::string_view::npos ? 0 : dot);
}

// "grpc.NewClient" for google.golang.org/grpc.NewClient, "pool.Pool.Get" for example.org/pool.(*Pool).Get
std::string default_go_name(std::string_view symbol) {
    const std::string_view package = go_package(symbol);
    const size_t slash = package.rfind('/');
    std::string name(symbol.substr(slash == std::string_view::npos ? 0 : slash + 1));
    std::erase_if(name, [](char c) { return c == '(' || c == ')' || c == '*' || c == '[' || c == ']'; });
    return name.substr(0, kMaxPairNameBytes);
}

// What releases may be named without the package.
Result<void> complete_go_names(Pair& pair) {
    std::string_view package;
    for (const PairFunction& function : pair.functions) {
        if (function.name_kind == PairFunction::NameKind::kGoName && function.role == Role::kAcquire && package.empty())
            package = go_package(function.symbol);
    }
    const std::string prefix = std::string(package) + ".";
    for (PairFunction& function : pair.functions) {
        if (function.name_kind != PairFunction::NameKind::kGoName || !function.symbol.starts_with('(')) continue;
        if (package.empty())
            return usage("{} has no package: give it as Go's tracebacks show it, net/http.(*Client).Do",
                         quoted(function.symbol));
        function.symbol = prefix + function.symbol;
    }
    return {};
}

size_t separator_of(std::string_view text) {
    const size_t spaced = text.find(" / ");
    return spaced != std::string_view::npos ? spaced + 1 : text.rfind('/');
}

Result<void> read_functions(std::string_view text, bool releases, Pair& pair) {
    for (const std::string_view part : split_functions(text)) {
        if (pair.functions.size() == kMaxPairFunctions)
            return usage("more than {} functions in one pair", kMaxPairFunctions);
        WH_TRY(PairFunction function, parse_pair_function(part, releases));
        pair.functions.push_back(std::move(function));
    }
    return {};
}

const PairFunction* first_of(const Pair& pair, Role role) {
    const auto found = std::ranges::find(pair.functions, role, &PairFunction::role);
    return found == pair.functions.end() ? nullptr : &*found;
}

}  // namespace

Result<Pair> parse_pair(std::string_view text) {
    if (text.size() > kMaxPairTextBytes) return usage("a pair takes at most {} characters", kMaxPairTextBytes);
    const std::string_view whole = text;
    Pair pair;
    pair.name = take_name(text);
    const size_t separator = separator_of(text);
    if (separator == std::string_view::npos)
        return usage("{} is not a pair: give what acquires, a slash, and what releases, {}", quoted(whole), kExample);
    WH_TRY_VOID(read_functions(text.substr(0, separator), false, pair));
    WH_TRY_VOID(read_functions(text.substr(separator + 1), true, pair));

    const PairFunction* acquire = first_of(pair, Role::kAcquire);
    const PairFunction* release = first_of(pair, Role::kRelease);
    if (acquire == nullptr) return usage("{} has no function that acquires", quoted(whole));
    if (release == nullptr) return usage("{} has no function that releases", quoted(whole));
    WH_TRY_VOID(complete_go_names(pair));
    if (!pair.name.empty()) return pair;
    acquire = first_of(pair, Role::kAcquire);
    release = first_of(pair, Role::kRelease);
    const bool is_go = acquire->name_kind == PairFunction::NameKind::kGoName;
    pair.name = is_go ? default_go_name(acquire->symbol) : default_name(acquire->symbol, release->symbol);
    if (!is_name(pair.name))
        return usage("give the pair {} a name of letters, digits and _-+.: in front: NAME={}", quoted(whole),
                     printable(whole));
    return pair;
}

Result<void> check_pairs(const std::vector<Pair>& pairs) {
    if (pairs.size() > WH_KIND_PAIR_COUNT)
        return usage(
            "{} pairs are too many: {} can be followed at a time; --pairs takes single names too, see --pairs list",
            pairs.size(), WH_KIND_PAIR_COUNT);
    for (size_t i = 0; i < pairs.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
            if (pairs[i].name == pairs[j].name)
                return usage("two pairs are named {}: give one of them another name, --pair 'NAME=...'",
                             quoted(pairs[i].name));
        }
    }
    return {};
}

bool matches_glob(std::string_view glob, std::string_view text) {
    size_t at_glob = 0;
    size_t at_text = 0;
    size_t star = std::string_view::npos;
    size_t resume = 0;
    while (at_text < text.size()) {
        if (at_glob < glob.size() && glob[at_glob] == '*') {
            star = at_glob++;
            resume = at_text;
        } else if (at_glob < glob.size() && glob[at_glob] == text[at_text]) {
            ++at_glob;
            ++at_text;
        } else if (star != std::string_view::npos) {
            at_glob = star + 1;
            at_text = ++resume;
        } else {
            return false;
        }
    }
    while (at_glob < glob.size() && glob[at_glob] == '*') ++at_glob;
    return at_glob == glob.size();
}

}  // namespace whoholds
