// LibdwUnwinder: unwinds one stack from its registers and a copy of its memory, by the full unwind information as libdw reads it.
// Finishes the stacks that the kernel part had to leave incomplete, and is what the kernel part is compared with.
// Pure: mappings, files and memory are given. libdw's own unwinder is not used: where code has no information it follows frame
// pointers silently; here such a stack never counts as complete.
// Invariant: WH_STACK_DONE only if the walk ended where the information, or an entry point, says that there is no caller.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/shared/records.h"
#include "elf/elf_image.h"
#include "proc/process.h"

namespace whoholds {

// The registers of a function in the middle of its execution, right behind a call that has returned.
struct CalleeSavedRegisters {
    uint64_t rip = 0;  // a return address
    uint64_t rsp = 0;
    uint64_t rbp = 0;
    uint64_t rbx = 0;
    uint64_t r12 = 0;
    uint64_t r13 = 0;
    uint64_t r14 = 0;
    uint64_t r15 = 0;
};

// A return address that a return probe of the kernel took away from its place on the stack.
struct ReplacedReturn {
    uint64_t place = 0;
    uint64_t address = 0;
};

struct StackCopy {
    CalleeSavedRegisters registers;
    std::span<const uint8_t> bytes;              // of the memory from rsp on
    std::span<const ReplacedReturn> replaced{};  // whose places hold something else in bytes
};

struct UnwoundStack {
    std::vector<uint64_t> frames;  // as in wh_stack_record: return addresses, innermost first, the first is rip
    wh_stack_status status = WH_STACK_DONE;
};

// Whether code without unwind information keeps frame pointers.
enum class FramePointers : uint8_t { kNo, kPerhaps, kYes };

struct UnwindFiles {
    std::function<Result<ElfImage>(const Mapping& mapping)> open;
    // The image of the vDSO; it has no file.
    std::function<Result<std::vector<uint8_t>>(const Mapping& mapping)> read_memory;
    // Asked of executable mappings only; null: none keep them.
    std::function<FramePointers(const Mapping& mapping, uint64_t address)> frame_pointers;
};

class LibdwUnwinder {
public:
    explicit LibdwUnwinder(UnwindFiles files);
    LibdwUnwinder(LibdwUnwinder&&) noexcept;
    LibdwUnwinder& operator=(LibdwUnwinder&&) noexcept;
    ~LibdwUnwinder();

    // The mappings of the process from now on. Files are opened when a frame lies in them, and stay open as long as they are
    // mapped.
    void reset(const std::vector<Mapping>& mappings);

    // Never fails: what could not be done is the status.
    UnwoundStack unwind(const StackCopy& copy);

    // Files that could not be read and why.
    [[nodiscard]] const std::vector<std::string>& notes() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
