// The kinds of resource, one row each. Included by BPF C and by C++.
//
// X(enumerator, value, json_name, title, group, hidden_inside, is_range)
//   group          calls of one group nest: only the outermost one counts
//   hidden_inside  bit mask of groups: a call made while one of these is in progress belongs to that
//                  group's implementation and is not the program's own (an allocator's inner mmap)
//   is_range       the key is the start of an address range that can be released in parts; such
//                  resources never enter the young table, they travel at once
#ifndef WHOHOLDS_SHARED_RESOURCE_KINDS_H
#define WHOHOLDS_SHARED_RESOURCE_KINDS_H

enum wh_call_group {
    WH_GROUP_HEAP = 0,
    WH_GROUP_MAPPING = 1,
    WH_GROUP_COUNT = 2,
};

#define WH_RESOURCE_KINDS(X)                                       \
    X(WH_KIND_HEAP, 1, "heap", "native heap", WH_GROUP_HEAP, 0, 0) \
    X(WH_KIND_MAPPING, 2, "mapping", "mappings", WH_GROUP_MAPPING, 1 << WH_GROUP_HEAP, 1)

enum wh_resource_kind {
    WH_KIND_NONE = 0,
#define X(enumerator, value, json_name, title, group, hidden_inside, is_range) enumerator = value,
    WH_RESOURCE_KINDS(X)
#undef X
        WH_KIND_LIMIT = 32,
};

#endif
