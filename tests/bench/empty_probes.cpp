#include "empty_probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "empty.skel.h"

namespace whoholds::bench {

namespace {

// linux/bpf.h of kernel 6.6; libbpf 1.1 and the headers beside it know neither.
constexpr uint32_t kTraceUprobeMulti = 48;
constexpr uint32_t kUprobeMultiReturn = 1;

struct UprobeMultiAttributes {
    uint32_t program_fd;
    uint32_t target_fd;
    uint32_t attach_type;
    uint32_t link_flags;
    uint64_t path;
    uint64_t offsets;
    uint64_t reference_counter_offsets;
    uint64_t cookies;
    uint32_t count;
    uint32_t flags;
    uint32_t pid;
    uint32_t padding;
};
static_assert(sizeof(UprobeMultiAttributes) == 64);

Result<UniqueFd> attach_multi(int program_fd, pid_t pid, const std::string& path, std::span<const uint64_t> offsets,
                              uint32_t flags) {
    UprobeMultiAttributes attributes{};
    attributes.program_fd = static_cast<uint32_t>(program_fd);
    attributes.attach_type = kTraceUprobeMulti;
    attributes.path = reinterpret_cast<uint64_t>(path.c_str());
    attributes.offsets = reinterpret_cast<uint64_t>(offsets.data());
    attributes.count = static_cast<uint32_t>(offsets.size());
    attributes.flags = flags;
    attributes.pid = static_cast<uint32_t>(pid);
    long fd = ::syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes);
    if (fd < 0) return system_error("attach a uprobe_multi link to " + path, errno);
    return UniqueFd(static_cast<int>(fd));
}

}  // namespace

struct EmptyProbes::State {
    empty_probes* skeleton = nullptr;
    ~State() { empty_probes__destroy(skeleton); }
};

EmptyProbes::EmptyProbes(std::unique_ptr<State> state) : state_(std::move(state)) {}
EmptyProbes::EmptyProbes(EmptyProbes&&) noexcept = default;
EmptyProbes::~EmptyProbes() = default;

Result<EmptyProbes> EmptyProbes::load() {
    libbpf_set_print(nullptr);
    auto state = std::make_unique<State>();
    state->skeleton = empty_probes__open();
    if (!state->skeleton) return system_error("open the empty BPF programs", errno);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, state->skeleton->obj) {
        bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(kTraceUprobeMulti));
    }
    if (int status = empty_probes__load(state->skeleton); status != 0) {
        return system_error("load the empty BPF programs", -status);
    }
    return EmptyProbes(std::move(state));
}

Result<Links> EmptyProbes::attach(pid_t pid, const ProbeSites& sites) const {
    int program_fd = bpf_program__fd(state_->skeleton->progs.empty);
    const uint64_t entries[] = {sites.malloc_offset, sites.free_offset};
    Links links;
    WH_TRY(links.entries, attach_multi(program_fd, pid, sites.path, entries, 0));
    WH_TRY(links.malloc_return, attach_multi(program_fd, pid, sites.path, {entries, 1}, kUprobeMultiReturn));
    return links;
}

Result<UniqueFd> EmptyProbes::attach_at(pid_t pid, const std::string& path,
                                        const std::vector<uint64_t>& offsets) const {
    return attach_multi(bpf_program__fd(state_->skeleton->progs.empty), pid, path, offsets, 0);
}

Result<UniqueFd> EmptyProbes::attach_learning(pid_t pid, const ProbeSites& sites) const {
    const uint64_t entry = sites.malloc_offset;
    return attach_multi(bpf_program__fd(state_->skeleton->progs.learn_tgid), pid, sites.path, {&entry, 1}, 0);
}

uint32_t EmptyProbes::learned_tgid() const { return state_->skeleton->bss->seen_tgid; }

}  // namespace whoholds::bench
