// From an address in a process to the rule for frames there (shared/unwind.h): a cache, and behind it the tables. Used by the walk.
#ifndef WHOHOLDS_LIB_RULES_H
#define WHOHOLDS_LIB_RULES_H

#include "lib/maps.bpf.h"

#define WH_MAPPING_STEPS 17
#define WH_ROW_STEPS 17
#define WH_RULE_NO_MAPPING (-1)

WH_INLINE u64 mix(u64 hash, u64 value) {
    hash ^= value;
    hash *= 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 29;
}

WH_INLINE struct wh_mapping* find_mapping(struct wh_walk* walk, u64 address) {
    u32 low = walk->mapping;
    struct wh_mapping* mapping = bpf_map_lookup_elem(&mappings, &low);
    if (mapping && address - mapping->start < mapping->end - mapping->start) return mapping;
    low = walk->first_mapping;
    u32 count = walk->mapping_count;
    for (int i = 0; i < WH_MAPPING_STEPS && count; i++) {
        u32 half = count >> 1;
        u32 middle = low + half;
        mapping = bpf_map_lookup_elem(&mappings, &middle);
        if (!mapping) return 0;
        if (mapping->start <= address) {
            low = middle + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    if (low == walk->first_mapping) return 0;
    low -= 1;
    mapping = bpf_map_lookup_elem(&mappings, &low);
    if (!mapping || address - mapping->start >= mapping->end - mapping->start) return 0;
    walk->mapping = low;
    return mapping;
}

// The chunk of the arena that holds a word.
WH_INLINE u8* arena_chunk(u32 word) {
    u32 segment_index = word / WH_ARENA_SEGMENT_WORDS;
    void* segment = bpf_map_lookup_elem(&arena, &segment_index);
    if (!segment) return 0;
    u32 chunk = word / WH_ARENA_CHUNK_WORDS % WH_ARENA_SEGMENT_CHUNKS;
    return bpf_map_lookup_elem(segment, &chunk);
}

WH_INLINE u32 rule_in_table(struct wh_mapping* mapping, u64 address) {
    u64 in_module = address - mapping->bias;
    u64 bucket = (in_module >> (mapping->bucket_shift & 63)) - mapping->first_bucket;
    if (bucket >= mapping->bucket_count) return WH_RULE_GAP;
    u32 word = mapping->index_at + (u32)bucket * 2;
    u8* chunk = arena_chunk(word);
    if (!chunk) return WH_RULE_GAP;
    u64 entry = *(u64*)(chunk + (word & (WH_ARENA_CHUNK_WORDS - 2)) * 4);
    u32 rule = entry >> 48;
    u32 count = entry >> 32 & 0xffff;
    if (!count) return rule;
    word = (u32)entry;
    chunk = arena_chunk(word);
    if (!chunk) return WH_RULE_GAP;
    u32 low = word % WH_ARENA_CHUNK_WORDS;
    u32 wanted = in_module & 0xffff;
    for (int i = 0; i < WH_ROW_STEPS && count; i++) {
        u32 half = count >> 1;
        u32 middle = low + half;
        u32 row = *(u32*)(chunk + (middle & (WH_ARENA_CHUNK_WORDS - 1)) * 4);
        if ((row & 0xffff) <= wanted) {
            rule = row >> 16;
            low = middle + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return rule;
}

// The rule for a frame at this address in the process; WH_RULE_NO_MAPPING if nothing executable is known there.
__noinline int search_rule(WH_WALK_PARAMETERS, u64 address) {
    WH_WALK_BEGIN(WH_RULE_NO_MAPPING);
    struct wh_mapping* mapping = find_mapping(walk, address);
    if (!mapping) return WH_RULE_NO_MAPPING;
    u32 flags = mapping->flags;
    u32 rule = flags & WH_MAPPING_TABLE ? rule_in_table(mapping, address) : WH_RULE_GAP;
    if (rule != WH_RULE_GAP) return rule;
    if (flags & WH_MAPPING_FRAME_POINTERS) return WH_RULE_FRAME_POINTER;
    if (flags & WH_MAPPING_FRAME_POINTERS_GUESS) return WH_RULE_FRAME_POINTER_GUESS;
    return WH_RULE_GAP;
}

WH_INLINE int rule_at(struct wh_walk* walk, struct wh_thread* thread, u64 address) {
    u64 mixed = (address ^ walk->salt) * WH_CACHE_MULTIPLIER;
    volatile u64* entry = &rule_cache[mixed >> (64 - WH_CACHE_BITS)];
    u64 found = *entry;
    u64 tag = mixed << WH_CACHE_BITS;
    if ((found ^ tag) >> 16 == 0 && (u16)found != WH_RULE_GAP) return (u16)found;
    int rule = search_rule(WH_WALK_ARGUMENTS(walk, thread), address);
    if (rule > WH_RULE_GAP) *entry = tag | (u16)rule;
    return rule;
}

#endif
