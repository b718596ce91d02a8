// Which functions of a Go program hand on to their caller what the function that they call gave to them, as a dial() of the user's does
// around that of a library: they return a value of the same type; or, of what is inlined, whose results are not written down, its caller has
// a variable of that type. By the debug information. Used by Target, for the stacks of findings.
// Invariant: without debug information nobody is known to hand on anything. It is in memory only while functions are looked up.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "elf/elf_image.h"
#include "elf/go_signatures.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

class GoHandOn {
public:
    // Reads, in one go, what is needed for these frames and was not before. `open` is called if there is something.
    void learn(std::span<const Frame* const> frames, const std::function<Result<GoSignatures>()>& open);
    // Sets Frame::hands_on. Returns whether it did anywhere.
    bool mark(std::span<Frame> frames) const;

private:
    struct Function {
        std::vector<std::string> results;    // types of what it returns that may have to be given back
        bool tells_results = false;          // else it may return more
        std::vector<std::string> variables;  // their types
    };
    [[nodiscard]] bool hands_on(std::span<const Frame> frames, size_t at) const;

    absl::flat_hash_map<std::string, Function> functions_;  // by name
    bool has_none_ = false;                                 // no debug information
};

}  // namespace whoholds
