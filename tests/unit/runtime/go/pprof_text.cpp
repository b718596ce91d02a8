#include "unit/runtime/go/pprof_text.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace whoholds {
namespace {

std::vector<uint64_t> addresses_of(const std::string& line) {
    std::vector<uint64_t> addresses;
    const size_t at = line.find('@');
    std::istringstream words(at == std::string::npos ? "" : line.substr(at + 1));
    for (std::string word; words >> word;) addresses.push_back(std::strtoull(word.c_str(), nullptr, 16));
    return addresses;
}

}  // namespace

PprofHeap parse_heap_profile(std::string_view text) {
    PprofHeap heap;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::array<unsigned long long, 4> values{};
        if (std::sscanf(line.c_str(), "%llu: %llu [%llu: %llu] @", &values[0], &values[1], &values[2], &values[3]) != 4)
            continue;
        if (values[2] == 0) continue;  // all that is known of it is pending
        auto& sum = heap[addresses_of(line)];
        for (size_t i = 0; i < 4; ++i) sum[i] += values[i];
    }
    return heap;
}

PprofGoroutines parse_goroutine_profile(std::string_view text) {
    PprofGoroutines goroutines;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        unsigned long long count = 0;
        char at = 0;
        if (std::sscanf(line.c_str(), "%llu %c", &count, &at) == 2 && at == '@')
            goroutines[addresses_of(line)] += count;
    }
    return goroutines;
}

std::vector<PprofFrame> parse_frames(std::string_view text) {
    std::vector<PprofFrame> frames;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("#\t0x")) continue;
        std::istringstream fields(line);
        std::string mark;
        std::string address;
        std::string function;
        std::string place;
        if (!(fields >> mark >> address >> function >> place)) continue;
        const size_t plus = function.rfind('+');
        const size_t colon = place.rfind(':');
        frames.push_back({std::strtoull(address.c_str(), nullptr, 16), function.substr(0, plus), place.substr(0, colon),
                          std::atoi(place.c_str() + colon + 1)});
    }
    return frames;
}

}  // namespace whoholds
