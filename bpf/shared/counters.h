// Everything that can be incomplete, one row each: X(enumerator, name, loses, sentence).
// loses = 1: an event was lost and a number of the report may be off by it; 0: an explanation, nothing lost.
// Included by BPF C (which counts) and by C++ (which prints the sentence).
#ifndef WHOHOLDS_SHARED_COUNTERS_H
#define WHOHOLDS_SHARED_COUNTERS_H

#define WH_COUNTERS(X)                                                                                           \
    X(WH_COUNTER_ACQUIRE_LOST, "acquires_lost", 1,                                                               \
      "acquired but not recorded, because young table and ring were full; listed as lost")                       \
    X(WH_COUNTER_RELEASE_LOST, "releases_lost", 1,                                                               \
      "releases that found no room in ring and backlog: up to this many resources are shown as "                 \
      "held although they were released")                                                                        \
    X(WH_COUNTER_RESTORE_LOST, "restores_lost", 1,                                                               \
      "failed calls (realloc, munmap) whose old resource could not be put back for lack of room")                \
    X(WH_COUNTER_NO_THREAD_STATE, "calls_without_thread_state", 1,                                               \
      "calls not recorded, because the kernel could not make the state of their thread at that moment")          \
    X(WH_COUNTER_KEY_UNREADABLE, "keys_unreadable", 1,                                                           \
      "successful calls whose result lay in memory that could not be read")                                      \
    X(WH_COUNTER_ABANDONED, "calls_abandoned", 0,                                                                \
      "calls that never returned to their caller (longjmp, exception, exited thread, or a return "               \
      "probe that the kernel dropped); what they acquired is not recorded")                                      \
    X(WH_COUNTER_HEALED, "releases_proved", 0,                                                                   \
      "missed releases that were proved by a new acquire of the same address, and corrected")                    \
    X(WH_COUNTER_SPILLED, "young_spilled", 0,                                                                    \
      "acquires that found their bucket of the young table full and were sent at once")                          \
    X(WH_COUNTER_BACKLOG, "backlog_used", 0, "releases that found the ring full and were kept in the backlog")   \
    X(WH_COUNTER_STACK_TABLE_FULL, "stacks_not_kept", 0,                                                         \
      "acquires counted under <no stack>, because the table of stacks is full")                                  \
    X(WH_COUNTER_STACK_RETRIED, "stack_sends_retried", 0,                                                        \
      "new stacks that found the ring full; they are sent with their next event")                                \
    X(WH_COUNTER_SNAPSHOT, "stacks_finished_outside", 0,                                                         \
      "stacks that the kernel part could not finish and sent with a part of the stack's memory instead")         \
    X(WH_COUNTER_SNAPSHOT_LOST, "stacks_not_finished", 0,                                                        \
      "stacks that stay incomplete, because too many at once needed to be finished outside of the kernel")       \
    X(WH_COUNTER_EVENT_LOST, "resource_events_lost", 1,                                                          \
      "descriptors or threads acquired or released while the ring was full: what is held is right, as it is "    \
      "compared with the kernel's tables, but these are missing in what was acquired and released")              \
    X(WH_COUNTER_OTHER_TABLE, "other_descriptor_table", 0,                                                       \
      "system calls of threads that have a table of descriptors of their own (unshare), not followed")           \
    X(WH_COUNTER_GOROUTINE_LOST, "goroutines_lost", 1,                                                           \
      "goroutines that began or ended while the runtime's record of them could not be read; who is alive is "    \
      "right all the same, as it is read at each report")                                                        \
    X(WH_COUNTER_LINEAGE_LOST, "ancestries_lost", 0,                                                             \
      "goroutines for which there was no room in the table of ancestries: of what they take only they "          \
      "themselves are named, and not who created them")                                                          \
    X(WH_COUNTER_HANDLE_UNKNOWN, "handles_unknown", 1,                                                           \
      "calls of Go functions of a --pair of which the first result or argument is no address, so that they are " \
      "not counted: say which word is the handle, as main.Open:ret2")                                            \
    X(WH_COUNTER_OTHER_PROCESS, "other_process", 0, "probe hits of processes that are not traced; ignored")      \
    X(WH_COUNTER_GO_SAMPLE_LOST, "go_samples_lost", 0,                                                           \
      "samples of Go allocations not taken, for lack of room; the others stand for them")                        \
    X(WH_COUNTER_RECORD_LOST, "notices_lost", 0,                                                                 \
      "notices of exec, fork or dlopen that found the ring full; found again by polling")

enum wh_counter {
#define X(enumerator, name, loses, sentence) enumerator,
    WH_COUNTERS(X)
#undef X
        WH_COUNTER_COUNT,
};

#endif
