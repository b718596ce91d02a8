#include "bpf/python_following.h"

#include <algorithm>

namespace whoholds {

void PythonFollowing::look(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    if (process_ || state_ == State::kRefused) return;
    bool has_new = false;
    for (const Mapping& mapping : mappings)
        if (mapping.executable && mapping.is_file() && (looked_at_.empty() || may_hold_python(mapping.path)))
            has_new |=
                looked_at_.emplace(uint64_t{mapping.device_major} << 32 | mapping.device_minor, mapping.inode).second;
    if (!has_new) return;
    auto opened = PythonProcess::open(root, pid, mappings);
    if (!opened) {
        const ErrorCode code = opened.error().code;
        if (code == ErrorCode::kUnsupported) {
            state_ = State::kRefused;
            why_not_ = opened.error().message;
        } else if (code != ErrorCode::kNotFound) {
            looked_at_.clear();  // it may pass
        }
        return;
    }
    process_ = std::make_unique<PythonProcess>(*std::move(opened));
    frames_ =
        std::make_unique<PythonFrames>(process_->module().code, process_->module().evaluator,
                                       [process = process_.get()](uint64_t address, uint64_t identity) {
                                           return read_python_code(process->memory(), process->layout(),
                                                                   process->module().code_type, address, identity);
                                       });
}

void PythonFollowing::check(Tracer& tracer, uint16_t slot) {
    constexpr unsigned kMostRefusals = 2;  // an interpreter that just starts may look like another one
    if (!process_ || state_ == State::kProved || state_ == State::kRefused) return;
    const auto checked = process_->check();
    if (checked) {
        if (state_ == State::kUnknown) tracer.follow_python(slot, process_->process());
        state_ = *checked ? State::kProved : State::kFollowed;
        refusals_ = 0;
    } else if (checked.error().code == ErrorCode::kUnsupported && ++refusals_ >= kMostRefusals) {
        tracer.forget_python(slot);
        state_ = State::kRefused;
        why_not_ = "Python " + process_->version() + ", built in another way: " + checked.error().message;
    }
}

std::optional<std::vector<uint64_t>> PythonFollowing::resolve(std::span<const uint64_t> frames) {
    return frames_ ? frames_->resolve(frames) : std::nullopt;
}

}  // namespace whoholds
