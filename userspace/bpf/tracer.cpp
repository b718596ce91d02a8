#include "bpf/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdarg>
#include <map>

#include "base/unique_fd.h"
#include "bpf/kernel_features.h"
#include "bpf/mapped_array.h"
#include "bpf/old_kernel.h"
#include "bpf/shared/call_shape.h"
#include "proc/rights.h"
#include "runtime/native/system_calls.h"
#include "whoholds.skel.h"

namespace whoholds {

namespace {

constexpr unsigned kMaxShards = 8;

// libbpf speaks through one callback; what it says becomes part of our error.
std::string& last_libbpf_message() {
    static std::string message;
    return message;
}

int keep_libbpf_message(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN) return 0;
    char text[512];
    int length = vsnprintf(text, sizeof(text), format, arguments);
    std::string_view line(text);
    // Trap T43: from 5.11 on no memlock limit matters; libbpf's word about it would only frighten.
    if (line.find("RLIMIT_MEMLOCK") == std::string_view::npos && last_libbpf_message().size() < 4096)
        last_libbpf_message() += line;
    return length;
}

template <class Word>
uint64_t read_shared(Word& word) {
    return std::atomic_ref(word).load(std::memory_order_relaxed);
}

// The reason is looked for and not taken from the error number: the same one stands for many.
Error load_error(int error_number) {
    std::string_view said = last_libbpf_message();
    Rights rights = read_own_rights({}).value_or(Rights{});
    // Then bpf(2) and the maps were let through; a program that it does not accept is an EACCES, too.
    const bool verifier_spoke = said.find("BEGIN PROG LOAD LOG") != std::string_view::npos;
    if (verifier_spoke) rights.is_filtered = rights.charges_locked_memory = false;
    const bool refused = error_number == EPERM || error_number == EACCES;
    if (refused && (!verifier_spoke || !what_stands_in_the_way(rights).empty()))
        return {ErrorCode::kPermission, why_refused(rights)};
    if (rights.is_locked_down) return {ErrorCode::kUnsupported, why_refused(rights)};  // then EINVAL
    size_t first_line = said.find('\n');
    return {ErrorCode::kUnsupported,
            fmt::format("this kernel does not take the BPF programs ({}); whoholds needs Linux 5.10 or newer with BTF",
                        said.substr(0, first_line))};
}

}  // namespace

AttachMethod best_attach_method() {
    if (has_uprobe_multi()) return AttachMethod::kUprobeMulti;
    return has_attach_cookies() ? AttachMethod::kPerf : AttachMethod::kPerfWithoutCookies;
}

struct Tracer::State {
    TracerOptions options;
    wh_config config{};
    unsigned shards = 1;
    wh_programs* skeleton = nullptr;
    bpf_link* exec_link = nullptr;
    bpf_link* fork_link = nullptr;
    bpf_link* exit_link = nullptr;
    bpf_link* locate_link = nullptr;
    bpf_link* threads_link = nullptr;
    bpf_link* system_call_link = nullptr;
    MappedArray<wh_young_bucket> young;
    MappedArray<wh_stack_bucket> stacks;
    MappedArray<wh_stack_counters> stack_counters;
    MappedArray<uint64_t> probe_hits;
    MappedArray<wh_process> processes;
    MappedArray<wh_go_heap> go_heaps;
    MappedArray<wh_go_process> go_processes;
    MappedArray<wh_python_process> python_processes;
    MappedArray<wh_v8_process> v8_processes;
    std::map<uint16_t, uint64_t> goroutine_table_bytes;  // by slot
    std::optional<UnwindTables> unwind_tables;
    std::optional<JsHeapTables> js_heaps;
    std::optional<OldKernel> old_kernel;

    ~State() {
        bpf_link__destroy(exec_link);
        bpf_link__destroy(fork_link);
        bpf_link__destroy(exit_link);
        bpf_link__destroy(locate_link);
        bpf_link__destroy(threads_link);
        bpf_link__destroy(system_call_link);
        wh_programs__destroy(skeleton);
    }

    [[nodiscard]] std::array<bpf_program*, 17> probe_programs() const;
    Result<void> configure();
    Result<void> map_everything();
    Result<void> attach_task_programs();
};

