// What Linux before 5.15 needs beyond what newer ones do: another object of BPF programs, and a program for each cookie. Used by the
// tracer, which has one with AttachMethod::kPerfWithoutCookies only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

struct bpf_object;
struct bpf_program;
struct wh_programs;

namespace whoholds {

// The same maps, programs and variables as in the object for newer kernels, and some more. nullptr and errno if that fails.
wh_programs* open_programs_for_old_kernel();

class OldKernel {
public:
    explicit OldKernel(bpf_object* object) : object_(object) {}

    void configure(uint32_t stack_slots);  // before the load
    // Those that are attached to probes, after the load.
    Result<void> set_programs(std::span<bpf_program* const> programs);
    // A program that calls one of those with a cookie.
    Result<UniqueFd> program_with_cookie(const bpf_program* program, uint64_t cookie) const;
    // Another stack may have this slot.
    void give_back_stack(uint32_t slot);
    [[nodiscard]] uint64_t kernel_memory_bytes() const;

private:
    bpf_object* object_;
    std::vector<const bpf_program*> programs_;  // by their index in the map
};

}  // namespace whoholds
