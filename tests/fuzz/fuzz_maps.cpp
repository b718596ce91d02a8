// /proc/PID/maps holds names that the target chose: any text must give mappings or an error, and what it gives must
// keep the invariants that the planner relies on.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proc/process.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto mappings = whoholds::parse_maps({reinterpret_cast<const char*>(data), size});
    if (!mappings) return mappings.error().message.empty() ? (std::abort(), 0) : 0;
    for (const whoholds::Mapping& mapping : *mappings) {
        if (mapping.start >= mapping.end) std::abort();
        if (mapping.is_file() && mapping.path.empty()) std::abort();
    }
    return 0;
}
