// Ties growing stacks of all kinds together that one piece of the user's code is behind: a client that is never closed is heap,
// goroutines and sockets under one line. Used by findings.h. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/growing_stacks.h"

namespace whoholds {

struct SuspectPart {  // of one kind
    std::string kind;
    std::vector<const GrowingStack*> stacks;
    std::vector<const StackReport*> rows;  // all that belong to these, each once
    Amount held;
    Rate growth_per_min;
};

struct Suspect {
    const GrowingStack* first = nullptr;  // whose headline stands for all
    std::vector<SuspectPart> parts;
    Evidence evidence = Evidence::kGrows;  // the most that any of them has
};

// Stacks with the same frame to look at are one suspect; so are stacks of other kinds that were taken further in, below that
// frame's function, and what only lines of libraries stand behind, if as many of it are held as of something of the user's.
std::vector<Suspect> tie_together(const std::vector<GrowingStack>& growing);

}  // namespace whoholds
