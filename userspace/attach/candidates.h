// The functions of a module that a table names, before it is decided how each is probed. Used by module_planner.cpp and
// candidate_tables.cpp only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "attach/attach_plan.h"
#include "attach/module_planner.h"

namespace whoholds {

struct Candidate {
    const ElfSymbol* symbol = nullptr;
    uint64_t shape = 0;
    bool may_throw = false;  // an exception may leave it: no return probe, see return_sites.h
    std::string family;      // "libc", "jemalloc", "threads", "pair SSL"
    size_t preference = 0;   // smaller is preferred where names share an address
};

constexpr uint64_t kUnknownSizeBytes = 4096;      // of a function whose symbol has no size
constexpr uint64_t kMaxFunctionBytes = 64 << 10;  // the functions of our tables are far smaller

inline uint64_t known_size(const ElfSymbol& symbol) {
    return symbol.size == 0 ? kUnknownSizeBytes : std::min(symbol.size, kMaxFunctionBytes);
}

// Sorted by address; at one address in order of preference.
using CandidatesByAddress = std::map<uint64_t, std::vector<Candidate>>;

// Skipped functions of one module, those with the same reason in one line.
class Skips {
public:
    void add(std::string_view function, std::string_view why) { names_[std::string(why)].emplace_back(function); }
    [[nodiscard]] bool empty() const { return names_.empty(); }
    void move_to(const std::string& path, std::vector<Skipped>& skipped) const;

private:
    std::map<std::string, std::vector<std::string>> names_;
};

// The function that a thunk ends in, if that is probed with the same shape; null if this is no thunk or nothing is won.
// An import counts by its name: whichever module's definition the dynamic linker chose, all of that name are probed.
const Candidate* covering_function(const ModuleCode& code, const CandidatesByAddress& selected, const Candidate& thunk);

// For the functions that may throw and are not covered by another: the file offsets of their ret instructions, by address. Those
// whose returns cannot all be found are taken out of selected.
std::map<uint64_t, std::vector<uint64_t>> find_throwing_returns(const ModuleCode& code, CandidatesByAddress& selected,
                                                                Skips& skips);

}  // namespace whoholds
