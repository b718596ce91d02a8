#include "runtime/go/go_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "elf/mapped_elf.h"
#include "runtime/go/self_checks.h"

namespace whoholds {
namespace {

constexpr size_t kMaxFiles = 1024;

// The first Go file, and the mapping of its code.
Result<std::pair<ElfImage, Mapping>> find_go_file(const ProcRoot& root, pid_t pid,
                                                  const std::vector<Mapping>& mappings) {
    std::set<std::tuple<uint32_t, uint32_t, uint64_t>> seen;
    Error error{ErrorCode::kNotFound, "no Go code is mapped"};
    for (const Mapping& mapping : mappings) {
        if (!mapping.executable || !mapping.is_file() || seen.size() >= kMaxFiles) continue;
        if (!seen.emplace(mapping.device_major, mapping.device_minor, mapping.inode).second) continue;
        std::string open_path;
        auto image = open_mapped_elf(root, pid, mapping, open_path);
        if (image && image->is_go()) return std::pair(*std::move(image), mapping);
        if (!image && seen.size() == 1) error = std::move(image).error();  // the program itself
    }
    return error;
}

std::optional<uint64_t> bias_of(const ElfImage& image, const Mapping& mapping) {
    for (const ElfSegment& segment : image.segments()) {
        const uint64_t end = segment.file_offset + segment.file_size;
        // Mappings begin at whole pages, which may be a little before the segment.
        if (segment.executable && mapping.file_offset < end && segment.file_offset < mapping.file_offset + 4096)
            return mapping.start - (segment.virtual_address - segment.file_offset + mapping.file_offset);
    }
    return std::nullopt;
}

}  // namespace

Result<GoProcess> GoProcess::open(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    WH_TRY(auto file, find_go_file(root, pid, mappings));
    WH_TRY(GoCode code, GoCode::open(file.first));
    const std::string version = code.build_info().go_version;
    const auto layout = go_layout(code.minor_version());
    if (!layout) return Error{ErrorCode::kUnsupported, fmt::format("made by {}, which is too old to be read", version)};
    const auto bias = bias_of(file.first, file.second);
    if (!bias) return Error{ErrorCode::kMalformed, "its code is not mapped as its file says"};
    auto variables = find_go_variables(file.first, code, *layout);
    if (!variables) return std::move(variables).error().with_context(version);

    WH_TRY(ProcessMemory memory, ProcessMemory::open(root, pid));
    GoProcess process(std::move(file.first), std::move(code), std::move(memory));
    process.layout_ = *layout;
    process.bias_ = *bias;
    process.path_ = file.second.path;
    process.variables_ = *variables;
    for (uint64_t* address :
         {&process.variables_.profile_buckets, &process.variables_.profile_cycle, &process.variables_.profile_rate,
          &process.variables_.goroutine_count, &process.variables_.goroutines, &process.variables_.heap,
          &process.variables_.memory_stats, &process.variables_.gc_controller, &process.variables_.max_procs})
        *address += *bias;
    if (auto checked = check_go_layout(process); !checked) return std::move(checked).error().with_context(version);
    return process;
}

}  // namespace whoholds
