#include "bpf/v8_following.h"

#include <algorithm>

namespace whoholds {

void V8Following::look(Tracer& tracer, uint16_t slot, const ProcRoot& root, pid_t pid,
                       const std::vector<Mapping>& mappings) {
    if (!why_not_.empty()) return;
    if (!process_) find(root, pid, mappings);
    if (!process_) return;
    std::vector<V8Range> own_code = process_->own_code(mappings);
    if (own_code == own_code_) return;  // the first look finds some
    own_code_ = std::move(own_code);
    frames_->set_own_code(own_code_);
    tracer.follow_v8(slot, v8_process_with_code(process_->layout(), own_code_));
}

void V8Following::find(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    bool has_new = false;
    for (const Mapping& mapping : mappings)
        if (mapping.executable && mapping.is_file() && (looked_at_.empty() || may_hold_v8(mapping.path)))
            has_new |=
                looked_at_.emplace(uint64_t{mapping.device_major} << 32 | mapping.device_minor, mapping.inode).second;
    if (!has_new) return;
    auto opened = V8Process::open(root, pid, mappings);
    if (!opened) {
        if (opened.error().code == ErrorCode::kUnsupported)
            why_not_ = opened.error().message;
        else if (opened.error().code != ErrorCode::kNotFound)
            looked_at_.clear();  // it may pass
        return;
    }
    process_ = std::make_unique<V8Process>(*std::move(opened));
    V8Heap heap(
        [process = process_.get()](uint64_t address, std::span<uint8_t> buffer) {
            return process->memory().read_into(address, buffer);
        },
        process_->layout());
    frames_ = std::make_unique<V8Frames>(std::move(heap), process_->bytecode_sizes());
}

void V8Following::check(Tracer& tracer, uint16_t slot) {
    constexpr uint64_t kTries = 50;
    if (!is_followed() || frames_->named() > 0 || frames_->unnamed() < kTries) return;
    tracer.forget_v8(slot);
    why_not_ = "V8 " + process_->version() + ", built in another way: none of its functions could be read";
}

std::optional<std::vector<uint64_t>> V8Following::resolve(std::span<const uint64_t> frames, uint32_t tid) {
    return frames_ ? frames_->resolve(frames, tid) : std::nullopt;
}

std::optional<uint64_t> V8Following::line_made_at(uint64_t shared, std::span<const uint64_t> words) {
    return frames_ ? frames_->line_made_at(shared, words) : std::nullopt;
}

}  // namespace whoholds
