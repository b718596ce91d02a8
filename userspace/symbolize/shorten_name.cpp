#include "symbolize/shorten_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace whoholds {
namespace {

constexpr unsigned kMaxDepth = 64;
constexpr std::string_view kEllipsis = "…";

bool is_word(char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool word_starts_at(std::string_view text, size_t at, std::string_view word) {
    return text.substr(at).starts_with(word) && (at == 0 || !is_word(text[at - 1]));
}

// The length of "operator<<" at this place, whose brackets are none; 0 when there is no operator.
size_t operator_length(std::string_view text, size_t at) {
    constexpr std::string_view kOperator = "operator";
    constexpr std::array<std::string_view, 15> kSymbols = {"<=>", "<<=", ">>=", "->*", "()", "[]", "<<", ">>",
                                                           "<=",  ">=",  "->",  "<",   ">",  "(",  ","};
    if (!word_starts_at(text, at, kOperator)) return 0;
    const std::string_view rest = text.substr(at + kOperator.size());
    for (const std::string_view symbol : kSymbols) {
        if (rest.starts_with(symbol)) return symbol == "(" ? 0 : kOperator.size() + symbol.size();
    }
    return 0;
}

char closer_of(char c) {
    switch (c) {
        case '<': return '>';
        case '(': return ')';
        case '{': return '}';
        case '[': return ']';
        default: return 0;
    }
}

// Which bracket closes which, for a whole name, found in one pass. Comparison and arrow signs inside of parentheses
// are not brackets.
class Brackets {
public:
    static constexpr size_t kNone = std::string_view::npos;

    explicit Brackets(std::string_view text) : close_of_(text.size(), kNone) {
        std::vector<size_t> open;
        for (size_t at = 0; at < text.size();) {
            size_t length = operator_length(text, at);
            if (length == 0 && text.substr(at).starts_with("->")) length = 2;
            if (length == 0) read(text, at, open);
            at += std::max(length, size_t{1});
        }
    }
    // kNone for what is no bracket and for one that stays open.
    [[nodiscard]] size_t close_of(size_t at) const { return close_of_[at]; }

private:
    void read(std::string_view text, size_t at, std::vector<size_t>& open) {
        const char c = text[at];
        if (closer_of(c) != 0) open.push_back(at);
        if (c != '>' && c != ')' && c != ']' && c != '}') return;
        if (c != '>') {
            while (!open.empty() && text[open.back()] == '<') open.pop_back();
        }
        if (open.empty() || closer_of(text[open.back()]) != c) return;
        close_of_[open.back()] = at;
        open.pop_back();
    }

    std::vector<size_t> close_of_;
};

bool is_default_argument(std::string_view argument) {
    constexpr std::array<std::string_view, 6> kTemplates = {"std::allocator<", "std::less<", "std::char_traits<",
                                                            "std::equal_to<",  "std::hash<", "std::default_delete<"};
    if (argument == "alloc::alloc::Global" || argument == "std::hash::random::RandomState") return true;
    return std::any_of(kTemplates.begin(), kTemplates.end(), [argument](std::string_view name) {
        return argument.starts_with(name) && Brackets(argument).close_of(name.size() - 1) == argument.size() - 1;
    });
}

class CppShortener {
public:
    explicit CppShortener(std::string_view text) : text_(text), brackets_(text) {}

    [[nodiscard]] std::string shorten() const { return rewrite(0, text_.size(), 0); }

private:
    [[nodiscard]] std::string rewrite(size_t start, size_t end, unsigned depth) const {
        while (start < end && text_[start] == ' ') ++start;
        while (start < end && text_[end - 1] == ' ') --end;
        if (depth > kMaxDepth) return std::string(kEllipsis);
        std::string out;
        for (size_t at = start; at < end;) at = rewrite_one(at, depth, out);
        return out;
    }

    // Returns where to go on.
    size_t rewrite_one(size_t at, unsigned depth, std::string& out) const {
        if (const size_t length = operator_length(text_, at); length > 0) {
            out += text_.substr(at, length);
            return at + length;
        }
        for (const std::string_view space : {"std::__cxx11::", "std::__1::", "std::__ndk1::"}) {
            if (!word_starts_at(text_, at, space)) continue;
            out += "std::";
            return at + space.size();
        }
        const size_t end = brackets_.close_of(at);
        if (end == Brackets::kNone) {
            out += text_[at];
            return at + 1;
        }
        switch (text_[at]) {
            case '<':
                // How gcc's debug information names a closure.
                if (text_.substr(at).starts_with("<lambda(")) {
                    out += "{lambda}";
                } else {
                    append_arguments(at, end, depth, out);
                }
                break;
            case '(': return append_parentheses(at, end, depth, out);
            case '{': append_braces(at, end, out); break;
            default: append_square(text_.substr(at, end + 1 - at), out);
        }
        return end + 1;
    }

    void append_arguments(size_t open, size_t close, unsigned depth, std::string& out) const {
        std::vector<std::string> arguments;
        size_t start = open + 1;
        for (size_t at = start; at < close;) {
            if (text_[at] == ',') {
                arguments.push_back(rewrite(start, at, depth + 1));
                start = at + 1;
            }
            const size_t length = operator_length(text_, at);
            at = brackets_.close_of(at) == Brackets::kNone ? at + std::max(length, size_t{1})
                                                           : brackets_.close_of(at) + 1;
        }
        arguments.push_back(rewrite(start, close, depth + 1));
        while (arguments.size() > 1 && is_default_argument(arguments.back())) arguments.pop_back();
        if (arguments.size() == 1 && name_character_class(arguments[0], out)) return;
        out += '<';
        for (size_t i = 0; i < arguments.size(); ++i) out += (i == 0 ? "" : ", ") + arguments[i];
        out += '>';
    }

    // std::basic_string of char is std::string, and so on for streams; out ends with the template's name.
    static bool name_character_class(std::string_view argument, std::string& out) {
        constexpr std::string_view kPrefix = "std::basic_";
        const bool wide = argument == "wchar_t";
        if (argument != "char" && !wide) return false;
        const size_t start = out.rfind(kPrefix);
        if (start == std::string::npos) return false;
        const std::string name = out.substr(start + kPrefix.size());
        if (!std::all_of(name.begin(), name.end(), is_word)) return false;
        out.resize(start);
        out += (wide ? "std::w" : "std::") + name;
        return true;
    }

    // Returns where to go on: the qualifiers of a parameter list go with it.
    size_t append_parentheses(size_t open, size_t close, unsigned depth, std::string& out) const {
        const std::string_view inside = text_.substr(open + 1, close - open - 1);
        if (inside != "anonymous namespace" && !out.ends_with("decltype") && !out.ends_with(' ')) {
            size_t next = close + 1;
            for (const std::string_view qualifier : {" const", " volatile", " &&", "&&", " &", "&"}) {
                if (text_.substr(next).starts_with(qualifier)) next += qualifier.size();
            }
            const bool ends_the_name = depth == 0 && next == text_.size() && !out.empty();
            if (ends_the_name || text_.substr(next).starts_with("::")) return next;
        }
        out += '(' + rewrite(open + 1, close, depth + 1) + ')';
        return close + 1;
    }

    void append_braces(size_t open, size_t close, std::string& out) const {
        constexpr std::string_view kLambda = "{lambda(";
        const bool lambda = text_.substr(open).starts_with(kLambda);
        const size_t parameters_end = lambda ? brackets_.close_of(open + kLambda.size() - 1) : Brackets::kNone;
        if (parameters_end < close) {
            out += "{lambda";
            open = parameters_end + 1;
        }
        out += text_.substr(open, close + 1 - open);
    }

    static void append_square(std::string_view text, std::string& out) {
        if (!text.starts_with("[abi:") && !text.starts_with("[clone ")) out += text;
    }

    std::string_view text_;
    Brackets brackets_;
};

size_t character_count(std::string_view text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Arguments at this depth of template brackets and below it become "…".
std::string elide_below(std::string_view name, const Brackets& brackets, size_t depth) {
    std::string out;
    std::vector<size_t> open;  // where the brackets around this place close
    for (size_t at = 0; at < name.size(); ++at) {
        while (!open.empty() && at > open.back()) open.pop_back();
        const size_t close = name[at] == '<' ? brackets.close_of(at) : Brackets::kNone;
        if (close != Brackets::kNone && open.size() >= depth) {
            out += close == at + 1 ? "<>" : "<…>";
            at = close;
            continue;
        }
        if (close != Brackets::kNone) open.push_back(close);
        out += name[at];
    }
    return out;
}

std::string cut_front(const std::string& name, size_t max_characters) {
    size_t start = name.size() - std::min(name.size(), max_characters - 1);
    const size_t scope = name.find("::", start);
    if (scope != std::string::npos && scope + 2 < name.size()) start = scope;
    while (start < name.size() && (static_cast<unsigned char>(name[start]) & 0xc0) == 0x80) ++start;
    return std::string(kEllipsis) + name.substr(start);
}

}  // namespace

std::string shorten_cpp_name(std::string_view name) { return CppShortener(name).shorten(); }

std::string shorten_rust_name(std::string_view name) {
    // Only what stands behind a comma is a default that somebody left alone.
    std::string out(name);
    for (const std::string_view argument : {", alloc::alloc::Global>", ", std::hash::random::RandomState>"}) {
        for (size_t at = 0; (at = out.find(argument, at)) != std::string::npos;) out.erase(at, argument.size() - 1);
    }
    return out;
}

std::string elide_template_arguments(std::string_view name, size_t max_characters) {
    if (character_count(name) <= max_characters) return std::string(name);
    const Brackets brackets(name);
    std::string shorter(name);
    for (size_t depth = 8; depth-- > 0;) {
        shorter = elide_below(name, brackets, depth);
        if (character_count(shorter) <= max_characters) return shorter;
    }
    return cut_front(shorter, max_characters);
}

}  // namespace whoholds
