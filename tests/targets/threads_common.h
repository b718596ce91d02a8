// What the files of the puppet `threads_puppet` share: its call sites, one function each, and what the threads do.
#ifndef WHOHOLDS_TESTS_THREADS_COMMON_H
#define WHOHOLDS_TESTS_THREADS_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "puppet.h"

#ifdef __cplusplus
extern "C" {
#endif

// X(function, stays, handle): a thread of it that stays ends at the command `end`, others end at once; handle says whether somebody
// could still join it.
#define THREAD_SITES(X)              \
    X(site_waiting, 1, 1)            \
    X(site_finished, 0, 1)           \
    X(site_joined, 0, 0)             \
    X(site_detached, 0, 0)           \
    X(site_detached_attribute, 0, 0) \
    X(site_detached_waiting, 1, 0)   \
    X(site_detaches_itself, 1, 0)    \
    X(site_named, 1, 1)              \
    X(site_busy, 1, 1)               \
    X(site_raw, 1, 0)
// The same from C++, in a file that a C compiler leaves out.
#define THREAD_SITES_CPP(X)    \
    X(site_std_waiting, 1, 1)  \
    X(site_std_finished, 0, 1) \
    X(site_std_joined, 0, 0)   \
    X(site_std_detached, 0, 0)

#define X(function, stays, handle) void function(void);
THREAD_SITES(X)
THREAD_SITES_CPP(X)
#undef X

// What threads run that stay until the command `end`.
void* wait_for_end(void* ignored);
void be_ready_and_wait(void);
// How many have come to their waiting so far; a site returns when its thread is among them.
unsigned count_ready(void);
void wait_for_ready(unsigned wanted);

#ifdef __cplusplus
}
#endif
#endif
