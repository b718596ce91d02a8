// One function of a pair, and what the files of the grammar share. Used by pair_grammar.cpp only.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/printable.h"
#include "base/result.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

// [MODULE!]SYMBOL[:HANDLE][:size=ARG][:old=ARG][:ok=RULE], see pair_grammar.h
Result<PairFunction> parse_pair_function(std::string_view text, bool releases);

namespace pair_text {

constexpr std::string_view kExample = "for example SSL_new/SSL_free or sqlite3_open:out2/sqlite3_close";

template <class... Arguments>
Error usage(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    return {ErrorCode::kInvalidArgument, fmt::format(format, std::forward<Arguments>(arguments)...)};
}

inline std::string quoted(std::string_view text) { return '"' + printable(text) + '"'; }

inline bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace pair_text
}  // namespace whoholds
