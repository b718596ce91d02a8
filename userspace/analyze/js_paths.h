// Paths of functions through JavaScript, from the one to look at outwards, by which rows of a report are put together although V8 does
// not always say the line, or what was inlined in optimized code. Used by js_heap_growth. Pure.
// Invariant: a row is in the places that it may be of, by shares that add up to 1.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "report/report.h"

namespace whoholds {

struct JsStep {
    uint64_t function = 0;  // a hash of what it is called and where it is
    bool may_hide = false;  // its line is not known, and so not either what is inlined there
};
using JsPath = std::vector<JsStep>;  // innermost first

JsPath js_path_of(const StackReport& stack, std::string_view exe);

// Whether `whole` may be what `seen` shows: with more functions at most where something may be hidden.
bool may_be_path(const JsPath& seen, const JsPath& whole);

struct JsPlace {
    struct Row {
        const StackReport* stack = nullptr;
        double share = 1;
    };
    JsPath path;
    std::vector<Row> rows;  // what says most of lines first
    double held_bytes = 0;
};

// Of rows of one kind.
std::vector<JsPlace> js_places_of(const std::vector<const StackReport*>& stacks, std::string_view exe);

}  // namespace whoholds
