#include "unwind/process_code.h"

#include <algorithm>
#include <string_view>

namespace whoholds {

namespace {

constexpr uint64_t kPageMask = 4095;

bool is_anonymous(const Mapping& mapping) {
    return mapping.inode == 0 && (mapping.path.empty() || mapping.path.starts_with("[anon"));
}

// Neighbours in anonymous memory, from `first` on: the index behind the last one.
size_t end_of_run(const std::vector<Mapping>& maps, size_t first) {
    size_t end = first + 1;
    while (end < maps.size() && is_anonymous(maps[end]) && maps[end].start == maps[end - 1].end) end++;
    return end;
}

void add_jit_run(const std::vector<Mapping>& maps, size_t first, size_t end, bool whole,
                 std::vector<CodeMapping>& into) {
    bool has_code = false;
    for (size_t i = first; i < end; i++) has_code |= maps[i].executable;
    if (whole && has_code) {
        into.push_back({maps[first].start, maps[end - 1].end, 0, kNoModule});
        return;
    }
    for (size_t i = first; i < end; i++) {
        if (!maps[i].executable) continue;
        bool touches = !into.empty() && into.back().module == kNoModule && into.back().end == maps[i].start;
        if (touches)
            into.back().end = maps[i].end;
        else
            into.push_back({maps[i].start, maps[i].end, 0, kNoModule});
    }
}

// Address in the process - virtual address in the module. Mappings begin at a page, segments need not.
std::optional<uint64_t> bias_of(const CodeMapping& mapping, const UnwindModule& module) {
    for (const ElfSegment& segment : module.segments) {
        if (!segment.executable || mapping.file_offset < (segment.file_offset & ~kPageMask)) continue;
        if (mapping.file_offset >= segment.file_offset + segment.file_size) continue;
        return mapping.start - (segment.virtual_address + mapping.file_offset - segment.file_offset);
    }
    return std::nullopt;
}

}  // namespace

std::vector<CodeMapping> code_mappings(const std::vector<Mapping>& maps, bool jit_keeps_frame_pointers,
                                       const ModuleOf& module_of) {
    std::vector<CodeMapping> mappings;
    for (size_t i = 0; i < maps.size();) {
        const Mapping& mapping = maps[i];
        if (is_anonymous(mapping)) {
            size_t end = end_of_run(maps, i);
            add_jit_run(maps, i, end, jit_keeps_frame_pointers, mappings);
            i = end;
            continue;
        }
        i++;
        if (!mapping.executable) continue;
        bool is_vdso = mapping.path == "[vdso]";
        if (mapping.is_file() || is_vdso)
            mappings.push_back({mapping.start, mapping.end, is_vdso ? 0 : mapping.file_offset, module_of(mapping)});
    }
    return mappings;
}

std::vector<wh_mapping> pack_mappings(std::span<const CodeMapping> mappings, std::span<const UnwindModule> modules,
                                      bool jit_keeps_frame_pointers) {
    std::vector<wh_mapping> packed;
    packed.reserve(mappings.size());
    for (const CodeMapping& mapping : mappings) {
        wh_mapping entry{};
        entry.start = mapping.start;
        entry.end = mapping.end;
        if (mapping.module >= modules.size()) {
            entry.flags = jit_keeps_frame_pointers ? WH_MAPPING_FRAME_POINTERS : WH_MAPPING_FRAME_POINTERS_GUESS;
            packed.push_back(entry);
            continue;
        }
        const UnwindModule& module = modules[mapping.module];
        entry.flags = module.gap_flags;
        auto bias = bias_of(mapping, module);
        if (module.table && bias) {
            entry.flags |= WH_MAPPING_TABLE;
            entry.bias = *bias;
            entry.first_bucket = module.table->first_bucket;
            entry.index_at = module.table->index_at;
            entry.bucket_count = module.table->bucket_count;
            entry.bucket_shift = static_cast<uint16_t>(module.table->bucket_shift);
        }
        packed.push_back(entry);
    }
    return packed;
}

void CodeHistory::forget(uint64_t start, uint64_t end) {
    auto entry = meanings_.upper_bound(start);
    if (entry != meanings_.begin()) --entry;
    while (entry != meanings_.end() && entry->first < end) {
        if (entry->second.end <= start) {
            ++entry;
            continue;
        }
        const uint64_t old_start = entry->first;
        const Meaning old = entry->second;
        entry = meanings_.erase(entry);
        if (old_start < start) meanings_[old_start] = {start, old.file_offset, old.module};
        if (old.end > end) meanings_[end] = {old.end, old.file_offset + (end - old_start), old.module};
    }
}

bool CodeHistory::update(std::span<const CodeMapping> now) {
    bool changed = false;
    for (const CodeMapping& mapping : now) {
        auto entry = meanings_.upper_bound(mapping.start);
        if (entry != meanings_.begin()) --entry;
        for (; entry != meanings_.end() && entry->first < mapping.end; ++entry) {
            if (entry->second.end <= mapping.start) continue;
            bool same_module = entry->second.module == mapping.module;
            // Of what a JIT makes there is no place in a file to compare.
            bool same_place = mapping.module == kNoModule ||
                              entry->second.file_offset - entry->first == mapping.file_offset - mapping.start;
            changed |= !same_module || !same_place;
        }
        forget(mapping.start, mapping.end);
        meanings_[mapping.start] = {mapping.end, mapping.file_offset, mapping.module};
    }
    return changed;
}

}  // namespace whoholds
