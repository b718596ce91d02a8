// Recorder: writes reports into a recording, one after the other. Used by `whoholds record`.
// Invariant: what append() returned for is in the file, and can be read whatever happens to this process afterwards. Memory is
// bounded by the number of different stacks.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "report/report.h"

namespace whoholds {

class Recorder {
public:
    // Creates the file, for its owner alone; kAlreadyExists unless it may be replaced.
    static Result<Recorder> create(const std::string& path, bool may_replace);
    ~Recorder();
    Recorder(Recorder&&) noexcept;
    Recorder& operator=(Recorder&&) noexcept;

    Result<void> append(const Report& report);
    [[nodiscard]] uint64_t bytes_written() const;

private:
    struct State;
    explicit Recorder(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
