#include "bpf/kernel_features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "base/unique_fd.h"
#include "bpf/uprobe_link.h"
#include "proc/process.h"

namespace whoholds {

namespace {

constexpr uint32_t kUretprobeSyscall = 335;  // x86-64, Linux 6.11

UniqueFd load_empty_program(enum bpf_attach_type attach_type) {
    const std::array<bpf_insn, 2> program = {
        bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
        bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    };
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach_type);
    return UniqueFd(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "wh_empty", "GPL", program.data(), program.size(), &options));
}

// The filter of a careful container: system calls that its author did not know are fatal.
bool install_filter_against_uretprobe() {
    const std::array<sock_filter, 4> filter = {
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kUretprobeSyscall, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {.len = filter.size(), .filter = const_cast<sock_filter*>(filter.data())};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

[[gnu::noinline]] int probed_function(int value) {
    asm volatile("" : "+r"(value));
    return value + 1;
}

[[noreturn]] void be_probed(int go_fd) {
    char byte = 0;
    bool ready = install_filter_against_uretprobe() && read(go_fd, &byte, 1) == 1;
    _exit(ready && probed_function(1) == 2 ? 0 : 1);
}

uint64_t file_offset_of_probed_function() {
    auto address = reinterpret_cast<uint64_t>(&probed_function);
    auto maps = read_maps(ProcRoot{}, getpid());
    if (!maps) return 0;
    for (const Mapping& mapping : *maps)
        if (address >= mapping.start && address < mapping.end) return address - mapping.start + mapping.file_offset;
    return 0;
}

}  // namespace

bool has_uprobe_multi() {
    UniqueFd program = load_empty_program(kTraceUprobeMulti);
    if (!program) return false;
    // A folder is no file to probe: EBADF says that the kernel understood the request. A negative pid must be refused as such;
    // kernels that take it for a missing task (6.6 to 6.9) filter by thread and not by process.
    const uint64_t offset = 0;
    const uint64_t cookie = 0;
    UprobeMulti request{.path = "/", .offsets = {&offset, 1}, .cookies = {&cookie, 1}, .pid = 0, .is_return = false};
    UniqueFd link(create_uprobe_multi(program.get(), request));
    if (link || errno != EBADF) return false;
    request.pid = -1;
    link.reset(create_uprobe_multi(program.get(), request));
    return !link && errno == EINVAL;
}

bool has_attach_cookies() {
    return libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, nullptr) != 0;
}

bool return_probes_survive_seccomp() {
    // Return probes became a system call in Linux 6.11, after uprobe_multi links: without the one there is not the other.
    if (!has_uprobe_multi()) return true;
    int pipe_fds[2];
    if (pipe(pipe_fds) != 0) return false;
    UniqueFd go_read(pipe_fds[0]);
    UniqueFd go_write(pipe_fds[1]);
    UniqueFd program = load_empty_program(kTraceUprobeMulti);
    const uint64_t offset = file_offset_of_probed_function();
    if (!program || offset == 0) return false;
    pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
        go_write.reset();  // else it would wait for itself if the attach fails
        be_probed(go_read.get());
    }
    const uint64_t cookie = 0;
    UprobeMulti request{
        .path = "/proc/self/exe", .offsets = {&offset, 1}, .cookies = {&cookie, 1}, .pid = child, .is_return = true};
    UniqueFd link(create_uprobe_multi(program.get(), request));
    bool told = link && write(go_write.get(), "g", 1) == 1;
    go_write.reset();
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return told && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace whoholds
