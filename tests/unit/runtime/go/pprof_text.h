// What runtime/pprof writes with debug=1, parsed: the witness for what is read from outside. Used by tests only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

// "12: 36084 [15: 45105] @ 0x47 0x48": in use and allocated, objects and bytes.
using PprofHeap = std::map<std::vector<uint64_t>, std::array<uint64_t, 4>>;
PprofHeap parse_heap_profile(std::string_view text);

// "10 @ 0x47 0x48": goroutines by stack.
using PprofGoroutines = std::map<std::vector<uint64_t>, uint64_t>;
PprofGoroutines parse_goroutine_profile(std::string_view text);

// "#	0x47	main.f+0x12	/src/main.go:36": what the program says of an address, which lies in the call.
struct PprofFrame {
    uint64_t address = 0;
    std::string function;
    std::string file;
    int line = 0;
};
std::vector<PprofFrame> parse_frames(std::string_view text);

}  // namespace whoholds
