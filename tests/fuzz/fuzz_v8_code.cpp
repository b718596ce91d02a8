// Any bytes as a file that holds V8: where probes on its heap would go lies in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "elf/elf_image.h"
#include "runtime/v8/heap_code.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whoholds;
    const auto image = ElfImage::from_bytes({data, data + size}, "fuzz");
    if (!image) return 0;
    const auto code = read_v8_heap_code(*image);
    if (!code) return 0;
    if (code->sites.size() != 6 || code->sites.back().event != V8HeapEvent::kPageAdded) std::abort();
    for (const V8HeapSite& site : code->sites)
        if (site.offset >= size) std::abort();
    return 0;
}
