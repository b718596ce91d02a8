// The checker's BPF object, loaded and attached to one process, with the product's unwind tables in its maps. Used by Checker.
// Invariant: probes are gone when this is.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/ring_reader.h"
#include "bpf/shared/records.h"
#include "bpf/unwind_tables.h"
#include "proc/process.h"

namespace whoholds::stacks {

class KernelSide {
public:
    // ring_bytes: room for events, a power of two.
    static Result<KernelSide> load(uint32_t ring_bytes);
    KernelSide(KernelSide&&) noexcept;
    KernelSide& operator=(KernelSide&&) = delete;
    ~KernelSide();

    // Return probes at malloc, calloc and realloc of every module that has them, and the dynamic linker's hook.
    Result<void> attach(pid_t pid, const std::vector<Mapping>& maps);
    // A return probe that does nothing, at a function of a file.
    Result<void> attach_stranger(pid_t pid, const std::string& path, uint64_t offset);
    void detach();

    Result<std::optional<wh_located_task>> locate(pid_t pid);
    // From then on events flow.
    Result<void> open_gate(const wh_located_task& located);
    void close_gate();

    [[nodiscard]] UnwindTables& tables();
    [[nodiscard]] bool loader_is_hooked() const;
    // wh_mapping_flag of what the tables say is mapped at an address.
    [[nodiscard]] uint16_t mapping_flags(uint64_t address) const;
    [[nodiscard]] RingReader& events();
    [[nodiscard]] int events_fd() const;
    // Whether user space was asked to look at the mappings since the last call.
    bool take_news();
    [[nodiscard]] uint64_t lost() const;
    [[nodiscard]] uint32_t verified_instructions() const;  // of the program that walks

private:
    struct State;
    explicit KernelSide(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds::stacks
