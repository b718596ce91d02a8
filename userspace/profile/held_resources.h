// What is held now, one by one: descriptors and threads as the kernel's own tables have them, joined with what we know of their
// acquisition. Made by the books (descriptor_book.h, thread_book.h), turned into items and connections of a report.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "bpf/shared/records.h"

namespace whoholds {

struct HeldDescriptor {
    wh_seen_descriptor seen{};
    uint8_t kind = 0;      // WH_KIND_FD or WH_KIND_SOCKET
    uint32_t stack = 0;    // where it was opened
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC, when it was opened; if before the attach, of the attach
    bool before_attach = false;
    bool incoming = false;  // accepted
};

struct HeldThread {
    wh_seen_thread seen{};
    uint32_t stack = 0;
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC, when it was created
    bool before_attach = false;
    uint64_t start_routine = 0;  // address, if it was created by pthread_create; 0: not known
};

// A failed connect(2): where it was called, with which error, how often since the attach.
struct FailedConnect {
    uint32_t stack = 0;
    int error = 0;  // errno
    uint64_t count = 0;
};

}  // namespace whoholds