Tracer::Tracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
Tracer::~Tracer() = default;

std::array<bpf_program*, 17> Tracer::State::probe_programs() const {
    return {skeleton->progs.call_enter,         skeleton->progs.call_return,          skeleton->progs.call_release,
            skeleton->progs.loader_changed,     skeleton->progs.system_call_returned, skeleton->progs.go_span_made,
            skeleton->progs.go_marking_begins,  skeleton->progs.go_created,           skeleton->progs.go_ended,
            skeleton->progs.go_acquired,        skeleton->progs.go_released,          skeleton->progs.js_page_added,
            skeleton->progs.js_scavenge_begins, skeleton->progs.js_scavenge_ends,     skeleton->progs.js_marking_ends,
            skeleton->progs.js_evacuation_ends, skeleton->progs.js_heap_ends};
}

Result<void> Tracer::State::configure() {
    uint32_t buckets = std::bit_ceil(std::max(options.young_slots / WH_YOUNG_WAYS, 1u));
    uint32_t stack_buckets = std::bit_ceil(std::max(options.max_stacks / WH_STACK_WAYS, 1u));
    shards = std::min(kMaxShards, std::bit_ceil(static_cast<unsigned>(libbpf_num_possible_cpus())));
    struct stat self {};
    if (stat("/proc/self/ns/pid", &self) != 0) return system_error("stat /proc/self/ns/pid", errno);
    config.pid_namespace_inode = self.st_ino;
    config.ring_wake_bytes = options.ring_bytes / 8;
    config.young_bucket_mask = buckets - 1;
    config.stack_bucket_mask = stack_buckets - 1;
    config.no_stack_base = stack_buckets * WH_STACK_WAYS + 1 + WH_ORIGIN_ROWS;
    config.stack_stride = config.no_stack_base + WH_NO_STACK_ROWS;
    config.shard_mask = shards - 1;
    std::copy_n(reinterpret_cast<const std::byte*>(&config), sizeof(config),
                reinterpret_cast<std::byte*>(&skeleton->rodata->config));
    bpf_map__set_max_entries(skeleton->maps.young, buckets);
    bpf_map__set_max_entries(skeleton->maps.stacks, stack_buckets);
    bpf_map__set_max_entries(skeleton->maps.stack_counters, config.stack_stride * shards);
    bpf_map__set_max_entries(skeleton->maps.probe_hits, WH_MAX_PROBES * shards);
    bpf_map__set_max_entries(skeleton->maps.ring, options.ring_bytes);
    bpf_map__set_max_entries(skeleton->maps.backlog, options.backlog_bytes);
    if (options.method == AttachMethod::kUprobeMulti)
        for (bpf_program* program : probe_programs()) bpf_program__set_expected_attach_type(program, kTraceUprobeMulti);
    if (old_kernel) old_kernel->configure(config.no_stack_base);
    return {};
}

Result<void> Tracer::State::map_everything() {
    WH_TRY_VOID(young.map(bpf_map__fd(skeleton->maps.young), "young", config.young_bucket_mask + 1));
    WH_TRY_VOID(stacks.map(bpf_map__fd(skeleton->maps.stacks), "stacks", config.stack_bucket_mask + 1));
    WH_TRY_VOID(stack_counters.map(bpf_map__fd(skeleton->maps.stack_counters), "stack_counters",
                                   size_t{config.stack_stride} * shards));
    WH_TRY_VOID(probe_hits.map(bpf_map__fd(skeleton->maps.probe_hits), "probe_hits", size_t{WH_MAX_PROBES} * shards));
    WH_TRY_VOID(processes.map(bpf_map__fd(skeleton->maps.processes), "processes", WH_MAX_PROCESSES));
    WH_TRY_VOID(go_processes.map(bpf_map__fd(skeleton->maps.go_processes), "go_processes", WH_MAX_PROCESSES));
    WH_TRY_VOID(
        python_processes.map(bpf_map__fd(skeleton->maps.python_processes), "python_processes", WH_MAX_PROCESSES));
    WH_TRY_VOID(v8_processes.map(bpf_map__fd(skeleton->maps.v8_processes), "v8_processes", WH_MAX_PROCESSES));
    WH_TRY_VOID(go_heaps.map(bpf_map__fd(skeleton->maps.go_heaps), "go_heaps", WH_MAX_PROCESSES));
    WH_TRY(unwind_tables, UnwindTables::open({.arena = bpf_map__fd(skeleton->maps.arena),
                                              .mappings = bpf_map__fd(skeleton->maps.mappings),
                                              .processes = bpf_map__fd(skeleton->maps.unwind_processes),
                                              .rules = skeleton->bss->rules,
                                              .rule_cache = skeleton->bss->rule_cache}));
    WH_TRY(js_heaps, JsHeapTables::open({.layouts = bpf_map__fd(skeleton->maps.js_layouts),
                                         .heaps = bpf_map__fd(skeleton->maps.js_heaps),
                                         .numbers = bpf_map__fd(skeleton->maps.js_heap_numbers)}));
    return {};
}

