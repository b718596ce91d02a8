#include "stacks/kernel_side.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>
#include <utility>

#include "attach/attach_plan.h"
#include "base/unique_fd.h"
#include "bpf/kernel_features.h"
#include "bpf/mapped_array.h"
#include "bpf/shared/unwind.h"
#include "bpf/uprobe_link.h"
#include "check.skel.h"

namespace whoholds::stacks {

namespace {

constexpr uint32_t kNewsBytes = 1u << 18;

bool is_checked(const PlannedProbe& probe) {
    constexpr std::array<std::string_view, 3> kFunctions = {"malloc", "calloc", "realloc"};
    return probe.needs_return && probe.return_offsets.empty() &&
           std::ranges::find(kFunctions, probe.symbol) != kFunctions.end();
}

}  // namespace

struct KernelSide::State {
    check_programs* skeleton = nullptr;
    bpf_link* locate_link = nullptr;
    MappedArray<wh_mapping> mappings;
    MappedArray<wh_unwind_process> processes;
    std::optional<UnwindTables> tables;
    std::optional<RingReader> events;
    std::optional<RingReader> news;
    std::vector<UniqueFd> probes;
    bool loader_is_hooked = false;

    ~State() {
        probes.clear();
        bpf_link__destroy(locate_link);
        check_programs__destroy(skeleton);
    }

