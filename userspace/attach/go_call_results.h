// Where a Go function tests the pointer that it got from a call: the conditional jump behind `call; test rax, rax`. The kernel
// emulates a probe on it, at a tenth of the price of one at the called function's ret; the result is still in rax, and rbp is the
// caller's own frame. Used by what samples allocations. Pure: of the file.
#pragma once

#include <string_view>
#include <vector>

#include "attach/go_functions.h"
#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"

namespace whoholds {

// In all places where `caller` calls `callee`, at least one. An error if one of them does not look like that.
Result<std::vector<GoProbeSite>> go_call_results(const ElfImage& image, const GoCode& code, std::string_view caller,
                                                 std::string_view callee);

}  // namespace whoholds
