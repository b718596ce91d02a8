#include "bpf/unwind_tables.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "base/unique_fd.h"
#include "bpf/mapped_array.h"
#include "bpf/shared/records.h"
#include "bpf/shared/unwind.h"
#include "elf/mapped_elf.h"
#include "proc/process_memory.h"
#include "unwind/jit_code.h"
#include "unwind/module_tables.h"

namespace whoholds {

namespace {

constexpr uint64_t kMaxVdsoBytes = uint64_t{1} << 20;
constexpr uint32_t kSmallestSlice = 32;
constexpr size_t kSegmentWords = size_t{WH_ARENA_CHUNK_WORDS} * WH_ARENA_SEGMENT_CHUNKS;

struct Slice {
    uint32_t first = 0;
    uint32_t capacity = 0;
};

// Slices of the array of mappings; sizes are powers of two.
class SliceAllocator {
public:
    std::optional<Slice> take(size_t count) {
        if (count > WH_MAX_MAPPINGS) return std::nullopt;
        uint32_t capacity = std::max(std::bit_ceil(static_cast<uint32_t>(count)), kSmallestSlice);
        if (auto free = free_.find(capacity); free != free_.end() && !free->second.empty()) {
            Slice slice{free->second.back(), capacity};
            free->second.pop_back();
            return slice;
        }
        if (capacity > WH_MAX_MAPPINGS - next_) return std::nullopt;
        next_ += capacity;
        return Slice{next_ - capacity, capacity};
    }
    void give_back(const Slice& slice) {
        if (slice.capacity != 0) free_[slice.capacity].push_back(slice.first);
    }

private:
    uint32_t next_ = 0;
    std::map<uint32_t, std::vector<uint32_t>> free_;  // by capacity
};

using MappingKey = std::tuple<uint64_t, uint64_t, uint64_t, uint32_t, uint32_t, uint64_t>;

MappingKey key_of(const Mapping& mapping) {
    return {mapping.start, mapping.end, mapping.file_offset, mapping.device_major, mapping.device_minor, mapping.inode};
}

struct KnownProcess {
    std::map<MappingKey, size_t> modules;  // of its mappings
    std::vector<CodeMapping> code;
    CodeHistory history;
    Slice slice;
    Slice other_slice;
    uint32_t layout = 1;                           // 0: of stacks taken before anything was known
    std::optional<bool> jit_keeps_frame_pointers;  // asked once there is code that a JIT made
    bool has_jit = false;
    bool is_published = false;
};

Result<ElfImage> open_image(const ProcRoot& root, pid_t pid, const Mapping& mapping) {
    std::string open_path;
    if (mapping.path != "[vdso]") return open_mapped_elf(root, pid, mapping, open_path);
    if (mapping.end - mapping.start > kMaxVdsoBytes) return Error{ErrorCode::kLimit, "larger than 1 MiB"};
    WH_TRY(const ProcessMemory memory, ProcessMemory::open(root, pid));
    WH_TRY(std::vector<uint8_t> bytes, memory.read(mapping.start, mapping.end - mapping.start));
    return ElfImage::from_bytes(std::move(bytes), "[vdso]");
}

bool is_jit(const CodeMapping& mapping) { return mapping.module == kNoModule; }

}  // namespace

struct UnwindTables::State {
    UnwindMaps maps;
    MappedArray<wh_mapping> mappings;
    MappedArray<wh_unwind_process> processes;
    std::vector<MappedArray<uint32_t>> segments;
    std::optional<ModuleTables> modules;
    std::unordered_map<uint16_t, KnownProcess> known;
    SliceAllocator slices;
    uint64_t changes = 0;
    double build_ms = 0;

