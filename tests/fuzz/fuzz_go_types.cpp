// Any bytes as Go's type descriptors; the first says which version of Go made them. All that could be types are asked for, with
// their plans, names and packages.
#include <cstddef>
#include <cstdint>

#include "runtime/go/type_plan.h"
#include "runtime/go/types.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whoholds;
    constexpr uint64_t kStart = 0x400000;
    constexpr uint64_t kMaxTypes = 256;
    if (size < 1) return 0;
    const unsigned minor_version = 18 + data[0] % 10;
    GoTypes types({data + 1, data + size}, kStart,
                  {.minor_version = minor_version, .has_swiss_maps = minor_version >= 24});
    GoTypePlans plans(types);
    for (uint64_t address = kStart; types.covers(address) && address < kStart + kMaxTypes * 8; address += 8) {
        const GoType* type = types.at(address);
        if (!type) continue;
        (void)types.import_path(*type);
        (void)type->package();
        for (const GoField& field : type->fields) (void)types.name_at(field.name);
        for (const GoPointerSpot& spot : plans.of(*type).spots) {
            if (spot.target && spot.kind == GoPointerKind::kRepeat) (void)plans.of(*spot.target);
        }
    }
    return 0;
}
