// The table of the young (layout and protocol: shared/records.h). Most blocks die here and never travel.
#ifndef WHOHOLDS_LIB_YOUNG_H
#define WHOHOLDS_LIB_YOUNG_H

#include "lib/maps.bpf.h"

enum wh_young_result { WH_YOUNG_INSERTED = 0, WH_YOUNG_REPLACED = 1, WH_YOUNG_FULL = 2 };

WH_INLINE struct wh_young_bucket* young_bucket(u64 key, u32 process) {
    u64 hash = (key ^ (u64)process << 48) * 0x9e3779b97f4a7c15ull;
    u32 index = (hash >> 32) & config.young_bucket_mask;
    return bpf_map_lookup_elem(&young, &index);
}

WH_INLINE u64 pack_size_stack(u64 size, u32 stack) { return size | (u64)stack << WH_YOUNG_SIZE_BITS; }
WH_INLINE u64 size_of_packed(u64 packed) { return packed & WH_YOUNG_SIZE_MAX; }
WH_INLINE u32 stack_of_packed(u64 packed) { return packed >> WH_YOUNG_SIZE_BITS; }

// Makes slot `way` ours (busy) if it is live and holds `key`; returns the live owner word, 0 if not. The owner is read before
// the key, and the compare-and-swap includes the version: success means that the key read is the key taken.
WH_INLINE u64 young_claim(struct wh_young_bucket* bucket, u32 way, u64 key, u64 live) {
    if (*(volatile u64*)&bucket->key[way] != key) return 0;
    u64 owner = *(volatile u64*)&bucket->owner[way];
    if ((owner & WH_YOUNG_OWNER_MASK) != live) return 0;
    if (*(volatile u64*)&bucket->key[way] != key) return 0;
    u64 busy = owner - WH_YOUNG_LIVE + WH_YOUNG_BUSY;
    return swap_if_equal(&bucket->owner[way], owner, busy) == owner ? owner : 0;
}

// Takes a resource out. False: it is not in the table.
WH_INLINE bool young_take(u32 kind, u32 process, u64 key, u64* size_stack, u64* time_ns) {
    if (!WH_HAS_YOUNG) return false;
    struct wh_young_bucket* bucket = young_bucket(key, process);
    if (!bucket) return false;
    u64 live = WH_YOUNG_OWNER(WH_YOUNG_LIVE, kind, process);
#pragma unroll
    for (u32 way = 0; way < WH_YOUNG_WAYS; way++) {
        u64 owner = young_claim(bucket, way, key, live);
        if (!owner) continue;
        *size_stack = *(volatile u64*)&bucket->size_stack[way];
        *time_ns = *(volatile u64*)&bucket->time_ns[way];
        *(volatile u64*)&bucket->owner[way] = owner & ~WH_YOUNG_OWNER_MASK;
        return true;
    }
    return false;
}

WH_INLINE void young_fill(struct wh_young_bucket* bucket, u32 way, u64 owner, u64 live, u64 key, u64 size_stack,
                          u64 time_ns) {
    *(volatile u64*)&bucket->key[way] = key;
    *(volatile u64*)&bucket->size_stack[way] = size_stack;
    *(volatile u64*)&bucket->time_ns[way] = time_ns;
    *(volatile u64*)&bucket->owner[way] = (owner & ~WH_YOUNG_OWNER_MASK) + WH_YOUNG_VERSION_ONE + live;
}

// Puts a resource in. WH_YOUNG_REPLACED: the same key was there; its release was missed, *old_size_stack is what it was.
WH_INLINE enum wh_young_result young_put(u32 kind, u32 process, u64 key, u64 size_stack, u64 time_ns,
                                         u64* old_size_stack) {
    struct wh_young_bucket* bucket = young_bucket(key, process);
    if (!bucket) return WH_YOUNG_FULL;
    u64 live = WH_YOUNG_OWNER(WH_YOUNG_LIVE, kind, process);
#pragma unroll
    for (u32 way = 0; way < WH_YOUNG_WAYS; way++) {
        u64 owner = young_claim(bucket, way, key, live);
        if (!owner) continue;
        *old_size_stack = *(volatile u64*)&bucket->size_stack[way];
        young_fill(bucket, way, owner, live, key, size_stack, time_ns);
        return WH_YOUNG_REPLACED;
    }
#pragma unroll
    for (u32 way = 0; way < WH_YOUNG_WAYS; way++) {
        u64 owner = *(volatile u64*)&bucket->owner[way];
        if (owner & WH_YOUNG_OWNER_MASK) continue;
        if (swap_if_equal(&bucket->owner[way], owner, owner | WH_YOUNG_BUSY) != owner) continue;
        young_fill(bucket, way, owner, live, key, size_stack, time_ns);
        return WH_YOUNG_INSERTED;
    }
    return WH_YOUNG_FULL;
}

#endif
