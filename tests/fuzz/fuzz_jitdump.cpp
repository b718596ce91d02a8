// Any bytes as the jitdump file of a JIT; the first eight are an address to look up, the next two say how long the file
// was when it was read first. Reading it in two pieces must give what reading it at once gives.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "symbolize/jit_dump.h"

namespace {

using whoholds::JitDump;

bool read_to(JitDump& dump, std::span<const uint8_t> file) {
    const JitDump::ReadAt read_at = [file](uint64_t offset, std::span<uint8_t> out) {
        if (offset > file.size() || out.size() > file.size() - offset) return false;
        std::copy_n(file.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
        return true;
    };
    return dump.read(file.size(), read_at, [] { return false; }).has_value();
}

std::string describe(const JitDump& dump, uint64_t address) {
    const auto place = dump.find(address);
    if (!place) return "";
    return std::string(place->name) + ":" + std::string(place->file) + ":" + std::to_string(place->line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    uint64_t address = 0;
    uint16_t cut = 0;
    if (size < sizeof address + sizeof cut) return 0;
    std::memcpy(&address, data, sizeof address);
    std::memcpy(&cut, data + sizeof address, sizeof cut);
    const std::span file(data + sizeof address + sizeof cut, size - sizeof address - sizeof cut);
    JitDump whole;
    JitDump grown;
    const bool whole_is_good = read_to(whole, file);
    const bool first_part_is_good = read_to(grown, file.first(std::min<size_t>(cut, file.size())));
    const bool grown_is_good = read_to(grown, file) && first_part_is_good;
    if (whole_is_good != grown_is_good || whole.size() != grown.size()) std::abort();
    if (describe(whole, address) != describe(grown, address)) std::abort();
    return 0;
}
