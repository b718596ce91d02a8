// Any bytes as an ELF file with Go code: build information, the search for the table and the module, functions with inlined
// calls, the variables of the runtime.
#include <cstddef>
#include <cstdint>

#include "elf/go_code.h"
#include "runtime/go/layout.h"
#include "runtime/go/variables.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whoholds;
    const auto image = ElfImage::from_bytes({data, data + size}, "fuzz");
    if (!image) return 0;
    (void)read_go_build_info(*image);
    const auto code = GoCode::open(*image);
    if (!code) return 0;
    for (size_t i = 0; i < code->table().function_count() && i < 64; ++i) {
        const auto function = code->table().function(i);
        if (!function) continue;
        for (uint64_t step = 0; step < 4; ++step) (void)code->frames(*image, function->entry + step * 8);
    }
    if (const auto layout = go_layout(code->minor_version())) (void)find_go_variables(*image, *code, *layout);
    return 0;
}
