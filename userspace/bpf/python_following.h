// Follows the Python code of one process: finds its interpreter, tells the BPF programs where its frames are, names the frames of stacks
// that arrive. Part of a target.
// Invariant: programs follow only an interpreter whose layout holds as far as it can be tried yet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bpf/tracer.h"
#include "proc/process.h"
#include "runtime/python/python_frames.h"
#include "runtime/python/python_process.h"

namespace whoholds {

class PythonFollowing {
public:
    // What is mapped now, after each change of it.
    void look(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings);
    // Tries the layout until it is proved or refused twice, and lets the programs follow.
    void check(Tracer& tracer, uint16_t slot);

    // The stack's frames with those of Python code resolved; nullopt: there are none.
    std::optional<std::vector<uint64_t>> resolve(std::span<const uint64_t> frames);

    [[nodiscard]] const PythonFrames* frames() const { return frames_.get(); }
    [[nodiscard]] bool is_followed() const { return state_ == State::kFollowed || state_ == State::kProved; }
    [[nodiscard]] std::string version() const { return process_ ? process_->version() : ""; }
    // Why the frames of its Python code are not shown; "" they are, or there is none.
    [[nodiscard]] const std::string& why_not() const { return why_not_; }

private:
    enum class State : uint8_t { kUnknown, kFollowed, kProved, kRefused };

    std::unique_ptr<PythonProcess> process_;
    std::unique_ptr<PythonFrames> frames_;
    std::set<std::pair<uint64_t, uint64_t>> looked_at_;  // device, inode
    State state_ = State::kUnknown;
    unsigned refusals_ = 0;
    std::string why_not_;
};

}  // namespace whoholds
