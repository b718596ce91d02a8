// Any bytes as the perf map of a JIT; the first eight are an address to look up.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "symbolize/perf_map.h"
#include "symbolize/symbolizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    uint64_t address = 0;
    if (size < sizeof address) return 0;
    std::memcpy(&address, data, sizeof address);
    const std::string text(reinterpret_cast<const char*>(data) + sizeof address, size - sizeof address);
    const whoholds::PerfMap map = whoholds::PerfMap::parse(text);
    (void)map.find(address);
    (void)whoholds::demangle_short(text);
    return 0;
}