Result<void> Tracer::State::attach_task_programs() {
    exec_link = bpf_program__attach(skeleton->progs.on_exec);
    if (!exec_link) return system_error("attach to the exec tracepoint", errno);
    fork_link = bpf_program__attach(skeleton->progs.on_fork);
    if (!fork_link) return system_error("attach to the fork tracepoint", errno);
    exit_link = bpf_program__attach(skeleton->progs.on_exit);
    if (!exit_link) return system_error("attach to the exit tracepoint", errno);
    locate_link = bpf_program__attach_iter(skeleton->progs.locate, nullptr);
    if (!locate_link) return system_error("attach the task iterator", errno);
    threads_link = bpf_program__attach_iter(skeleton->progs.list_threads, nullptr);
    if (!threads_link) return system_error("attach the iterator over threads", errno);
    return {};
}

Result<Tracer> Tracer::load(const TracerOptions& options) {
    libbpf_set_print(keep_libbpf_message);
    last_libbpf_message().clear();
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
        return Error{ErrorCode::kUnsupported,
                     "this kernel has no BTF (/sys/kernel/btf/vmlinux is missing): whoholds needs a kernel built with "
                     "CONFIG_DEBUG_INFO_BTF=y, as all current distribution kernels are"};
    auto state = std::make_unique<State>();
    state->options = options;
    const bool is_old = options.method == AttachMethod::kPerfWithoutCookies;
    state->skeleton = is_old ? open_programs_for_old_kernel() : wh_programs__open();
    if (!state->skeleton) return system_error("open the BPF object", errno);
    if (is_old) {
        state->options.young_slots = WH_YOUNG_WAYS;  // they use none
        state->old_kernel.emplace(state->skeleton->obj);
    }
    WH_TRY_VOID(state->configure());
    if (int failed = wh_programs__load(state->skeleton)) return load_error(-failed);
    WH_TRY_VOID(state->map_everything());
    if (state->old_kernel) WH_TRY_VOID(state->old_kernel->set_programs(state->probe_programs()));
    WH_TRY_VOID(state->attach_task_programs());
    return Tracer(std::move(state));
}

const TracerOptions& Tracer::options() const { return state_->options; }
const wh_config& Tracer::config() const { return state_->config; }

uint64_t Tracer::kernel_memory_bytes() const {
    uint64_t goroutine_tables = 0;
    for (const auto& [slot, bytes] : state_->goroutine_table_bytes) goroutine_tables += bytes;
    return state_->young.bytes() + state_->stacks.bytes() + state_->stack_counters.bytes() +
           state_->probe_hits.bytes() + state_->processes.bytes() + goroutine_tables + state_->options.ring_bytes +
           state_->options.backlog_bytes + state_->unwind_tables->statistics().kernel_bytes +
           (state_->old_kernel ? state_->old_kernel->kernel_memory_bytes() : 0);
}

uint64_t Tracer::thread_state_bytes() const { return bpf_map__value_size(state_->skeleton->maps.threads); }

UnwindTables& Tracer::unwind_tables() const { return *state_->unwind_tables; }

