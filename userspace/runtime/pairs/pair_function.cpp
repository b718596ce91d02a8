#include "runtime/pairs/pair_function.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "attach/call_shape.h"
#include "runtime/pairs/counted_references.h"

namespace whoholds {
namespace {

using namespace pair_text;
using Role = PairFunction::Role;
using NameKind = PairFunction::NameKind;

// Single colons separate, double ones belong to C++ names.
std::vector<std::string_view> split_attributes(std::string_view text) {
    std::vector<std::string_view> parts;
    size_t start = 0;
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] != ':') continue;
        if (at + 1 < text.size() && text[at + 1] == ':') {
            ++at;
            continue;
        }
        parts.push_back(text.substr(start, at - start));
        start = at + 1;
    }
    parts.push_back(text.substr(start));
    return parts;
}

// 3 for "arg3" with the prefix "arg".
std::optional<unsigned> numbered(std::string_view prefix, std::string_view text) {
    if (!text.starts_with(prefix) || text.size() != prefix.size() + 1) return std::nullopt;
    const char digit = text.back();
    if (digit < '1' || digit > '0' + static_cast<char>(kMaxArgument)) return std::nullopt;
    return static_cast<unsigned>(digit - '0');
}

std::optional<wh_success> rule_named(std::string_view text) {
    constexpr auto kRules = std::to_array<std::pair<std::string_view, wh_success>>({
        {"nonzero", WH_SUCCESS_NOT_ZERO},
        {"zero", WH_SUCCESS_ZERO},
        {"not-1", WH_SUCCESS_NOT_MINUS_ONE},
        {"always", WH_SUCCESS_ALWAYS},
    });
    for (const auto& [name, rule] : kRules) {
        if (text == name) return rule;
    }
    return std::nullopt;
}

class FunctionParser {
public:
    FunctionParser(std::string_view text, bool releases) : text_(text), releases_(releases) {}

    Result<PairFunction> parse() {
        const std::vector<std::string_view> parts = split_attributes(text_);
        WH_TRY_VOID(read_name(parts.front()));
        for (size_t i = 1; i < parts.size(); ++i) WH_TRY_VOID(read_attribute(parts[i]));
        WH_TRY_VOID(build_shape());
        return std::move(function_);
    }

private:
    Result<void> read_name(std::string_view name) {
        if (const size_t mark = name.find('!'); mark != std::string_view::npos) {
            const std::string_view module = name.substr(0, mark);
            if (module.empty()) return usage("{} names no module before the \"!\"", quoted(text_));
            if (module.find('/') != std::string_view::npos)
                return usage("{}: a module is named by its file name without folders, for example libssl.so.3!SSL_new",
                             quoted(text_));
            function_.module = module;
            name.remove_prefix(mark + 1);
        }
        if (name.empty()) return usage("a function is missing in the pair: give {}", kExample);
        if (std::ranges::any_of(name, [](char c) { return c >= 0 && c < ' '; }))
            return usage("{} is not the name of a function", quoted(name));
        function_.symbol = name;
        const bool is_cpp = name.find("::") != std::string_view::npos;
        // Symbols of C have no dots, but for clones of functions, which are none of these.
        const bool is_go = !is_cpp && name.find('.') != std::string_view::npos;
        if (is_go) {
            function_.name_kind = NameKind::kGoName;
            return {};
        }
        const bool is_glob = name.find('*') != std::string_view::npos;
        if (is_cpp && name.find('(') != std::string_view::npos)
            return usage(
                "{}: leave the parameters away; where several functions have the name, give the mangled one, as nm "
                "shows "
                "it",
                quoted(name));
        if (is_glob && !is_cpp && std::ranges::none_of(name, is_word))
            return usage("{} would match every function: give some letters of the names that are meant", quoted(name));
        function_.name_kind = is_cpp ? NameKind::kCppName : is_glob ? NameKind::kGlob : NameKind::kSymbol;
        if (std::string refusal = reference_counting_refusal(name); !refusal.empty())
            return Error{ErrorCode::kInvalidArgument, std::move(refusal)};
        return {};
    }

    Result<void> read_attribute(std::string_view text) {
        const size_t equals = text.find('=');
        if (equals == std::string_view::npos) return read_handle(text);
        const std::string_view key = text.substr(0, equals);
        const std::string_view value = text.substr(equals + 1);
        if (key == "size") return read_size(value);
        if (key == "old") return read_argument("old", value, shape_.old_key_arg);
        if (key == "ok") return read_rule(value);
        return unknown_attribute(text);
    }

    Result<void> unknown_attribute(std::string_view text) {
        return usage(
            "{} in {} means nothing: after a function come ret, arg1 to arg{}, out1 to out{} or hides, and size=argN, "
            "old=argN, ok=nonzero|zero|not-1|always",
            quoted(text), quoted(text_), kMaxArgument, kMaxArgument);
    }

