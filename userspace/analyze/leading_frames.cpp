#include "analyze/leading_frames.h"

#include <algorithm>
#include <array>

#include "bpf/shared/records.h"
#include "bpf/shared/resource_kinds.h"
#include "runtime/native/system_calls.h"

namespace whoholds {

namespace {

bool is_taken_at_system_call(uint8_t kind) {
    return kind == WH_KIND_FD || kind == WH_KIND_SOCKET || kind == WH_KIND_THREAD || kind == WH_KIND_JOINABLE;
}

bool lies_in(uint64_t frame, std::span<const AddressRange> ranges) {
    const uint64_t address = frame & ~WH_FRAME_EXACT;
    return std::ranges::any_of(
        ranges, [&](const AddressRange& range) { return address > range.start && address <= range.end; });
}

}  // namespace

bool is_c_library(std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    constexpr auto kPrefixes =
        std::to_array<std::string_view>({"libc.so", "libc-", "libc.musl-", "ld-musl-", "libpthread.so", "libpthread-"});
    return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool is_system_call_wrapper(std::string_view function) {
    // musl and glibc in static programs, Go's packages.
    constexpr auto kPrefixes = std::to_array<std::string_view>(
        {"__syscall", "syscall.", "internal/runtime/syscall", "runtime/internal/syscall", "_IO_", "__libc_", "__GI_",
         "__open_nocancel", "__openat_nocancel", "__fcntl64_nocancel"});
    constexpr auto kNames = std::to_array<std::string_view>({"syscall",
                                                             "open64",
                                                             "openat64",
                                                             "creat64",
                                                             "__open64",
                                                             "__open64_nocancel",
                                                             "__openat64_nocancel",
                                                             "__open",
                                                             "fopen",
                                                             "fopen64",
                                                             "__fopen_internal",
                                                             "fdopen",
                                                             "freopen",
                                                             "tmpfile",
                                                             "popen",
                                                             "opendir",
                                                             "fdopendir",
                                                             "__clone",
                                                             "clone",
                                                             "clone3",
                                                             "__clone3",
                                                             "__clone_internal",
                                                             "create_thread",
                                                             "pthread_create",
                                                             "__pthread_create",
                                                             "__pthread_create_2_1",
                                                             "thrd_create",
                                                             "__socket",
                                                             "__dup2",
                                                             "__pipe2",
                                                             "__accept4",
                                                             "mkstemp",
                                                             "shm_open"});
    if (std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return function.starts_with(prefix); }))
        return true;
    if (std::ranges::find(kNames, function) != kNames.end()) return true;
    return std::ranges::any_of(system_calls(), [&](const SystemCall& row) { return row.name == function; });
}

size_t leading_frames(const StackInfo& info, uint8_t kind, std::span<const AddressRange> libc, Symbolizer& symbolizer) {
    if (!is_taken_at_system_call(kind) || info.frames.size() < 2) return 0;
    const size_t most = info.frames.size() - 1;
    size_t count = 0;
    while (count < info.frames.size() && lies_in(info.frames[count], libc)) count++;
    if (count > most) return 1;  // libc's own, all of it
    if (count > 0) return count;
    while (count < most) {
        const uint64_t frame = info.frames[count];
        const auto symbols = symbolizer.symbolize(frame & ~WH_FRAME_EXACT, (frame & WH_FRAME_EXACT) == 0, info.layout);
        if (symbols.empty() || !is_system_call_wrapper(symbols.back().function)) break;
        count++;
    }
    return count;
}

}  // namespace whoholds