int Tracer::ring_fd() const { return bpf_map__fd(state_->skeleton->maps.ring); }
int Tracer::backlog_fd() const { return bpf_map__fd(state_->skeleton->maps.backlog); }
bpf_program* Tracer::enter_program() const { return state_->skeleton->progs.call_enter; }
bpf_program* Tracer::return_program() const { return state_->skeleton->progs.call_return; }
bpf_program* Tracer::release_program() const { return state_->skeleton->progs.call_release; }
std::vector<bpf_program*> Tracer::programs() const {
    std::vector<bpf_program*> all;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, state_->skeleton->obj) all.push_back(program);
    return all;
}

bpf_program* Tracer::system_call_program() const { return state_->skeleton->progs.system_call_returned; }
bpf_program* Tracer::go_program(PlannedGoProbe::Role role) const {
    switch (role) {
        case PlannedGoProbe::Role::kGoroutineCreated: return state_->skeleton->progs.go_created;
        case PlannedGoProbe::Role::kGoroutineEnded: return state_->skeleton->progs.go_ended;
        case PlannedGoProbe::Role::kAcquired: return state_->skeleton->progs.go_acquired;
        case PlannedGoProbe::Role::kReleased: return state_->skeleton->progs.go_released;
    }
    return nullptr;
}

bpf_program* Tracer::go_sample_program() const { return state_->skeleton->progs.go_span_made; }
bpf_program* Tracer::go_marking_program() const { return state_->skeleton->progs.go_marking_begins; }

bpf_program* Tracer::js_program(V8HeapEvent event) const {
    const auto& programs = state_->skeleton->progs;
    switch (event) {
        case V8HeapEvent::kPageAdded: return programs.js_page_added;
        case V8HeapEvent::kScavengeBegins: return programs.js_scavenge_begins;
        case V8HeapEvent::kScavengeEnds: return programs.js_scavenge_ends;
        case V8HeapEvent::kMarkingEnds: return programs.js_marking_ends;
        case V8HeapEvent::kEvacuationEnds: return programs.js_evacuation_ends;
        case V8HeapEvent::kHeapEnds: return programs.js_heap_ends;
    }
    return nullptr;
}

bpf_program* Tracer::loader_program() const { return state_->skeleton->progs.loader_changed; }

Result<UniqueFd> Tracer::program_with_cookie(const bpf_program* program, uint64_t cookie) const {
    return state_->old_kernel->program_with_cookie(program, cookie);
}

std::span<wh_young_bucket> Tracer::young() const { return state_->young.items(); }
std::span<wh_stack_bucket> Tracer::stacks() const { return state_->stacks.items(); }

wh_stack_counters Tracer::stack_counters(uint32_t stack) const {
    wh_stack_counters sum{};
    std::span<wh_stack_counters> all = state_->stack_counters.items();
    for (unsigned shard = 0; shard < state_->shards; shard++) {
        wh_stack_counters& one = all[size_t{shard} * state_->config.stack_stride + stack];
        sum.died_count += read_shared(one.died_count);
        sum.died_bytes += read_shared(one.died_bytes);
        sum.lost_count += read_shared(one.lost_count);
        sum.lost_bytes += read_shared(one.lost_bytes);
    }
    return sum;
}

uint64_t Tracer::probe_hits(uint32_t probe) const {
    uint64_t sum = 0;
    for (unsigned shard = 0; shard < state_->shards; shard++)
        sum += read_shared(state_->probe_hits.items()[size_t{shard} * WH_MAX_PROBES + probe]);
    return sum;
}

uint64_t Tracer::counter(wh_counter counter) const {
    return std::atomic_ref(state_->skeleton->bss->counters[counter]).load(std::memory_order_relaxed);
}

namespace {

// All that an iterator writes.
template <class Item>
Result<std::vector<Item>> read_iterator(bpf_link* link) {
    UniqueFd fd(bpf_iter_create(bpf_link__fd(link)));
    if (!fd) return system_error("start a BPF iterator", errno);
    std::vector<Item> all;
    std::array<Item, 128> some;
    for (;;) {
        ssize_t length = read(fd.get(), some.data(), sizeof(some));
        if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (length < 0) return system_error("read a BPF iterator", errno);
        if (length == 0) return all;
        all.insert(all.end(), some.begin(), some.begin() + static_cast<size_t>(length) / sizeof(Item));
    }
}

}  // namespace

