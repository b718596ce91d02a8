// Checker: compares the stacks of one running process, event by event. Used by check_stacks and by the tests beside it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "stacks/comparison.h"
#include "stacks/kernel_side.h"

namespace whoholds::stacks {

struct CheckerOptions {
    uint32_t ring_bytes = 64u << 20;
    size_t max_examples = 6;
};

class Checker {
public:
    // Loads the programs and attaches to the process, whose mappings are known then; nothing flows before start().
    static Result<Checker> attach(pid_t pid, const CheckerOptions& options);
    Checker(Checker&&) noexcept;
    Checker& operator=(Checker&&) = delete;
    ~Checker();

    Result<void> start();
    // No event after this; what is on its way can still be drained.
    void stop();
    // Compares what has arrived; looks at the mappings if there is news of them. Returns the number of events.
    size_t drain();
    // Until something arrives, or about so many milliseconds.
    void wait(int milliseconds) const;
    Result<void> look_at_mappings();

    KernelSide& kernel();
    [[nodiscard]] const Comparison& comparison() const;
    [[nodiscard]] uint64_t lost() const;
    // Sees every event before it is compared.
    void set_observer(std::function<void(const check_event&)> observer);

private:
    struct State;
    explicit Checker(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds::stacks
