// Comparison: the kernel's stack of each event against what libdw makes of the same registers and the same memory.
// Used by Checker. Invariant: every event is counted exactly once, as one of Tally's outcomes.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "proc/process.h"
#include "stacks/check.h"
#include "symbolize/symbolizer.h"
#include "unwind/libdw_unwinder.h"

namespace whoholds::stacks {

constexpr size_t kStatuses = 16;

struct Tally {
    uint64_t events = 0;
    uint64_t equal = 0;                            // complete, and libdw says the same
    std::array<uint64_t, kStatuses> incomplete{};  // by the kernel's status; what frames there are agree with libdw's
    std::array<uint64_t, kStatuses> unverified{};  // the kernel's is complete, libdw's ended earlier, by libdw's status
    uint64_t different = 0;
    uint64_t frames = 0;
    uint64_t finished = 0;  // of the incomplete ones: libdw's is complete

    [[nodiscard]] uint64_t sum(const std::array<uint64_t, kStatuses>& counts) const;
    void add(const Tally& other);
};

class Comparison {
public:
    explicit Comparison(UnwindFiles files, pid_t pid, size_t max_examples);

    // Code that is unmapped stays known until something else is mapped there, for events that are on their way.
    void update_mappings(const std::vector<Mapping>& maps);
    void compare(const check_event& event);
    // Called when a frame lies in code that is not known yet though the kernel's walk was complete.
    void set_refresh(std::function<void()> refresh) { refresh_ = std::move(refresh); }

    [[nodiscard]] const Tally& tally() const { return tally_; }
    [[nodiscard]] size_t unique_stacks() const { return unique_.size(); }
    // Both stacks of the first events that differ, and of the first of each kind of incomplete one.
    [[nodiscard]] const std::vector<std::string>& examples() const { return examples_; }
    [[nodiscard]] const std::vector<std::string>& notes() const { return unwinder_.notes(); }

private:
    void keep_example(const std::string& title, const check_event& event, const UnwoundStack& reference);
    std::string describe(uint64_t frame);

    UnwoundStack unwind(const check_event& event);

    LibdwUnwinder unwinder_;
    std::function<void()> refresh_;
    Symbolizer symbolizer_;
    std::vector<Mapping> maps_;
    Tally tally_;
    absl::flat_hash_set<uint64_t> unique_;
    std::vector<std::string> examples_;
    size_t max_examples_;
};

}  // namespace whoholds::stacks
