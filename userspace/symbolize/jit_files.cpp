#include "symbolize/jit_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/printable.h"
#include "elf/mapped_elf.h"

namespace whoholds {
namespace {

constexpr size_t kMaxDumps = 8;
constexpr uint64_t kMaxPerfMapBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxDumpBytes = uint64_t{64} << 30;  // mostly code, which is skipped
constexpr size_t kChunkBytes = size_t{256} << 10;

uint64_t size_of(const UniqueFd& file) {
    struct stat info {};
    return ::fstat(file.get(), &info) == 0 && info.st_size > 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

// How many bytes came; fewer than asked for at the end of the file, which may have come nearer meanwhile.
size_t read_some(const UniqueFd& file, uint64_t offset, std::span<uint8_t> out) {
    size_t done = 0;
    while (done < out.size()) {
        const ssize_t count =
            ::pread(file.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += static_cast<size_t>(count);
    }
    return done;
}

bool names_a_dump(const Mapping& mapping) {
    const std::string_view name = std::string_view(mapping.path).substr(mapping.path.rfind('/') + 1);
    return mapping.executable && mapping.is_file() && name.starts_with("jit-") && name.ends_with(".dump");
}

}  // namespace

void JitFiles::update(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    is_fresh_ = false;
    if (!perf_map_file_) find_perf_map(root, pid);
    for (const Mapping& mapping : mappings) {
        if (names_a_dump(mapping)) find_dump(root, pid, mapping);
    }
}

void JitFiles::find_perf_map(const ProcRoot& root, pid_t pid) {
    const auto status = read_status(root, pid);
    if (!status) return;
    const pid_t own_pid = status->namespace_pids.empty() ? pid : status->namespace_pids.back();
    auto file = open_regular_file_in(root.path + "/" + std::to_string(pid) + "/root",
                                     "tmp/perf-" + std::to_string(own_pid) + ".map");
    if (file) perf_map_file_ = *std::move(file);
}

void JitFiles::find_dump(const ProcRoot& root, pid_t pid, const Mapping& mapping) {
    const Identity identity{uint64_t{mapping.device_major} << 32 | mapping.device_minor, mapping.inode};
    const bool known =
        std::any_of(dumps_.begin(), dumps_.end(), [&](const DumpFile& dump) { return dump.identity == identity; });
    if (known || dumps_.size() >= kMaxDumps) return;
    auto file = open_mapped_file(root, pid, mapping);
    DumpFile dump{.path = printable(mapping.path), .identity = identity};
    if (file) {
        dump.file = *std::move(file);
    } else {
        dump.error = file.error().message;
    }
    dumps_.push_back(std::move(dump));
}

// JITs append to these files. One that got shorter was begun anew.
bool JitFiles::read_perf_map(WorkBudget& budget) {
    if (!perf_map_file_) return true;
    perf_map_size_ = size_of(perf_map_file_);
    if (perf_map_size_ < perf_map_read_) {
        perf_map_ = {};
        perf_map_read_ = 0;
    }
    std::vector<uint8_t> chunk(kChunkBytes);
    const uint64_t end = std::min(perf_map_size_, kMaxPerfMapBytes);
    while (perf_map_read_ < end) {
        if (budget.is_used_up()) return false;
        const size_t wanted = std::min<uint64_t>(chunk.size(), end - perf_map_read_);
        const size_t count = read_some(perf_map_file_, perf_map_read_, std::span(chunk).first(wanted));
        if (count == 0) break;
        perf_map_.append({reinterpret_cast<const char*>(chunk.data()), count});
        perf_map_read_ += count;
    }
    return true;
}

bool JitFiles::read_dump(DumpFile& dump, WorkBudget& budget) {
    if (!dump.file) return true;
    dump.size = std::min(size_of(dump.file), kMaxDumpBytes);
    if (dump.size < dump.dump.position()) dump.dump = {};
    const JitDump::ReadAt read_at = [&](uint64_t offset, std::span<uint8_t> out) {
        return read_some(dump.file, offset, out) == out.size();
    };
    auto result = dump.dump.read(dump.size, read_at, [&] { return budget.is_used_up(); });
    if (!result) dump.error = dump.path + ": " + result.error().message;
    return dump.dump.is_read(dump.size);
}

std::optional<JitCodes::Place> JitFiles::find(uint64_t address, WorkBudget& budget) {
    if (!is_fresh_) {
        bool all_read = read_perf_map(budget);
        for (DumpFile& dump : dumps_) all_read = read_dump(dump, budget) && all_read;
        is_fresh_ = all_read;
    }
    for (const DumpFile& dump : dumps_) {
        if (const auto place = dump.dump.find(address)) return place;
    }
    const std::string_view name = perf_map_.find(address);
    if (name.empty()) return std::nullopt;
    return JitCodes::Place{.name = name};
}

std::vector<std::string> JitFiles::notes() const {
    std::vector<std::string> notes;
    if (perf_map_read_ < perf_map_size_) {
        notes.emplace_back(perf_map_read_ >= kMaxPerfMapBytes ? "perf map of the JIT: only the first GiB was read"
                                                              : "perf map of the JIT: not read to its end yet");
    }
    if (perf_map_.is_full()) notes.emplace_back("perf map of the JIT: too much code, the youngest has no names");
    for (const DumpFile& dump : dumps_) {
        if (!dump.error.empty()) notes.push_back(dump.error);
        if (dump.file && !dump.dump.is_read(dump.size)) notes.push_back(dump.path + ": not read to its end yet");
        if (dump.dump.is_full()) notes.push_back(dump.path + ": too much code, the youngest has no names");
    }
    return notes;
}

}  // namespace whoholds
