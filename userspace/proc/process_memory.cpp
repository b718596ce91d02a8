#include "proc/process_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "base/file.h"
#include "proc/proc_text.h"
#include "proc/stat.h"

namespace whoholds {
namespace {

constexpr size_t kMaxReadBytes = size_t{64} << 20;

std::string describe(pid_t pid, uint64_t address, size_t size) {
    return fmt::format("read {} bytes at {:#x} of pid {}", size, address, pid);
}

// What a short read means: 0 bytes is /proc/PID/mem's way to say that the address space is gone.
Error read_error(pid_t pid, uint64_t address, size_t size, ssize_t count) {
    const std::string what = describe(pid, address, size);
    if (count == 0) return {ErrorCode::kNotFound, what + ": the process has ended or runs another program"};
    // The two ways in say "not mapped" in two ways.
    if (errno == EIO || errno == EFAULT) return {ErrorCode::kNotFound, what + ": not mapped or not readable"};
    return system_error(what, errno);
}

}  // namespace

Result<ProcessMemory> ProcessMemory::open(const ProcRoot& root, pid_t pid) {
    ProcessMemory memory;
    memory.root_ = root;
    memory.pid_ = pid;
    WH_TRY(const ProcessStat stat, read_stat(root, pid));
    memory.start_ticks_ = stat.start_ticks;
    Result<UniqueFd> file = open_regular_file(process_path(root, pid, "mem"));
    if (file) {
        memory.mem_fd_ = *std::move(file);
        return memory;
    }
    if (file.error().code == ErrorCode::kNotFound) return no_such_process(pid);

    Result<ProcessMemory> by_call = open_by_call(root, pid);
    if (!by_call) return std::move(file).error();
    return by_call;
}

Result<ProcessMemory> ProcessMemory::open_by_call(const ProcRoot& root, pid_t pid) {
    // process_vm_readv takes numbers of our own PID namespace, which another /proc need not show.
    if (root.path != "/proc") return Error{ErrorCode::kUnsupported, "process_vm_readv: not our own /proc"};
    ProcessMemory memory;
    memory.root_ = root;
    memory.pid_ = pid;
    WH_TRY(const ProcessStat stat, read_stat(root, pid));
    memory.start_ticks_ = stat.start_ticks;
    // Address 0 is never mapped here: what it answers says whether we may look at all.
    uint8_t byte = 0;
    const iovec local{&byte, 1};
    const iovec remote{nullptr, 1};
    if (::process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0 && errno != EFAULT) {
        return system_error("process_vm_readv of pid " + std::to_string(pid), errno);
    }
    return memory;
}

Result<void> ProcessMemory::read_into(uint64_t address, std::span<uint8_t> buffer) const {
    if (buffer.size() > kMaxReadBytes) {
        return Error{ErrorCode::kLimit, describe(pid_, address, buffer.size()) + ": more than 64 MiB"};
    }
    if (buffer.size() > UINT64_MAX - address || address + buffer.size() > INT64_MAX) {
        return Error{ErrorCode::kInvalidArgument, describe(pid_, address, buffer.size()) + ": not a user address"};
    }
    if (!mem_fd_) return read_by_call(address, buffer);

    size_t done = 0;
    while (done < buffer.size()) {
        const ssize_t count =
            ::pread(mem_fd_.get(), buffer.data() + done, buffer.size() - done, static_cast<off_t>(address + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return read_error(pid_, address + done, buffer.size() - done, count);
        done += static_cast<size_t>(count);
    }
    return {};
}

Result<void> ProcessMemory::read_by_call(uint64_t address, std::span<uint8_t> buffer) const {
    size_t done = 0;
    while (done < buffer.size()) {
        const iovec local{buffer.data() + done, buffer.size() - done};
        const iovec remote{reinterpret_cast<void*>(address + done), buffer.size() - done};
        const ssize_t count = ::process_vm_readv(pid_, &local, 1, &remote, 1, 0);
        if (count <= 0) return read_error(pid_, address + done, buffer.size() - done, count);
        done += static_cast<size_t>(count);
    }
    // Nothing holds the number for us: had it been given to another process before the read, it would show now.
    WH_TRY(const ProcessStat now, read_stat(root_, pid_));
    if (now.start_ticks != start_ticks_) return no_such_process(pid_);
    return {};
}

Result<void> ProcessMemory::read_pieces(std::span<Piece> pieces) const {
    constexpr uint64_t kMaxGapBytes = 4096;  // a page that is read for nothing costs less than another call
    constexpr uint64_t kMaxRunBytes = uint64_t{1} << 20;
    std::vector<uint32_t> order(pieces.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::sort(order, {}, [&](uint32_t index) { return pieces[index].address; });
    std::vector<uint8_t> run;
    for (size_t first = 0, last = 0; first < order.size(); first = last) {
        const uint64_t start = pieces[order[first]].address;
        uint64_t end = start;
        for (last = first; last < order.size(); ++last) {
            const Piece& piece = pieces[order[last]];
            const uint64_t piece_end =
                piece.address + std::min<uint64_t>(piece.buffer.size(), UINT64_MAX - piece.address);
            const bool is_near = piece.address <= end || piece.address - end <= kMaxGapBytes;
            if (last > first && (!is_near || std::max(end, piece_end) - start > kMaxRunBytes)) break;
            end = std::max(end, piece_end);
        }
        run.resize(last - first > 1 ? end - start : 0);
        const bool is_read = !run.empty() && read_into(start, run);
        for (size_t i = first; i < last; ++i) {
            Piece& piece = pieces[order[i]];
            piece.is_read = is_read || read_into(piece.address, piece.buffer);
            if (is_read)
                std::copy_n(run.begin() + static_cast<ptrdiff_t>(piece.address - start), piece.buffer.size(),
                            piece.buffer.begin());
        }
    }
    return expect_same_process();
}

// That the process has ended or runs another program by now shows by the file, which is bound to its memory.
Result<void> ProcessMemory::expect_same_process() const {
    uint8_t byte = 0;
    if (mem_fd_ && ::pread(mem_fd_.get(), &byte, sizeof byte, 0) == 0) return no_such_process(pid_);
    return {};
}

Result<std::vector<uint8_t>> ProcessMemory::read(uint64_t address, size_t size) const {
    if (size > kMaxReadBytes) {
        return Error{ErrorCode::kLimit, describe(pid_, address, size) + ": more than 64 MiB"};
    }
    std::vector<uint8_t> bytes(size);
    WH_TRY_VOID(read_into(address, bytes));
    return bytes;
}

}  // namespace whoholds
