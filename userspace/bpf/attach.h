// Executes an AttachPlan: attaches its probes and keeps them until it is destroyed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "attach/plan_cache.h"
#include "base/result.h"
#include "bpf/link_closer.h"
#include "bpf/shared/records.h"
#include "bpf/slots.h"
#include "bpf/tracer.h"

namespace whoholds {

// What attaching to one process after the other needs.
struct AttachPool {
    ProbeNumbers numbers{WH_TRACEPOINT_PROBE};
    PlanCache plans;
    LinkCloser closer;
};

struct AttachedProbe {
    std::string symbol;
    std::string module;
    uint64_t offset = 0;
    uint32_t probe = 0;  // index of its hit counter
    bool emulated = false;
    bool has_return = false;
    uint8_t kind = 0;             // wh_resource_kind
    bool is_system_call = false;  // behind a system-call instruction
    bool acquires_go = false;     // at the RET instructions of a Go function that makes something
};

class AttachedProbes {
public:
    AttachedProbes();
    AttachedProbes(AttachedProbes&&) noexcept;
    AttachedProbes& operator=(AttachedProbes&&) noexcept;
    ~AttachedProbes();

    // Probes get hit counters from the pool. What cannot be attached is left out and said in `skipped`. Releases are attached first, entries of acquiring functions last: should events flow meanwhile, none can
    // look like a leak.
    void attach(const Tracer& tracer, const AttachPlan& plan, uint16_t slot, AttachPool& pool,
                std::vector<Skipped>& skipped);
    // One program at one place, beside the plan; the caller counts its hits.
    struct ProbePlace {
        std::string path;  // that the file can be opened by
        uint64_t offset = 0;
        uint64_t cookie = 0;
        pid_t pid = 0;
    };
    bool attach_program(const Tracer& tracer, const bpf_program* program, const ProbePlace& place);
    [[nodiscard]] const std::vector<AttachedProbe>& probes() const;
    // The probes are gone at once; the kernel's waiting for that is the pool's business. Hits can still be read.
    void detach(AttachPool& pool);
    // Nobody asks for hits any more.
    void give_back(Tracer& tracer, AttachPool& pool);

private:
    void attach_go(const Tracer& tracer, const ModulePlan& module, pid_t pid, uint16_t slot, AttachPool& pool,
                   std::vector<Skipped>& skipped);
    // The dynamic linker's hook alone, in the given file.
    bool attach_loader(const Tracer& tracer, const std::string& path, uint64_t offset, uint16_t slot, pid_t pid);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
