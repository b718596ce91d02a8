// The call sites of descriptors_puppet that open through io_uring, which no system call of the program's own shows.
#include "descriptors_common.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

// musl-tools come without the kernel's headers.
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>

struct ring {
    int descriptor;
    struct io_uring_params parameters;
    struct io_uring_sqe* entries;
    char* rings;
    size_t rings_size;
};

static int ring_setup(struct io_uring_params* parameters) { return (int)syscall(SYS_io_uring_setup, 4, parameters); }

static int open_ring(struct ring* ring) {
    memset(ring, 0, sizeof *ring);
    ring->descriptor = track(SITE_ring_inside, ring_setup(&ring->parameters));
    if (ring->descriptor < 0) return -1;
    const struct io_uring_params* made = &ring->parameters;
    const size_t submission = made->sq_off.array + made->sq_entries * sizeof(unsigned);
    const size_t completion = made->cq_off.cqes + made->cq_entries * sizeof(struct io_uring_cqe);
    ring->rings_size = submission > completion ? submission : completion;
    ring->rings =
        mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->descriptor, IORING_OFF_SQ_RING);
    ring->entries = mmap(NULL, made->sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
                         ring->descriptor, IORING_OFF_SQES);
    return ring->rings == MAP_FAILED || ring->entries == MAP_FAILED ? -1 : 0;
}

static void close_ring(struct ring* ring) {
    if (ring->descriptor < 0) return;
    munmap(ring->rings, ring->rings_size);
    munmap(ring->entries, ring->parameters.sq_entries * sizeof(struct io_uring_sqe));
    close_tracked(ring->descriptor);
}

// Submits what is in entry 0 and waits for its result.
static int ring_result(struct ring* ring) {
    unsigned* tail = (unsigned*)(ring->rings + ring->parameters.sq_off.tail);
    unsigned* array = (unsigned*)(ring->rings + ring->parameters.sq_off.array);
    array[0] = 0;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring->descriptor, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return -1;
    const struct io_uring_cqe* results = (const struct io_uring_cqe*)(ring->rings + ring->parameters.cq_off.cqes);
    if (results[0].res >= 0) return results[0].res;
    errno = -results[0].res;
    return -1;
}

WH_SITE void site_ring(void) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    track(SITE_ring, (int)syscall(SYS_io_uring_setup, 4, &parameters));
}

// In the ledger for the rings that the sites below open for themselves.
WH_SITE void site_ring_inside(void) {}

WH_SITE void site_ring_open(void) {
    struct ring ring;
    if (open_ring(&ring) == 0) {
        ring.entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                                .fd = AT_FDCWD,
                                                .addr = (uintptr_t) "/dev/null",
                                                .open_flags = O_RDONLY | O_CLOEXEC};
        track(SITE_ring_open, ring_result(&ring));
    }
    close_ring(&ring);
}

WH_SITE void site_ring_accept(void) {
    struct ring ring;
    if (open_ring(&ring) == 0) {
        int client = connected_client();
        ring.entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = own_listener()};
        track(SITE_ring_accept, ring_result(&ring));
        close_tracked(client);
    }
    close_ring(&ring);
}

// Opens three files that no table of descriptors shows, and keeps them.
WH_SITE void site_ring_direct(void) {
    enum { kFiles = 3 };
    struct ring ring;
    if (open_ring(&ring) != 0) return;
    struct io_uring_rsrc_register places = {.nr = 2 * kFiles, .flags = IORING_RSRC_REGISTER_SPARSE};
    if (syscall(SYS_io_uring_register, ring.descriptor, IORING_REGISTER_FILES2, &places, sizeof places) == 0) {
        for (uint32_t place = 1; place <= kFiles; place++) {
            ring.entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                                    .fd = AT_FDCWD,
                                                    .addr = (uintptr_t) "/dev/null",
                                                    .open_flags = O_RDONLY,
                                                    .file_index = place};
            ring_result(&ring);
        }
    }
    munmap(ring.rings, ring.rings_size);
}

#else
WH_SITE void site_ring_direct(void) {}
WH_SITE void site_ring(void) {}
WH_SITE void site_ring_inside(void) {}
WH_SITE void site_ring_open(void) {}
WH_SITE void site_ring_accept(void) {}
#endif
