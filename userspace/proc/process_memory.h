// Reads bytes of another process. Never writes, never stops it. Used by the readers of runtimes (Go, CPython) and of
// vDSO images.
// By /proc/PID/mem, which stays bound to the address space that was opened: after exec or exit reads fail, they never
// reach the program that came after it, nor a process that got the same number. Where that file cannot be opened,
// by process_vm_readv, with the start time compared after each read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "proc/process.h"

namespace whoholds {

class ProcessMemory {
public:
    static Result<ProcessMemory> open(const ProcRoot& root, pid_t pid);
    // The second way alone; open() comes to it by itself.
    static Result<ProcessMemory> open_by_call(const ProcRoot& root, pid_t pid);
    // Reads exactly size bytes at address, or an error. At most 64 MiB a call.
    Result<std::vector<uint8_t>> read(uint64_t address, size_t size) const;
    // The same into a buffer of the caller; nothing in it is to be used after an error.
    Result<void> read_into(uint64_t address, std::span<uint8_t> buffer) const;
    struct Piece {
        uint64_t address = 0;
        std::span<uint8_t> buffer;
        bool is_read = false;  // what read_pieces() found
    };
    // Many pieces at once; those that lie close together take one call. Pieces that are not mapped stay unread; an error
    // only when the process is gone.
    Result<void> read_pieces(std::span<Piece> pieces) const;
    template <class T>
    requires std::is_trivially_copyable_v<T> Result<T> read_object(uint64_t address)
    const {
        T object{};
        WH_TRY_VOID(read_into(address, {reinterpret_cast<uint8_t*>(&object), sizeof object}));
        return object;
    }

private:
    Result<void> read_by_call(uint64_t address, std::span<uint8_t> buffer) const;
    Result<void> expect_same_process() const;

    ProcRoot root_;
    pid_t pid_ = 0;
    uint64_t start_ticks_ = 0;
    UniqueFd mem_fd_;  // none: read_by_call
};

}  // namespace whoholds
