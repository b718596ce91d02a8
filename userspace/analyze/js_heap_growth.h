// What grows of the memory that V8's collector gives back: objects of JavaScript and array buffers. Between two full collections nothing
// is known of it, as what is old may be dead: so it is judged as of the last one, by what each of them found. Used by growing_stacks(). Pure.
//
// V8 compiles a function anew while it runs, and of optimized code the line is not always known, nor what was inlined there. So rows of one
// path of functions are judged together, and a row that may be of several in the proportion of what these hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analyze/growing_stacks.h"
#include "analyze/history.h"
#include "report/report.h"

namespace whoholds {

inline constexpr std::string_view kJsHeapKind = "js_heap";
inline constexpr const char* kJsCensuses = "js_heap.censuses";  // a metric of the history

bool tells_js_heap(const ProcessReport& process);

// Whether the row is one of those that growing_js_places() judges.
bool is_given_back_by_v8(const ProcessReport& process, const StackReport& stack);

// Whether both may be the same functions that call each other, as far as V8 says which these are.
bool may_be_same_path(const StackReport& a, const StackReport& b, std::string_view exe);

// One for each path of functions, without the frame to look at. time_s: of the last look of the history.
std::vector<GrowingStack> growing_js_places(const ProcessReport& process, const History& history, double time_s);

// Where memory grows and too little of it was looked at by full collections: that in a sentence. "" otherwise.
std::string why_js_is_not_judged(const ProcessReport& process, const History& history, double time_s);

// What a function made for another one may be kept by that: by a function that it makes, if a census has found so, or else if what it
// allocates at a later line stays as well. That line is the one to look at then. After the frame to look at was found.
void look_at_what_keeps(const ProcessReport& process, GrowingStack& growing);

}  // namespace whoholds
