// Reads small pieces of a process's memory that lie close together: the stretch around the last one is kept. Used by readers
// that follow links, for one walk each; what is kept is never refreshed.
// Invariant: a window reads a bounded number of bytes in its life, whatever links it is sent along.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proc/process_memory.h"

namespace whoholds {

class MemoryWindow {
public:
    explicit MemoryWindow(const ProcessMemory& memory) : memory_(memory) {}

    // False if not all of it can be read, or more was read than any honest table has.
    bool read(uint64_t address, std::span<uint8_t> out);

private:
    bool load(uint64_t address, size_t size);

    const ProcessMemory& memory_;
    uint64_t bytes_left_ = uint64_t{1} << 30;
    uint64_t start_ = 0;
    std::vector<uint8_t> bytes_;
};

}  // namespace whoholds
