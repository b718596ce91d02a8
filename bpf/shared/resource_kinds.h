// The kinds of resource, one row each. Included by BPF C and by C++.
//
// X(enumerator, value, json_name, title, group, hidden_inside, travel)
//   group          calls of one group nest: only the outermost one counts
//   hidden_inside  bit mask of groups: a call made while one of these is in progress belongs to that
//                  group's implementation and is not the program's own (an allocator's inner mmap)
//   travel         how a resource comes to user space (wh_travel)
//
// The kinds from WH_KIND_PAIR_FIRST on are pairs of functions that the user names; which they are is known when the tool runs.
#ifndef WHOHOLDS_SHARED_RESOURCE_KINDS_H
#define WHOHOLDS_SHARED_RESOURCE_KINDS_H

#define WH_KIND_PAIR_COUNT 16

enum wh_call_group {
    WH_GROUP_HEAP = 0,
    WH_GROUP_MAPPING = 1,
    WH_GROUP_THREAD = 2,      // pthread_create, pthread_join and their like
    WH_GROUP_PAIR_FIRST = 3,  // each pair has a group of its own
    WH_GROUP_COUNT = WH_GROUP_PAIR_FIRST + WH_KIND_PAIR_COUNT,
    WH_GROUP_NONE = 255,  // not seen through calls of functions
};

enum wh_travel {
    WH_TRAVEL_YOUNG = 0,  // through the table of the young: most die there
    WH_TRAVEL_RANGE = 1,  // at once; the key is the start of an address range that can be released in parts
    WH_TRAVEL_EVENT = 2,  // at once; what is held is compared with the kernel's own tables at each report
};

#define WH_RESOURCE_KINDS(X)                                                                            \
    X(WH_KIND_HEAP, 1, "heap", "native heap", WH_GROUP_HEAP, 0, WH_TRAVEL_YOUNG)                        \
    X(WH_KIND_MAPPING, 2, "mapping", "mappings", WH_GROUP_MAPPING, 1 << WH_GROUP_HEAP, WH_TRAVEL_RANGE) \
    X(WH_KIND_FD, 3, "fd", "descriptors", WH_GROUP_NONE, 0, WH_TRAVEL_EVENT)                            \
    X(WH_KIND_SOCKET, 4, "socket", "sockets", WH_GROUP_NONE, 0, WH_TRAVEL_EVENT)                        \
    X(WH_KIND_THREAD, 5, "thread", "threads", WH_GROUP_NONE, 0, WH_TRAVEL_EVENT)                        \
    X(WH_KIND_JOINABLE, 6, "joinable", "joinable threads", WH_GROUP_THREAD, 0, WH_TRAVEL_YOUNG)         \
    X(WH_KIND_GOROUTINE, 7, "goroutine", "goroutines", WH_GROUP_NONE, 0, WH_TRAVEL_YOUNG)               \
    X(WH_KIND_JS_HEAP, 8, "js_heap", "JavaScript heap", WH_GROUP_NONE, 0, WH_TRAVEL_EVENT)

enum wh_resource_kind {
    WH_KIND_NONE = 0,
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) enumerator = value,
    WH_RESOURCE_KINDS(X)
#undef X
        WH_KIND_PAIR_FIRST = 16,
    WH_KIND_LIMIT = WH_KIND_PAIR_FIRST + WH_KIND_PAIR_COUNT,
};

#endif