Result<std::optional<wh_located_task>> Tracer::locate(pid_t pid, bool make_threads) {
    state_->skeleton->bss->locate_tgid = static_cast<uint32_t>(pid);
    state_->skeleton->bss->locate_makes_threads = make_threads;
    WH_TRY(auto tasks, read_iterator<wh_located_task>(state_->locate_link));
    std::optional<wh_located_task> found;
    for (const wh_located_task& task : tasks)
        if (task.mm != 0) found = task;
    return found;
}

Result<std::vector<wh_seen_descriptor>> Tracer::list_descriptors(pid_t pid, uint32_t tgid) {
    state_->skeleton->bss->list_tgid = tgid;
    // Only this process's table, where the kernel can (6.1); else the program picks it out of all.
    bpf_iter_link_info info{};
    info.task.pid = static_cast<uint32_t>(pid);
    LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
    bpf_link* link = bpf_program__attach_iter(state_->skeleton->progs.list_descriptors, &options);
    if (!link) link = bpf_program__attach_iter(state_->skeleton->progs.list_descriptors, nullptr);
    if (!link) return system_error("attach the iterator over descriptors", errno);
    auto listed = read_iterator<wh_seen_descriptor>(link);
    bpf_link__destroy(link);
    return listed;
}

Result<std::vector<wh_seen_thread>> Tracer::list_threads(uint32_t tgid) {
    state_->skeleton->bss->list_tgid = tgid;
    return read_iterator<wh_seen_thread>(state_->threads_link);
}

bool Tracer::follows_system_calls() const { return state_->system_call_link != nullptr; }

Result<void> Tracer::follow_system_calls() {
    if (state_->system_call_link) return {};
    for (const SystemCall& row : system_calls()) state_->skeleton->bss->system_call_shapes[row.number] = row.shape;
    state_->system_call_link = bpf_program__attach(state_->skeleton->progs.on_system_call);
    if (!state_->system_call_link) return system_error("attach to the tracepoint of system calls", errno);
    return {};
}

void Tracer::set_process(uint16_t slot, const wh_process& process) {
    wh_process& place = state_->processes.items()[slot];
    place.tgid = process.tgid;
    place.flags = process.flags;
    std::atomic_ref(place.mm).store(process.mm, std::memory_order_release);
}

Result<void> Tracer::start_process(uint16_t slot, const wh_process& process) {
    uint32_t tgid = process.tgid;
    uint32_t index = slot;
    if (bpf_map__update_elem(state_->skeleton->maps.traced_tgids, &tgid, sizeof(tgid), &index, sizeof(index),
                             BPF_ANY) != 0)
        return system_error("note the traced process", errno);
    set_process(slot, process);
    return {};
}

bool Tracer::follows_goroutines(uint16_t slot) const { return state_->go_processes.items()[slot].is_known != 0; }

Result<void> Tracer::follow_goroutines(uint16_t slot, const wh_go_process& process, uint32_t room) {
    // The inner maps must be alike but for their size: as wh_goroutine_table in bpf/lib/goroutine.bpf.h.
    UniqueFd table(
        bpf_map_create(BPF_MAP_TYPE_HASH, "wh_goroutines", sizeof(uint64_t), sizeof(wh_lineage), room, nullptr));
    if (!table) return system_error("make the table of goroutines", errno);
    const uint32_t index = slot;
    const int fd = table.get();
    if (bpf_map_update_elem(bpf_map__fd(state_->skeleton->maps.goroutines), &index, &fd, BPF_ANY) != 0)
        return system_error("note the table of goroutines", errno);
    constexpr uint64_t kBytesAnEntry = 80;  // with what the kernel keeps of it
    state_->goroutine_table_bytes[slot] = kBytesAnEntry * room;
    wh_go_process known = process;
    known.is_known = 0;
    wh_go_process& place = state_->go_processes.items()[slot];
    place = known;
    std::atomic_ref(place.is_known).store(1, std::memory_order_release);
    return {};
}

void Tracer::follow_python(uint16_t slot, const wh_python_process& process) {
    forget_python(slot);
    wh_python_process known = process;
    known.is_known = 0;
    wh_python_process& place = state_->python_processes.items()[slot];
    place = known;
    std::atomic_ref(place.is_known).store(1, std::memory_order_release);
}