    Result<void> read_handle(std::string_view text) {
        if (has_handle_) return usage("{} says twice where the handle is", quoted(text_));
        has_handle_ = true;
        if (text == "hides") {
            function_.role = Role::kHide;
        } else if (text == "ret") {
            if (releases_)
                return usage("{}: what releases takes its handle as an argument, arg1 to arg6", quoted(text_));
        } else if (function_.name_kind == NameKind::kGoName) {
            return read_go_handle(text);
        } else if (const auto argument = numbered("arg", text)) {
            shape_.key_arg = *argument;
        } else if (const auto behind = numbered("out", text)) {
            if (releases_)
                return usage("{}: what releases takes its handle as an argument, arg1 to arg6", quoted(text_));
            shape_.key_arg = *behind;
            shape_.key_indirect = true;
        } else {
            return unknown_attribute(text);
        }
        return {};
    }

    Result<void> read_go_handle(std::string_view text) {
        const auto word = numbered(releases_ ? "arg" : "ret", text);
        if (!word)
            return usage("{}: the handle of a Go function is a word of {}", quoted(text_),
                         releases_ ? "what it takes, arg1 to arg6" : "what it returns, ret1 to ret6");
        function_.go_word = *word;
        return {};
    }

    Result<void> read_argument(std::string_view what, std::string_view value, unsigned& place) {
        const auto argument = numbered("arg", value);
        if (!argument)
            return usage("{} in {} is no argument: give {}=arg1 to {}=arg{}", quoted(value), quoted(text_), what, what,
                         kMaxArgument);
        if (place != 0) return usage("{} says {}= twice", quoted(text_), what);
        place = *argument;
        return {};
    }

    Result<void> read_size(std::string_view value) {
        const size_t times = value.find('*');
        WH_TRY_VOID(read_argument("size", value.substr(0, times), shape_.size_arg));
        if (times == std::string_view::npos) return {};
        return read_argument("size", value.substr(times + 1), shape_.size_factor_arg);
    }

    Result<void> read_rule(std::string_view value) {
        if (rule_) return usage("{} says ok= twice", quoted(text_));
        rule_ = rule_named(value);
        if (!rule_)
            return usage("{} in {} is no rule: give ok=nonzero, ok=zero, ok=not-1 or ok=always", quoted(value),
                         quoted(text_));
        return {};
    }

    Result<void> build_shape() {
        shape_.kind = WH_KIND_PAIR_FIRST;
        const bool is_told = rule_ || shape_.size_arg != 0 || shape_.old_key_arg != 0 || function_.role == Role::kHide;
        if (function_.name_kind == NameKind::kGoName && is_told)
            return usage("{}: of a Go function only the handle can be told, ret1 to ret6 or arg1 to arg6",
                         quoted(text_));
        if (function_.role == Role::kHide) {
            if (rule_ || shape_.size_arg != 0 || shape_.old_key_arg != 0)
                return usage("{}: a function that hides has no handle, size or result", quoted(text_));
            shape_.operation = WH_OPERATION_TRY_RELEASE;
            shape_.success = WH_SUCCESS_ALWAYS;
        } else if (releases_) {
            WH_TRY_VOID(build_release());
        } else {
            const bool returned = shape_.key_arg == 0;
            shape_.operation = shape_.old_key_arg == 0 ? WH_OPERATION_ACQUIRE : WH_OPERATION_REACQUIRE;
            shape_.success = rule_.value_or(returned ? WH_SUCCESS_NOT_ZERO : WH_SUCCESS_ZERO);
        }
        if (!is_valid(shape_)) return usage("{} contradicts itself", quoted(text_));
        function_.shape = pack(shape_);
        return {};
    }

    Result<void> build_release() {
        if (shape_.size_arg != 0 || shape_.old_key_arg != 0)
            return usage("{}: size= and old= belong to the functions that acquire, before the \"/\"", quoted(text_));
        function_.role = Role::kRelease;
        if (shape_.key_arg == 0) shape_.key_arg = 1;
        shape_.success = rule_.value_or(WH_SUCCESS_ALWAYS);
        shape_.operation = shape_.success == WH_SUCCESS_ALWAYS ? WH_OPERATION_RELEASE : WH_OPERATION_TRY_RELEASE;
        return {};
    }

    std::string_view text_;
    bool releases_;
    bool has_handle_ = false;
    std::optional<wh_success> rule_;
    PairFunction function_;
    CallShape shape_;
};

}  // namespace

Result<PairFunction> parse_pair_function(std::string_view text, bool releases) {
    return FunctionParser(text, releases).parse();
}

}  // namespace whoholds
