#include "attach/plan_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

namespace whoholds {
namespace {

// The first executable mapping of each file, in the order of addresses: what a planner goes by.
std::vector<const Mapping*> code_of_files(const std::vector<Mapping>& mappings) {
    std::vector<const Mapping*> files;
    for (const Mapping& mapping : mappings) {
        if (!mapping.is_file() || !mapping.executable) continue;
        const bool is_known = std::ranges::any_of(files, [&](const Mapping* one) {
            return one->inode == mapping.inode && one->device_major == mapping.device_major &&
                   one->device_minor == mapping.device_minor && one->path == mapping.path;
        });
        if (!is_known) files.push_back(&mapping);
    }
    return files;
}

std::string map_files_path(const ProcRoot& root, pid_t pid, const Mapping& mapping) {
    return fmt::format("{}/{}/map_files/{:x}-{:x}", root.path, pid, mapping.start, mapping.end);
}

// All that a plan depends on. nullopt: not everything can be looked at by the kernel's own links, so there is no certainty.
std::optional<std::string> key_of(const ProcRoot& root, pid_t pid, const std::vector<const Mapping*>& files,
                                  const PlanOptions& options) {
    std::string key = fmt::format("{} {} {}", options.return_probes_allowed, options.cheap_detach, files.size());
    for (const Mapping* file : files) {
        struct stat info {};
        if (::stat(map_files_path(root, pid, *file).c_str(), &info) != 0 || info.st_ino != file->inode)
            return std::nullopt;
        key +=
            fmt::format("\n{:x}:{:x}:{} {}.{} {}.{} {} {}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                        info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec, file->path.size(), file->path);
    }
    return key;
}

struct Extent {
    uint64_t first = UINT64_MAX;
    uint64_t end = 0;
};

Extent extent_of(const std::vector<Mapping>& mappings, const Mapping& file) {
    Extent extent;
    for (const Mapping& mapping : mappings) {
        if (mapping.inode != file.inode || mapping.path != file.path || mapping.device_major != file.device_major ||
            mapping.device_minor != file.device_minor)
            continue;
        extent.first = std::min(extent.first, mapping.start);
        extent.end = std::max(extent.end, mapping.end);
    }
    return extent;
}

// The same plan for another process: only where its files are and how they are opened differs.
AttachPlan for_process(AttachPlan plan, size_t loader_file, const ProcRoot& root, pid_t pid,
                       const std::vector<Mapping>& mappings, const std::vector<const Mapping*>& files) {
    plan.pid = pid;
    for (ModulePlan& module : plan.modules) {
        const auto file = std::ranges::find_if(files, [&](const Mapping* one) {
            return one->inode == module.inode && one->path == module.path && one->device_major == module.device_major &&
                   one->device_minor == module.device_minor;
        });
        if (file == files.end()) continue;
        const Extent extent = extent_of(mappings, **file);
        module.first_address = extent.first;
        module.end_address = extent.end;
        module.open_path = map_files_path(root, pid, **file);
    }
    if (plan.loader_offset != 0) plan.loader_open_path = map_files_path(root, pid, *files[loader_file]);
    return plan;
}

// Whether all that is opened is opened by the kernel's own links; and which of the files the dynamic linker is.
std::optional<size_t> loader_file_of(const AttachPlan& plan, const ProcRoot& root, pid_t pid,
                                     const std::vector<const Mapping*>& files) {
    const std::string links = fmt::format("{}/{}/map_files/", root.path, pid);
    for (const ModulePlan& module : plan.modules)
        if (!module.open_path.starts_with(links)) return std::nullopt;
    if (plan.loader_offset == 0) return 0;
    for (size_t i = 0; i < files.size(); i++)
        if (map_files_path(root, pid, *files[i]) == plan.loader_open_path) return i;
    return std::nullopt;
}

}  // namespace

AttachPlan PlanCache::plan(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings,
                           const PlanOptions& options) {
    const std::vector<const Mapping*> files = code_of_files(mappings);
    const std::optional<std::string> key = key_of(root, pid, files, options);
    if (!key) return make_plan(pid, mappings, options, open_elf_of(root, pid));
    if (auto known = plans_.find(*key); known != plans_.end()) {
        hits_++;
        return for_process(known->second.plan, known->second.loader_file, root, pid, mappings, files);
    }
    AttachPlan made = make_plan(pid, mappings, options, open_elf_of(root, pid));
    if (plans_.size() >= kMaxPlans) plans_.clear();
    if (auto loader_file = loader_file_of(made, root, pid, files)) plans_[*key] = {made, *loader_file};
    return made;
}

}  // namespace whoholds
