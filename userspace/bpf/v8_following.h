// Follows the JavaScript of one process: finds its V8, tells the BPF programs how a frame names its function, names the functions of stacks
// that arrive. Part of a target.
// Invariant: programs follow only a V8 of a known version; if nothing of what they send can be read, they stop.
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
#include "runtime/v8/v8_frames.h"
#include "runtime/v8/v8_process.h"

namespace whoholds {

class V8Following {
public:
    // What is mapped now, after each change of it.
    void look(Tracer& tracer, uint16_t slot, const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings);
    // Whether what the programs send can be read.
    void check(Tracer& tracer, uint16_t slot);

    // The stack's frames with those of functions of JavaScript resolved; nullopt: there are none.
    std::optional<std::vector<uint64_t>> resolve(std::span<const uint64_t> frames, uint32_t tid);

    // See V8Frames.
    std::optional<uint64_t> line_made_at(uint64_t shared, std::span<const uint64_t> words);

    [[nodiscard]] const V8Process* process() const { return process_.get(); }
    [[nodiscard]] const V8Frames* frames() const { return frames_.get(); }
    [[nodiscard]] bool is_followed() const { return process_ && why_not_.empty(); }
    [[nodiscard]] std::string version() const { return process_ ? process_->version() : ""; }
    // Why its functions are not shown; "" they are, or there is no V8.
    [[nodiscard]] const std::string& why_not() const { return why_not_; }

private:
    void find(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings);

    std::unique_ptr<V8Process> process_;
    std::unique_ptr<V8Frames> frames_;
    std::set<std::pair<uint64_t, uint64_t>> looked_at_;  // device, inode
    std::vector<V8Range> own_code_;
    std::string why_not_;
};

}  // namespace whoholds