    Result<std::span<uint32_t>> add_segment(uint32_t index);
    std::vector<CodeMapping> read_code(KnownProcess& process, const ProcRoot& root, pid_t pid,
                                       const std::vector<Mapping>& now);
    Result<void> place(KnownProcess& process);
    uint64_t next_salt();
    void publish(uint16_t slot, KnownProcess& process, const ProcessState& state, bool has_new_code);
};

UnwindTables::UnwindTables(std::unique_ptr<State> state) : state_(std::move(state)) {}
UnwindTables::UnwindTables(UnwindTables&&) noexcept = default;
UnwindTables& UnwindTables::operator=(UnwindTables&&) noexcept = default;
UnwindTables::~UnwindTables() = default;

Result<UnwindTables> UnwindTables::open(const UnwindMaps& maps) {
    auto state = std::make_unique<State>();
    state->maps = maps;
    WH_TRY_VOID(state->mappings.map(maps.mappings, "mappings", WH_MAX_MAPPINGS));
    WH_TRY_VOID(state->processes.map(maps.processes, "unwind_processes", WH_MAX_PROCESSES));
    const std::span rules(reinterpret_cast<wh_unwind_rule*>(maps.rules.data()), maps.rules.size());
    State* stable = state.get();
    state->modules.emplace(rules, [stable](uint32_t index) { return stable->add_segment(index); });
    return UnwindTables(std::move(state));
}

// Inner maps of an array of maps must be alike: these are as wh_arena_segment in bpf/lib/maps.bpf.h.
Result<std::span<uint32_t>> UnwindTables::State::add_segment(uint32_t index) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    UniqueFd segment(bpf_map_create(BPF_MAP_TYPE_ARRAY, "wh_segment", sizeof(uint32_t),
                                    sizeof(uint32_t) * WH_ARENA_CHUNK_WORDS, WH_ARENA_SEGMENT_CHUNKS, &options));
    if (!segment) return system_error("create a segment for unwind tables", errno);
    MappedArray<uint32_t> words;
    WH_TRY_VOID(words.map(segment.get(), "segment", kSegmentWords));
    int fd = segment.get();
    if (bpf_map_update_elem(maps.arena, &index, &fd, BPF_ANY) != 0)
        return system_error("add a segment for unwind tables", errno);
    segments.push_back(std::move(words));
    return segments.back().items();
}

std::vector<CodeMapping> UnwindTables::State::read_code(KnownProcess& process, const ProcRoot& root, pid_t pid,
                                                        const std::vector<Mapping>& now) {
    std::map<MappingKey, size_t> modules_now;
    auto open = [&](const Mapping& mapping) { return open_image(root, pid, mapping); };
    auto module_of = [&](const Mapping& mapping) {
        MappingKey key = key_of(mapping);
        auto before = process.modules.find(key);
        size_t module = before != process.modules.end() ? before->second : modules->module_of(mapping, open);
        modules_now.emplace(key, module);
        return module;
    };
    std::vector<CodeMapping> code = code_mappings(now, process.jit_keeps_frame_pointers.value_or(false), module_of);
    process.has_jit = std::ranges::any_of(code, is_jit);
    if (process.has_jit && !process.jit_keeps_frame_pointers) {
        auto makes_it = [&](const CodeMapping& mapping) {
            return mapping.module != kNoModule && modules->modules()[mapping.module].makes_code_with_frame_pointers;
        };
        process.jit_keeps_frame_pointers =
            std::ranges::any_of(code, makes_it) || is_jvm_with_frame_pointers(root, pid, now);
        process.modules = modules_now;
        if (*process.jit_keeps_frame_pointers) code = code_mappings(now, true, module_of);
    }
    process.modules = std::move(modules_now);
    return code;
}

// Into the slice that is not in use, so that walks in progress keep theirs.
Result<void> UnwindTables::State::place(KnownProcess& process) {
    std::vector<wh_mapping> packed =
        pack_mappings(process.code, modules->modules(), process.jit_keeps_frame_pointers.value_or(false));
    if (process.other_slice.capacity < packed.size() || process.other_slice.capacity == 0) {
        slices.give_back(process.other_slice);
        process.other_slice = {};
        auto slice = slices.take(packed.size());
        if (!slice)
            return Error{ErrorCode::kLimit,
                         fmt::format("more than {} executable mappings in all processes together", WH_MAX_MAPPINGS)};
        process.other_slice = *slice;
    }
    std::swap(process.slice, process.other_slice);
    std::ranges::copy(packed, mappings.items().begin() + process.slice.first);
    return {};
}

