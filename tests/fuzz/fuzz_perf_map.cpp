// Any bytes as the perf map of a JIT; the first eight are an address to look up, the ninth says where the file ended
// when it was read first. Reading it in two pieces must give what reading it at once gives.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "symbolize/perf_map.h"
#include "symbolize/symbolizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    uint64_t address = 0;
    if (size < sizeof address + 1) return 0;
    std::memcpy(&address, data, sizeof address);
    const std::string_view text(reinterpret_cast<const char*>(data) + sizeof address, size - sizeof address);
    const size_t cut = data[sizeof address] % text.size();
    whoholds::PerfMap whole = whoholds::PerfMap::parse(text);
    whoholds::PerfMap grown;
    grown.append(text.substr(0, cut));
    grown.append(text.substr(cut));
    grown.append("\n");
    if (whole.find(address) != grown.find(address) || whole.size() != grown.size()) std::abort();
    (void)whoholds::demangle_short(std::string(text.substr(0, 512)));
    return 0;
}
