// The text of a pair to a Pair. Used by the command line and by the catalogue, which is written in the same grammar.
//
//   pair      [NAME=]FUNCTION[,FUNCTION...]/FUNCTION[,FUNCTION...]     what acquires / what releases
//   FUNCTION  [MODULE!]SYMBOL[:HANDLE][:size=ARG][:old=ARG][:ok=RULE]
//   SYMBOL    as nm shows it; with one or more * for any characters; of C++ Foo::open; of Go net/http.(*Client).Do, in what releases
//             also (*Client).Do alone, for the package of what acquires. Of a Go function the HANDLE is found out, or told as retN or
//             argN: the word N of all its results or arguments, one after the other; nothing else follows
//   HANDLE    ret (returned; what acquires unless told), outN (behind the pointer in argument N),
//             argN (argument N itself; what releases unless told: arg1), hides (neither: calls inside of it do not count)
//   ARG       argN, for a size also argN*argM
//   RULE      nonzero, zero, not-1, always
//
// Invariant: text of any kind gives a pair of valid shapes or one sentence.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

constexpr size_t kMaxPairTextBytes = 8192;
constexpr size_t kMaxPairFunctions = 64;
constexpr size_t kMaxPairNameBytes = 64;

// kInvalidArgument for text that makes no sense.
Result<Pair> parse_pair(std::string_view text);

// kInvalidArgument if there are more than WH_KIND_PAIR_COUNT, or two with the same name.
Result<void> check_pairs(const std::vector<Pair>& pairs);

// '*' stands for any number of characters. Linear in practice, quadratic at worst.
bool matches_glob(std::string_view glob, std::string_view text);

}  // namespace whoholds