// Another one for each change of each process. When they begin again, the cache does, too.
uint64_t UnwindTables::State::next_salt() {
    const uint64_t salt = ++changes << WH_CACHE_SALT_SHIFT;
    if (salt == 0)
        for (__u64& entry : maps.rule_cache) std::atomic_ref(entry).store(0, std::memory_order_relaxed);
    return salt;
}

void UnwindTables::State::publish(uint16_t slot, KnownProcess& process, const ProcessState& state, bool has_new_code) {
    wh_unwind_process& entry = processes.items()[slot];
    std::atomic_ref version(entry.version);
    const __u64 before = version.load(std::memory_order_relaxed);
    if (has_new_code) {
        version.store(before + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        entry.salt = next_salt();
        entry.first = process.slice.first;
        entry.count = static_cast<uint32_t>(process.code.size());
        entry.layout = process.layout;
    }
    entry.loader_state_at = state.loader_state_at;
    entry.flags = state.loader_tells ? uint32_t{WH_UNWIND_LOADER_TELLS} : 0;
    entry.removals_known = state.removals;
    entry.exec_pages = process.has_jit ? WH_ANY_EXEC_PAGES : state.exec_pages;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (has_new_code) version.store(before + 2, std::memory_order_release);
    process.is_published = true;
}

uint32_t UnwindTables::removals(uint16_t slot) const {
    return std::atomic_ref(state_->processes.items()[slot].removals).load(std::memory_order_acquire);
}

Result<uint32_t> UnwindTables::update(uint16_t slot, const ProcRoot& root, pid_t pid, const ProcessState& state) {
    auto start = std::chrono::steady_clock::now();
    KnownProcess& process = state_->known[slot];
    std::vector<CodeMapping> code = state_->read_code(process, root, pid, state.maps);
    bool has_new_code = !process.is_published || code != process.code;
    if (has_new_code) {
        process.code = std::move(code);
        if (process.history.update(process.code)) process.layout++;
        WH_TRY_VOID(state_->place(process));
    }
    state_->publish(slot, process, state, has_new_code);
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    state_->build_ms += took.count();
    return process.layout;
}

void UnwindTables::forget(uint16_t slot) {
    auto process = state_->known.find(slot);
    if (process == state_->known.end()) return;
    process->second.code.clear();
    state_->publish(slot, process->second, {}, true);
    state_->slices.give_back(process->second.slice);
    state_->slices.give_back(process->second.other_slice);
    state_->known.erase(process);
}

bool UnwindTables::has_jit(uint16_t slot) const {
    auto process = state_->known.find(slot);
    return process != state_->known.end() && process->second.has_jit;
}

FramePointers UnwindTables::frame_pointers(uint16_t slot, const Mapping& mapping) const {
    auto process = state_->known.find(slot);
    if (process == state_->known.end()) return FramePointers::kNo;
    auto module = process->second.modules.find(key_of(mapping));
    if (module == process->second.modules.end()) {
        if (mapping.is_file()) return FramePointers::kNo;
        return process->second.jit_keeps_frame_pointers.value_or(false) ? FramePointers::kYes : FramePointers::kPerhaps;
    }
    const uint16_t flags = state_->modules->modules()[module->second].gap_flags;
    if (flags & WH_MAPPING_FRAME_POINTERS) return FramePointers::kYes;
    return flags & WH_MAPPING_FRAME_POINTERS_GUESS ? FramePointers::kPerhaps : FramePointers::kNo;
}

UnwindTables::Statistics UnwindTables::statistics() const {
    ModuleTables::Statistics modules = state_->modules->statistics();
    return {.files = modules.files,
            .rows = modules.rows,
            .table_bytes = modules.bytes,
            .kernel_bytes = state_->maps.rules.size_bytes() + state_->mappings.bytes() + state_->processes.bytes() +
                            state_->segments.size() * sizeof(uint32_t) * kSegmentWords +
                            state_->maps.rule_cache.size_bytes(),
            .build_ms = state_->build_ms};
}

const std::vector<std::string>& UnwindTables::notes() const { return state_->modules->notes(); }

}  // namespace whoholds
