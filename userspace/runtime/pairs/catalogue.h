// The catalogue of ready pairs of well-known libraries, written in the grammar of --pair. Used by the command line.
// Invariant: every entry parses, names are unique over all groups, and each was counted against the real library
// (tests/e2e/pairs_test.cpp): as many held as were acquired less those released, whatever the library does inside.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

struct CatalogueEntry {
    std::string_view group;  // "openssl"
    std::string_view name;   // "SSL"
    std::string_view text;   // the pair without its name
    std::string_view note;   // what a reader of the report should know, "" for nothing
};

std::span<const CatalogueEntry> catalogue();

// "openssl,FILE": groups and names of pairs, each pair once, in the order given. kInvalidArgument with a sentence for what is not
// there or counts references.
Result<std::vector<Pair>> select_pairs(std::string_view text);

// The text of `--pairs list`.
std::string catalogue_text();

}  // namespace whoholds