void Tracer::forget_python(uint16_t slot) {
    std::atomic_ref(state_->python_processes.items()[slot].is_known).store(0, std::memory_order_release);
}

void Tracer::follow_v8(uint16_t slot, const wh_v8_process& process) {
    forget_v8(slot);
    wh_v8_process known = process;
    known.is_known = 0;
    wh_v8_process& place = state_->v8_processes.items()[slot];
    place = known;
    std::atomic_ref(place.is_known).store(1, std::memory_order_release);
}

void Tracer::forget_v8(uint16_t slot) {
    std::atomic_ref(state_->v8_processes.items()[slot].is_known).store(0, std::memory_order_release);
}

void Tracer::set_go_heap(uint16_t slot, const wh_go_heap& heap) { state_->go_heaps.items()[slot] = heap; }

JsHeapTables& Tracer::js_heaps() { return *state_->js_heaps; }

std::optional<double> Tracer::go_sample_ns(uint16_t slot) const {
    constexpr uint64_t kEnough = 16;
    wh_go_heap& heap = state_->go_heaps.items()[slot];
    const uint64_t timed = std::atomic_ref(heap.timed).load(std::memory_order_relaxed);
    const uint64_t ns = std::atomic_ref(heap.timed_ns).load(std::memory_order_relaxed);
    if (timed < kEnough) return std::nullopt;
    return static_cast<double>(ns) / static_cast<double>(timed);
}

void Tracer::set_flags(uint16_t slot, uint32_t flags) { state_->processes.items()[slot].flags = flags; }

void Tracer::forget_goroutines(uint16_t slot) {
    std::atomic_ref(state_->go_processes.items()[slot].is_known).store(0, std::memory_order_release);
    const uint32_t index = slot;
    if (state_->goroutine_table_bytes.erase(slot) > 0)
        bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.goroutines), &index);
}

void Tracer::forget_process(uint16_t slot) {
    forget_goroutines(slot);
    forget_python(slot);
    forget_v8(slot);
    const wh_config& config = state_->config;
    auto clear_counters = [&](uint32_t stack) {
        for (unsigned shard = 0; shard < state_->shards; shard++)
            state_->stack_counters.items()[size_t{shard} * config.stack_stride + stack] = {};
    };
    uint32_t index = 1;
    for (wh_stack_bucket& bucket : state_->stacks.items())
        for (unsigned way = 0; way < WH_STACK_WAYS; way++, index++) {
            // A kind of 0: another process is just filling it.
            const uint32_t kind_process = bucket.kind_process[way];
            if (read_shared(bucket.hash[way]) == 0 || kind_process >> 16 != slot || (kind_process & 0xff) == 0)
                continue;
            clear_counters(index);
            bucket.kind_process[way] = 0;
            std::atomic_ref(bucket.hash[way]).store(0, std::memory_order_release);
            if (state_->old_kernel) state_->old_kernel->give_back_stack(index - 1);
        }
    for (uint32_t kind = 0; kind < WH_NO_STACK_KINDS; kind++)
        clear_counters(config.no_stack_base + WH_NO_STACK_ROW(kind, slot));
}

void Tracer::forget_probe(uint32_t probe) {
    for (unsigned shard = 0; shard < state_->shards; shard++)
        std::atomic_ref(state_->probe_hits.items()[size_t{shard} * WH_MAX_PROBES + probe])
            .store(0, std::memory_order_relaxed);
}

void Tracer::watch_execs() { state_->skeleton->bss->watches_execs = 1; }
void Tracer::follow_forks() { state_->skeleton->bss->follows_forks = 1; }

void Tracer::stop_process(uint16_t slot) {
    uint32_t tgid = state_->processes.items()[slot].tgid;
    set_process(slot, {.mm = 0, .tgid = tgid, .flags = 0});
    uint32_t index = 0;
    bpf_map* traced = state_->skeleton->maps.traced_tgids;
    if (bpf_map__lookup_elem(traced, &tgid, sizeof(tgid), &index, sizeof(index), 0) == 0 && index == slot)
        bpf_map__delete_elem(traced, &tgid, sizeof(tgid), 0);
}

}  // namespace whoholds