    void configure(uint32_t ring_bytes) const;
    Result<void> map_everything(uint32_t ring_bytes);
    Result<void> add_probes(const bpf_program* program, pid_t pid, const std::string& path,
                            const std::vector<uint64_t>& offsets, bool is_return);
};

KernelSide::KernelSide(std::unique_ptr<State> state) : state_(std::move(state)) {}
KernelSide::KernelSide(KernelSide&&) noexcept = default;
KernelSide::~KernelSide() = default;

void KernelSide::State::configure(uint32_t ring_bytes) const {
    struct stat self {};
    if (stat("/proc/self/ns/pid", &self) == 0) skeleton->rodata->config.pid_namespace_inode = self.st_ino;
    bpf_map__set_max_entries(skeleton->maps.events, ring_bytes);
    bpf_map__set_max_entries(skeleton->maps.ring, kNewsBytes);
    for (bpf_program* unused : {skeleton->progs.call_enter,
                                skeleton->progs.call_return,
                                skeleton->progs.call_release,
                                skeleton->progs.on_exec,
                                skeleton->progs.on_fork,
                                skeleton->progs.on_exit,
                                skeleton->progs.system_call_returned,
                                skeleton->progs.on_system_call,
                                skeleton->progs.list_descriptors,
                                skeleton->progs.list_threads,
                                skeleton->progs.go_created,
                                skeleton->progs.go_ended,
                                skeleton->progs.go_acquired,
                                skeleton->progs.go_released,
                                skeleton->progs.go_span_made,
                                skeleton->progs.go_marking_begins,
                                skeleton->progs.js_page_added,
                                skeleton->progs.js_scavenge_begins,
                                skeleton->progs.js_scavenge_ends,
                                skeleton->progs.js_marking_ends,
                                skeleton->progs.js_evacuation_ends,
                                skeleton->progs.js_heap_ends})
        bpf_program__set_autoload(unused, false);
    for (bpf_program* probe :
         {skeleton->progs.check_return, skeleton->progs.check_stranger, skeleton->progs.loader_changed})
        bpf_program__set_expected_attach_type(probe, kTraceUprobeMulti);
}

Result<void> KernelSide::State::map_everything(uint32_t ring_bytes) {
    WH_TRY_VOID(mappings.map(bpf_map__fd(skeleton->maps.mappings), "mappings", WH_MAX_MAPPINGS));
    WH_TRY_VOID(processes.map(bpf_map__fd(skeleton->maps.unwind_processes), "unwind_processes", WH_MAX_PROCESSES));
    WH_TRY(tables, UnwindTables::open({.arena = bpf_map__fd(skeleton->maps.arena),
                                       .mappings = bpf_map__fd(skeleton->maps.mappings),
                                       .processes = bpf_map__fd(skeleton->maps.unwind_processes),
                                       .rules = skeleton->bss->rules,
                                       .rule_cache = skeleton->bss->rule_cache}));
    WH_TRY(events, RingReader::open(bpf_map__fd(skeleton->maps.events), ring_bytes));
    WH_TRY(news, RingReader::open(bpf_map__fd(skeleton->maps.ring), kNewsBytes));
    return {};
}

Result<KernelSide> KernelSide::load(uint32_t ring_bytes) {
    if (!has_uprobe_multi()) return Error{ErrorCode::kUnsupported, "this kernel has no uprobe_multi links (Linux 6.6)"};
    libbpf_set_print(nullptr);
    auto state = std::make_unique<State>();
    state->skeleton = check_programs__open();
    if (!state->skeleton) return system_error("open the checker's BPF object", errno);
    state->configure(ring_bytes);
    if (int failed = check_programs__load(state->skeleton))
        return system_error("load the checker's BPF object", -failed);
    WH_TRY_VOID(state->map_everything(ring_bytes));
    state->locate_link = bpf_program__attach(state->skeleton->progs.locate);
    if (!state->locate_link) return system_error("attach the task iterator", errno);
    return KernelSide(std::move(state));
}

// The cookie holds the process's slot, which is 0, and nothing else that matters here.
Result<void> KernelSide::State::add_probes(const bpf_program* program, pid_t pid, const std::string& path,
                                           const std::vector<uint64_t>& offsets, bool is_return) {
    const std::vector<uint64_t> cookies(offsets.size());
    UniqueFd link(create_uprobe_multi(
        bpf_program__fd(program),
        {.path = path, .offsets = offsets, .cookies = cookies, .pid = pid, .is_return = is_return}));
    if (!link) return system_error("attach probes to " + path, errno);
    probes.push_back(std::move(link));
    return {};
}

Result<void> KernelSide::attach(pid_t pid, const std::vector<Mapping>& maps) {
    const AttachPlan plan = make_plan(pid, maps, {}, open_elf_of({}, pid));
    if (plan.loader_offset != 0) {
        WH_TRY_VOID(state_->add_probes(state_->skeleton->progs.loader_changed, pid, plan.loader_open_path,
                                       {plan.loader_offset}, false));
        state_->loader_is_hooked = true;
    }
    bool has_any = false;
    for (const ModulePlan& module : plan.modules) {
        std::vector<uint64_t> offsets;
        for (const PlannedProbe& probe : module.probes)
            if (is_checked(probe)) offsets.push_back(probe.entry_offset);
        if (offsets.empty()) continue;
        WH_TRY_VOID(state_->add_probes(state_->skeleton->progs.check_return, pid, module.open_path, offsets, true));
        has_any = true;
    }
    if (!has_any) return Error{ErrorCode::kNotFound, "the process has no module with malloc"};
    return {};
}

Result<void> KernelSide::attach_stranger(pid_t pid, const std::string& path, uint64_t offset) {
    return state_->add_probes(state_->skeleton->progs.check_stranger, pid, path, {offset}, true);
}

void KernelSide::detach() {
    close_gate();
    state_->probes.clear();
    state_->loader_is_hooked = false;
}

Result<std::optional<wh_located_task>> KernelSide::locate(pid_t pid) {
    state_->skeleton->bss->locate_tgid = static_cast<uint32_t>(pid);
    const UniqueFd iterator(bpf_iter_create(bpf_link__fd(state_->locate_link)));
    if (!iterator) return system_error("start the task iterator", errno);
    std::optional<wh_located_task> found;
    std::array<wh_located_task, 64> tasks;
    for (;;) {
        const ssize_t length = read(iterator.get(), tasks.data(), sizeof tasks);
        if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (length < 0) return system_error("read the task iterator", errno);
        if (length == 0) return found;
        for (size_t i = 0; i < static_cast<size_t>(length) / sizeof tasks[0]; i++)
            if (tasks[i].mm != 0) found = tasks[i];
    }
}

Result<void> KernelSide::open_gate(const wh_located_task& located) {
    const wh_process process{.mm = located.mm, .tgid = located.tgid, .flags = 0};
    const uint32_t slot = 0;
    if (bpf_map_update_elem(bpf_map__fd(state_->skeleton->maps.processes), &slot, &process, BPF_ANY) != 0)
        return system_error("note the checked process", errno);
    std::atomic_ref(state_->skeleton->bss->check_is_open).store(1);
    return {};
}

void KernelSide::close_gate() { std::atomic_ref(state_->skeleton->bss->check_is_open).store(0); }

UnwindTables& KernelSide::tables() { return *state_->tables; }
bool KernelSide::loader_is_hooked() const { return state_->loader_is_hooked; }

uint16_t KernelSide::mapping_flags(uint64_t address) const {
    const wh_unwind_process& process = state_->processes.items()[0];
    const auto known = state_->mappings.items().subspan(process.first, process.count);
    const auto found = std::ranges::find_if(
        known, [&](const wh_mapping& mapping) { return address >= mapping.start && address < mapping.end; });
    return found == known.end() ? uint16_t{0} : found->flags;
}

RingReader& KernelSide::events() { return *state_->events; }
int KernelSide::events_fd() const { return bpf_map__fd(state_->skeleton->maps.events); }

bool KernelSide::take_news() {
    bool has_news = false;
    state_->news->read_until(state_->news->producer_position(), [&](std::span<const std::byte>) { has_news = true; });
    return has_news;
}

uint64_t KernelSide::lost() const { return std::atomic_ref(state_->skeleton->bss->check_lost).load(); }

uint32_t KernelSide::verified_instructions() const {
    bpf_prog_info info{};
    uint32_t length = sizeof info;
    bpf_obj_get_info_by_fd(bpf_program__fd(state_->skeleton->progs.check_return), &info, &length);
    return info.verified_insns;
}

}  // namespace whoholds::stacks
