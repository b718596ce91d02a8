#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "attach/attach_plan.h"
#include "attach/call_shape.h"
#include "attach/descriptor_plan.h"
#include "attach/go_plan.h"
#include "attach/module_planner.h"
#include "attach/pair_search.h"

namespace whoholds {
namespace {

// A process maps some hundred files; thousands are an attack or a mistake.
constexpr size_t kMaxModules = 4096;

// One file that is mapped with execute permission, whatever number of pieces it is mapped in. Modules are found by what is
// mapped, never by searching for libraries (T16, T30).
struct MappedFile {
    const Mapping* code = nullptr;  // its first executable mapping
    uint64_t first_address = UINT64_MAX;
    uint64_t end_address = 0;
};

std::vector<MappedFile> executable_files(const std::vector<Mapping>& mappings) {
    using Identity = std::tuple<uint32_t, uint32_t, uint64_t, std::string_view>;
    std::map<Identity, MappedFile> by_identity;
    for (const Mapping& mapping : mappings) {
        if (!mapping.is_file()) continue;
        MappedFile& file = by_identity[{mapping.device_major, mapping.device_minor, mapping.inode, mapping.path}];
        file.first_address = std::min(file.first_address, mapping.start);
        file.end_address = std::max(file.end_address, mapping.end);
        if (mapping.executable && file.code == nullptr) file.code = &mapping;
    }
    std::vector<MappedFile> files;
    for (const auto& [identity, file] : by_identity) {
        if (file.code != nullptr) files.push_back(file);
    }
    std::sort(files.begin(), files.end(),
              [](const MappedFile& a, const MappedFile& b) { return a.first_address < b.first_address; });
    return files;
}

ElfImage::SymbolOptions symbol_options(const PlanOptions& options, const std::string& path) {
    ElfImage::SymbolOptions result;
    if (options.target_root.empty()) return result;
    result.debug_roots.insert(result.debug_roots.begin(), options.target_root + "/usr/lib/debug");
    result.debug_directory = options.target_root + path.substr(0, path.rfind('/'));
    return result;
}

class Planner {
public:
    Planner(const PlanOptions& options, const OpenElf& open_elf, AttachPlan& plan)
        : options_(options), open_elf_(open_elf), descriptors_(options), plan_(plan), search_(options.pairs) {}

    void add(const MappedFile& file) {
        const Mapping& mapping = *file.code;
        ModulePlan module{.path = mapping.path,
                          .device_major = mapping.device_major,
                          .device_minor = mapping.device_minor,
                          .inode = mapping.inode,
                          .first_address = file.first_address,
                          .end_address = file.end_address};
        auto elf = open_elf_(mapping, module.open_path);
        if (!elf) return skip(mapping.path, elf.error().message);
        auto code = read_module(*elf, symbol_options(options_, mapping.path), search_.wanted_in(mapping.path));
        if (!code) return skip(mapping.path, code.error().message);
        module.build_id = elf->build_id();

        note_loader(*code, module);
        plan_module(*code, options_, module, plan_.skipped, search_);
        descriptors_.add(*code, module);
        if (code->is_go) plan_go_module(*elf, options_, module, plan_.skipped, search_);
        if (!module.is_empty()) plan_.modules.push_back(std::move(module));
    }

    void finish() {
        descriptors_.decide(plan_);
        keep_within_limit();
    }

    void skip(const std::string& what, const std::string& why) { plan_.skipped.push_back({what, why}); }

    void settle_pairs() { search_.settle(options_, plan_); }

private:
    void note_loader(const ModuleCode& code, const ModulePlan& module) {
        if (const auto offset = loader_hook(code, module.path)) {
            plan_.loader_open_path = module.open_path;
            plan_.loader_offset = *offset;
        } else if (is_loader_path(module.path) && plan_.loader_offset == 0) {
            skip("the dynamic linker's hook in " + module.path,
                 "_dl_debug_state not found: later libraries are learnt of by their mappings only");
        }
    }

    // The cookie has 13 bits for the number of the probe.
    void keep_within_limit() {
        size_t room = kMaxProbes;
        for (ModulePlan& module : plan_.modules) {
            for (; module.sites.size() > room; module.sites.pop_back())
                skip_for_number(module.sites.back().name, module.path);
            room -= module.sites.size();
            for (; module.probes.size() > room; module.probes.pop_back())
                skip_for_number(module.probes.back().symbol, module.path);
            room -= module.probes.size();
            for (; module.go_probes.size() > room; module.go_probes.pop_back())
                skip_for_number(module.go_probes.back().symbol, module.path);
            room -= module.go_probes.size();
        }
        std::erase_if(plan_.modules, [](const ModulePlan& module) { return module.is_empty(); });
    }

    void skip_for_number(const std::string& what, const std::string& path) {
        skip(what + " in " + path, "more than " + std::to_string(kMaxProbes) + " probes in one process");
    }

    const PlanOptions& options_;
    const OpenElf& open_elf_;
    DescriptorPlanner descriptors_;
    AttachPlan& plan_;
    PairSearch search_;
};

}  // namespace

size_t AttachPlan::probe_count() const {
    size_t count = 0;
    for (const ModulePlan& module : modules) count += module.probes.size();
    return count;
}

size_t AttachPlan::go_probe_count() const {
    size_t count = 0;
    for (const ModulePlan& module : modules) count += module.go_probes.size();
    return count;
}

size_t AttachPlan::site_count() const {
    size_t count = 0;
    for (const ModulePlan& module : modules) count += module.sites.size();
    return count;
}

AttachPlan make_plan(pid_t pid, const std::vector<Mapping>& mappings, const PlanOptions& options,
                     const OpenElf& open_elf) {
    AttachPlan plan;
    plan.pid = pid;
    if (!options.wants_calls()) return plan;
    Planner planner(options, open_elf, plan);
    const std::vector<MappedFile> files = executable_files(mappings);
    for (size_t i = 0; i < files.size() && i < kMaxModules; ++i) planner.add(files[i]);
    planner.finish();
    if (files.size() > kMaxModules) {
        planner.skip(std::to_string(files.size() - kMaxModules) + " mapped files",
                     "only the first " + std::to_string(kMaxModules) + " are looked at");
    }
    planner.settle_pairs();
    return plan;
}

}  // namespace whoholds
