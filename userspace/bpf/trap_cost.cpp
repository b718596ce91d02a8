#include "bpf/trap_cost.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <limits>

#include "bpf/shared/call_shape.h"
#include "proc/process.h"

// What is probed: an instruction that the kernel emulates, and one that it does not.
asm(R"(
    .pushsection .text
    .p2align 4
whoholds_trap_emulated:
    nop
    ret
    .p2align 4
whoholds_trap_stepped:
    xor %eax, %eax
    ret
    .popsection
)");
extern "C" void whoholds_trap_emulated();
extern "C" void whoholds_trap_stepped();

namespace whoholds {
namespace {

uint64_t thread_time_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// The best of some rounds: what interrupts takes longer, nothing takes less.
double time_a_call(void (*function)()) {
    constexpr int kRounds = 8;
    constexpr int kCalls = 100;
    uint64_t best = std::numeric_limits<uint64_t>::max();
    for (int round = 0; round < kRounds; ++round) {
        const uint64_t before = thread_time_ns();
        for (int call = 0; call < kCalls; ++call) function();
        best = std::min(best, thread_time_ns() - before);
    }
    return static_cast<double>(best) / kCalls;
}

}  // namespace

std::optional<double> measure_trap_ns(const Tracer& tracer, const bpf_program* program, bool emulated,
                                      AttachPool& pool) {
    void (*const function)() = emulated ? whoholds_trap_emulated : whoholds_trap_stepped;
    const auto address = reinterpret_cast<uint64_t>(function);
    const auto maps = read_maps(ProcRoot(), getpid());
    if (!maps) return std::nullopt;
    const auto code = std::ranges::find_if(
        *maps, [&](const Mapping& mapping) { return address >= mapping.start && address < mapping.end; });
    if (code == maps->end()) return std::nullopt;
    const double bare = time_a_call(function);
    AttachedProbes probe;
    const uint64_t offset = address - code->start + code->file_offset;
    if (!probe.attach_program(tracer, program,
                              {"/proc/self/exe", offset, WH_SHAPE_PUT(PROCESS, WH_NO_PROCESS), getpid()}))
        return std::nullopt;
    const double probed = time_a_call(function);
    probe.detach(pool);
    return std::max(probed - bare, 0.0);
}

}  // namespace whoholds
