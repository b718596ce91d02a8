// Terminal: the screen and keyboard of `whoholds top`. Used by top.cpp alone.
// Invariant: whatever ends this process, save SIGKILL, the terminal is as it was before enter(). Writing never waits for a slow terminal.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace whoholds {

class Terminal {
public:
    // kInvalidArgument, with a sentence, unless standard input and output are a terminal that can be drawn on.
    static Result<Terminal> open();
    ~Terminal();
    Terminal(Terminal&&) noexcept;
    Terminal& operator=(Terminal&&) noexcept;

    void enter();
    void leave();
    [[nodiscard]] bool is_entered() const;

    // Columns and rows.
    [[nodiscard]] std::pair<size_t, size_t> size() const;
    [[nodiscard]] int input_fd() const;
    // Appends what was typed since. False: nobody is there any more.
    bool read(std::string& bytes);

    // Sends what fits without waiting; the rest goes with the next call. False: something is left.
    bool write(std::string_view bytes);

private:
    struct State;
    explicit Terminal(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// By the environment (LC_ALL, LC_CTYPE, LANG): whether the terminal shows UTF-8.
bool environment_has_utf8();

}  // namespace whoholds
