// A child process with pipes on its standard input and output. Used by bench_probes for its puppet and for the tools that it
// compares. Invariant: a child never outlives its Child.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds::bench {

class Child {
public:
    enum class Output { kPipe, kDiscard };

    static Result<Child> start(const std::vector<std::string>& command, Output output);
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    [[nodiscard]] pid_t pid() const { return pid_; }

    // Writes one line and reads one line of answer; for kPipe only.
    Result<std::string> ask(const std::string& line);

    // True as long as it has not ended by itself.
    [[nodiscard]] bool is_running() const;

    // Interrupts it (SIGINT) and waits until it has ended; kills it if it does not care.
    void interrupt_and_wait();

private:
    Child() = default;

    std::string name_;
    pid_t pid_ = -1;
    UniqueFd input_;
    UniqueFd output_;
};

}  // namespace whoholds::bench
