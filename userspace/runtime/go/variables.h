// Where the variables of Go's runtime are that we read. Stripped programs have no symbols for data, so they are taken from the
// machine code of small functions of the runtime that use them. Used by GoProcess.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"
#include "runtime/go/layout.h"

namespace whoholds {

// Virtual addresses of the file.
struct GoVariables {
    uint64_t profile_buckets = 0;  // mbuckets
    uint64_t profile_cycle = 0;    // mProfCycle, in 1.18 mProf.cycle
    uint64_t profile_rate = 0;     // MemProfileRate
    uint64_t goroutine_count = 0;  // allglen
    uint64_t goroutines = 0;       // allgptr
    uint64_t heap = 0;             // mheap_
    uint64_t memory_stats = 0;     // memstats
    uint64_t gc_controller = 0;    // gcController
    uint64_t max_procs = 0;        // gomaxprocs
};

// kNotFound names the variable that could not be found.
Result<GoVariables> find_go_variables(const ElfImage& image, const GoCode& code, const GoLayout& layout);

}  // namespace whoholds
