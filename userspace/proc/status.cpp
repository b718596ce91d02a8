#include <sys/stat.h>

#include <array>

#include "base/byte_reader.h"
#include "base/file.h"
#include "proc/proc_text.h"
#include "proc/process.h"
#include "proc/stat.h"
#include "proc/threads.h"

namespace whoholds {
namespace {

constexpr size_t kMaxStatusBytes = size_t{64} << 10;
constexpr uint32_t kKernelThreadFlag = 0x00200000;  // PF_KTHREAD, include/linux/sched.h

struct MachineName {
    uint16_t machine;
    std::string_view name;
};
constexpr std::array kMachineNames = {
    MachineName{3, "i386"},    MachineName{8, "mips"},        MachineName{20, "ppc"},    MachineName{21, "ppc64"},
    MachineName{22, "s390"},   MachineName{40, "arm"},        MachineName{62, "x86-64"}, MachineName{183, "aarch64"},
    MachineName{243, "riscv"}, MachineName{258, "loongarch"},
};

std::string machine_name(uint16_t machine) {
    for (const MachineName& row : kMachineNames) {
        if (row.machine == machine) return std::string(row.name);
    }
    return "ELF machine " + std::to_string(machine);
}

// Leaves both fields as they are for what is not ELF.
void read_exe_header(const ProcRoot& root, pid_t pid, ProcessStatus& status) {
    constexpr size_t kHeaderBytes = 20;  // e_ident, e_type, e_machine
    constexpr uint8_t kBigEndian = 2;
    const Result<UniqueFd> file = open_regular_file(process_path(root, pid, "exe"));
    if (!file) return;
    const Result<std::string> header = read_prefix(*file, kHeaderBytes);
    if (!header || !header->starts_with("\x7f"
                                        "ELF"))
        return;

    ByteReader reader({reinterpret_cast<const uint8_t*>(header->data()), header->size()});
    reader.skip(4);
    const uint8_t elf_class = reader.u8().value_or(0);
    const uint8_t byte_order = reader.u8().value_or(0);
    reader.seek(18);
    const uint16_t machine = reader.u16().value_or(0);
    if (!reader.ok()) return;
    status.pointer_bits = elf_class == 1 ? 32 : elf_class == 2 ? 64 : 0;
    status.machine = machine_name(byte_order == kBigEndian ? __builtin_bswap16(machine) : machine);
}

void read_exe(const ProcRoot& root, pid_t pid, ProcessStatus& status) {
    const std::string path = process_path(root, pid, "exe");
    Result<std::string> target = read_link(path);
    if (!target) return;
    status.exe = *std::move(target);
    read_exe_header(root, pid, status);
    if (!status.exe.ends_with(kDeletedSuffix)) return;

    struct stat info {};
    const bool known = ::stat(path.c_str(), &info) == 0;
    if (known && is_file_of_process(root, pid, status.exe, info.st_ino)) return;
    status.exe_deleted = true;
    status.exe.resize(status.exe.size() - kDeletedSuffix.size());
}

Result<std::string> read_status_text(const ProcRoot& root, pid_t pid) {
    Result<std::string> text = read_file_bounded(process_path(root, pid, "status"), kMaxStatusBytes);
    if (!text && text.error().code == ErrorCode::kNotFound) return no_such_process(pid);
    return text;
}

int seccomp_mode_of(std::string_view text) {
    return parse_number<int>(find_field(text, "Seccomp:").value_or("0")).value_or(0);
}

Error bad_field(pid_t pid, std::string_view key) {
    return {ErrorCode::kMalformed, "status of pid " + std::to_string(pid) + ": bad or missing " + std::string(key)};
}

Result<void> parse_status_text(std::string_view text, ProcessStatus& status) {
    const auto group = parse_number<pid_t>(find_field(text, "Tgid:").value_or(""));
    if (!group) return bad_field(status.pid, "Tgid");
    status.thread_group_id = *group;

    std::string_view uids = find_field(text, "Uid:").value_or("");
    cut_field(uids);  // the real one; the effective one follows
    const auto uid = parse_number<uint32_t>(cut_field(uids));
    if (!uid) return bad_field(status.pid, "Uid");
    status.uid = *uid;

    const auto threads = parse_number<uint32_t>(find_field(text, "Threads:").value_or(""));
    if (!threads) return bad_field(status.pid, "Threads");
    status.thread_count = *threads;
    status.tracer_pid = parse_number<pid_t>(find_field(text, "TracerPid:").value_or("0")).value_or(0);
    status.seccomp_mode = seccomp_mode_of(text);
    status.has_shadow_stack =
        find_field(text, "x86_Thread_features:").value_or("").find("shstk") != std::string_view::npos;

    std::string_view pids = find_field(text, "NSpid:").value_or("");
    for (std::string_view field = cut_field(pids); !field.empty(); field = cut_field(pids)) {
        const auto pid = parse_number<pid_t>(field);
        if (!pid) return bad_field(status.pid, "NSpid");
        status.namespace_pids.push_back(*pid);
    }
    if (status.namespace_pids.empty()) status.namespace_pids.push_back(status.pid);
    return {};
}

}  // namespace

bool is_file_of_process(const ProcRoot& root, pid_t pid, std::string_view path, uint64_t inode) {
    struct stat info {};
    // Its links lead where they lead for the process, never to a file of ours.
    const auto file = open_regular_file_in(process_path(root, pid, "root"), path);
    // No device number: overlayfs and btrfs show another one in maps than stat does.
    return file && ::fstat(file->get(), &info) == 0 && info.st_ino == inode;
}

Result<ProcessStatus> read_status(const ProcRoot& root, pid_t pid) {
    if (pid <= 0) return no_such_process(pid);
    constexpr int kAttempts = 3;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        WH_TRY(const ProcessStat before, read_stat(root, pid));
        WH_TRY(const std::string text, read_status_text(root, pid));
        ProcessStatus status;
        status.pid = pid;
        status.start_ticks = before.start_ticks;
        status.command = before.command;
        status.state = before.state;
        status.is_kernel_thread = (before.flags & kKernelThreadFlag) != 0;
        WH_TRY_VOID(parse_status_text(text, status));
        read_exe(root, pid, status);

        WH_TRY(const ProcessStat after, read_stat(root, pid));
        if (after.start_ticks == before.start_ticks) return status;
    }
    // The number went from process to process while we looked; none of them lives long enough to be seen.
    return no_such_process(pid);
}

int highest_seccomp_mode(const ProcRoot& root, pid_t pid) {
    constexpr int kFilterMode = 2;
    const Result<std::vector<pid_t>> tids = read_threads(root, pid);
    if (!tids) return 0;
    int highest = 0;
    for (const pid_t tid : *tids) {
        const std::string path = process_path(root, pid, "task/" + std::to_string(tid) + "/status");
        const Result<std::string> text = read_file_bounded(path, kMaxStatusBytes);
        if (text) highest = std::max(highest, seccomp_mode_of(*text));
        if (highest >= kFilterMode) break;
    }
    return highest;
}

}  // namespace whoholds
