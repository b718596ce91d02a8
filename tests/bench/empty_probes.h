// Programs that do nothing, attached as uprobe_multi links through bpf(2), as whoholds attaches its own. Used by bench_probes and bench_go_goroutines.
// Invariant: the probes are gone when the Links are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds::bench {

struct ProbeSites {
    std::string path;  // of the file that holds malloc and free
    uint64_t malloc_offset = 0;
    uint64_t free_offset = 0;
};

struct Links {
    UniqueFd entries;
    UniqueFd malloc_return;
};

class EmptyProbes {
public:
    static Result<EmptyProbes> load();
    EmptyProbes(EmptyProbes&&) noexcept;
    EmptyProbes& operator=(EmptyProbes&&) = delete;
    ~EmptyProbes();

    // Probes at the entry of malloc and of free, and at malloc's return.
    Result<Links> attach(pid_t pid, const ProbeSites& sites) const;

    // Probes at these places of a file, all by one link.
    Result<UniqueFd> attach_at(pid_t pid, const std::string& path, const std::vector<uint64_t>& offsets) const;

    // A probe that remembers who hit it last.
    Result<UniqueFd> attach_learning(pid_t pid, const ProbeSites& sites) const;
    // The last one's process id in the init namespace, 0 before the first hit.
    [[nodiscard]] uint32_t learned_tgid() const;

private:
    struct State;
    explicit EmptyProbes(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds::bench
