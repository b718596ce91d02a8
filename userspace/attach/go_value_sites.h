// Cheaper places for probes in Go code than RET instructions and first instructions, which are single-stepped: instructions that the
// kernel emulates and that are reached in a straight line, with the value that the probe is about still in rax or rbx. Used by what
// plans probes on the runtime. Pure: of the file.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "attach/go_functions.h"
#include "attach/module_planner.h"
#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"

namespace whoholds {

struct GoValueSite {
    GoProbeSite site;
    bool in_rbx = false;  // the value; else in rax
};

// Behind each direct call of `callee` in the code of `callers`, where its result is: emulated, or else right behind the call. An error
// if a place that may be such a call is not understood: then some would be missed.
Result<std::vector<GoValueSite>> go_results_of_calls(const ElfImage& image, const GoCode& code, CodeRange callers,
                                                     std::string_view callee);
// Of the first argument of a function: behind its stack check, but if possible where it is emulated.
Result<GoValueSite> go_first_argument(const ElfImage& image, const GoCode& code, const GoFunctionSites& function);

}  // namespace whoholds
