// Any bytes as a library that a target has mapped: planning its probes reads symbols, unwind tables and code. Offsets
// outside of the file may come out of it (the kernel refuses those); nameless or unbounded plans may not.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "attach/attach_plan.h"
#include "attach/call_shape.h"
#include "attach/return_sites.h"
#include "bpf/shared/records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whoholds;
    Mapping mapping{};
    mapping.start = 0x10000;
    mapping.end = 0x20000;
    mapping.readable = mapping.executable = true;
    mapping.inode = 1;
    mapping.path = "/usr/lib/libfuzz.so.1";
    const OpenElf open_elf = [&](const Mapping&, std::string& open_path) {
        open_path = mapping.path;
        return ElfImage::from_bytes({data, data + size}, "fuzz");
    };
    PlanOptions options;
    options.target_root = "/nonexistent";
    // Whatever else is missing: the system calls are looked for.
    options.descriptor_method_so_far = DescriptorMethod::kSites;
    const AttachPlan plan = make_plan(1, {mapping}, options, open_elf);
    for (const ModulePlan& module : plan.modules) {
        for (const PlannedProbe& probe : module.probes)
            if (probe.symbol.empty() || probe.return_offsets.size() > kMaxReturnSites) std::abort();
        for (const PlannedSite& site : module.sites)
            if (site.name.empty() || site.instruction.empty() || !is_system_call(unpack(site.shape))) std::abort();
    }
    if (plan.probe_count() + plan.site_count() >= WH_MAX_PROBES) std::abort();
    if (plan_to_text(plan).empty() || plan_to_json(plan).empty()) std::abort();
    return 0;
}
