#include "symbolize/symbolizer.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>
#include <utility>

#include "base/printable.h"
#include "elf/mapped_elf.h"
#include "proc/process_memory.h"
#include "symbolize/debug_downloads.h"
#include "symbolize/jit_files.h"
#include "symbolize/mapping_history.h"
#include "symbolize/module_symbols.h"
#include "symbolize/work_budget.h"

namespace whoholds {
namespace {

constexpr size_t kMaxModules = 16'384;
constexpr size_t kMaxFilesOpenedEarly = 400;  // below the usual limit of 1,024 descriptors, which we share
constexpr size_t kMaxCachedAddresses = 200'000;
constexpr uint64_t kMaxVdsoBytes = uint64_t{1} << 20;
constexpr std::string_view kVdso = "[vdso]";

struct Module {
    Mapping first_mapping;
    std::optional<ModuleSymbols> symbols;
    std::string open_error;  // why symbols stayed empty
    bool open_tried = false;
    bool download_requested = false;
    bool download_ended = false;
    std::string download_error;
};

}  // namespace

uint64_t monotonic_ms() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

struct Symbolizer::State {
    using ModuleKey = std::tuple<uint32_t, uint32_t, uint64_t, std::string>;  // device, inode, path

    ProcRoot root;
    pid_t pid = 0;
    std::vector<Module> modules;
    absl::flat_hash_map<ModuleKey, size_t> module_of;
    MappingHistory history;
    // By program counter, whether it is a return address, module, and where the module's file would begin: an address
    // that came to mean other code is another key.
    using CacheKey = std::tuple<uint64_t, bool, size_t, uint64_t>;
    absl::flat_hash_map<CacheKey, std::vector<Frame>> cache;
    WorkBudget budget;
    DebugDownloads* downloads = nullptr;
    size_t files_open = 0;
    JitFiles jit_files;
    std::vector<std::string> notes;

    size_t module_index(const Mapping& mapping);
    void open_module(Module& module);
    void request_download(Module& module);
    void take_downloads();
    Result<ElfImage> read_vdso(const Mapping& mapping) const;
    std::vector<Frame> describe(const ModuleMapping& mapping, uint64_t pc, uint64_t lookup, bool& complete);
    std::vector<Frame> describe_in_file(Module& module, const Frame& base, uint64_t lookup, uint64_t offset,
                                        bool& complete);
    std::optional<Frame> describe_jit(Frame frame, uint64_t lookup);
    void note(const std::string& sentence);
};

void Symbolizer::State::note(const std::string& sentence) {
    constexpr size_t kMaxNotes = 100;
    const std::string shown = printable(sentence);
    if (notes.size() < kMaxNotes && std::find(notes.begin(), notes.end(), shown) == notes.end()) notes.push_back(shown);
}

size_t Symbolizer::State::module_index(const Mapping& mapping) {
    const auto [found, is_new] = module_of.try_emplace(
        ModuleKey(mapping.device_major, mapping.device_minor, mapping.inode, mapping.path), modules.size());
    if (is_new) {
        modules.push_back({.first_mapping = mapping});
        const bool worth_it = mapping.is_file() || mapping.path == kVdso;
        if (worth_it && files_open < kMaxFilesOpenedEarly) open_module(modules.back());
    }
    return found->second;
}

Result<ElfImage> Symbolizer::State::read_vdso(const Mapping& mapping) const {
    if (mapping.end - mapping.start > kMaxVdsoBytes) return Error{ErrorCode::kLimit, "larger than 1 MiB"};
    WH_TRY(const ProcessMemory memory, ProcessMemory::open(root, pid));
    WH_TRY(std::vector<uint8_t> bytes, memory.read(mapping.start, mapping.end - mapping.start));
    return ElfImage::from_bytes(std::move(bytes), std::string(kVdso));
}

void Symbolizer::State::open_module(Module& module) {
    module.open_tried = true;
    const Mapping& mapping = module.first_mapping;
    std::string open_path;
    auto image = mapping.path == kVdso ? read_vdso(mapping)
                 : mapping.is_file()   ? open_mapped_elf(root, pid, mapping, open_path)
                                       : Result<ElfImage>(Error{ErrorCode::kNotFound, ""});
    if (image) {
        ++files_open;
        module.symbols.emplace(*std::move(image), debug_options_of(root, pid, mapping), printable(mapping.path));
    } else {
        module.open_error = image.error().message;
    }
}

void Symbolizer::State::request_download(Module& module) {
    const std::string& build_id = module.symbols->image().build_id();
    if (build_id.empty() || !module.first_mapping.is_file()) return;
    module.download_requested = true;
    if (downloads->find(build_id) == nullptr) {
        budget.tell("asking debuginfod for debug information of " + printable(module.first_mapping.path) + "…");
    }
    downloads->request(build_id);
}

void Symbolizer::State::take_downloads() {
    if (downloads == nullptr) return;
    downloads->poll();
    for (Module& module : modules) {
        if (!module.download_requested || module.download_ended) continue;
        const auto* download = downloads->find(module.symbols->image().build_id());
        if (download != nullptr && download->state == DebugDownloads::State::kWaiting) continue;
        module.download_ended = true;
        if (download == nullptr || download->state == DebugDownloads::State::kFailed) {
            module.download_error = download == nullptr ? "too many downloads" : download->error;
            continue;
        }
        module.symbols->add_debug_file(ElfImage::open(download->path));
        cache.clear();
    }
}

std::optional<Frame> Symbolizer::State::describe_jit(Frame frame, uint64_t lookup) {
    const auto place = jit_files.find(lookup, budget);
    if (!place) return std::nullopt;
    frame.module = "[jit]";
    frame.raw_function = place->name;
    frame.function = printable(place->name);
    frame.file = printable(place->file);
    frame.line = static_cast<int>(place->line);
    return frame;
}

std::vector<Frame> Symbolizer::State::describe_in_file(Module& module, const Frame& base, uint64_t lookup,
                                                       uint64_t offset, bool& complete) {
    const ElfImage& image = module.symbols->image();
    Frame common = base;
    common.build_id = image.build_id();
    const auto address = image.address_of(offset);
    if (!address) return {common};
    common.module_address = *address + (base.address - lookup);

    ModuleSymbols::Answer answer = module.symbols->find(*address, budget);
    if (downloads != nullptr && !module.download_requested && module.symbols->lacks_lines()) request_download(module);
    complete = answer.complete;
    std::vector<Frame> frames;
    for (SourceFrame& source : answer.frames) {
        Frame frame = common;
        frame.function =
            answer.own_go_modules != nullptr ? printable(source.function) : demangle_short(source.function);
        if (answer.own_go_modules != nullptr) frame.go = go_origin_of(source.function, *answer.own_go_modules);
        frame.raw_function = std::move(source.function);
        frame.file = printable(source.file);
        frame.line = source.line;
        frame.inlined = frames.size() + 1 < answer.frames.size();
        frames.push_back(std::move(frame));
    }
    return frames;
}

// complete: the same answer will hold for good.
std::vector<Frame> Symbolizer::State::describe(const ModuleMapping& mapping, uint64_t pc, uint64_t lookup,
                                               bool& complete) {
    Frame base;
    base.address = pc;
    Module& module = modules[mapping.module];
    if (!module.open_tried) open_module(module);
    base.module = module.first_mapping.path;
    if (module.symbols) {
        return describe_in_file(module, base, lookup, lookup - mapping.start + mapping.file_offset, complete);
    }
    complete = false;  // a JIT goes on making code
    if (auto frame = describe_jit(base, lookup)) return {*std::move(frame)};
    if (base.module.empty()) base.module = "[jit]";
    if (!module.open_error.empty()) note(module.open_error);
    return {base};
}

Symbolizer::Symbolizer(ProcRoot root, pid_t pid) : state_(std::make_unique<State>()) {
    state_->root = std::move(root);
    state_->pid = pid;
}
Symbolizer::~Symbolizer() = default;
Symbolizer::Symbolizer(Symbolizer&&) noexcept = default;
Symbolizer& Symbolizer::operator=(Symbolizer&&) noexcept = default;

void Symbolizer::set_budget_ms(uint64_t budget_ms, std::function<uint64_t()> now_ms) {
    state_->budget.start_batch(budget_ms, std::move(now_ms));
    state_->take_downloads();
}

void Symbolizer::on_progress(std::function<void(const std::string&)> progress) {
    state_->budget.set_listener(std::move(progress));
}

void Symbolizer::on_much_memory(std::function<uint64_t()> bytes_to_spare) {
    state_->budget.set_spare(std::move(bytes_to_spare));
}

void Symbolizer::use_downloads(DebugDownloads* downloads) { state_->downloads = downloads; }

void Symbolizer::update_mappings(const std::vector<Mapping>& mappings, uint32_t layout) {
    std::vector<ModuleMapping> now;
    bool may_have_jit = false;
    for (const Mapping& mapping : mappings) {
        if (!mapping.executable || state_->modules.size() >= kMaxModules) continue;
        const size_t index = state_->module_index(mapping);
        const uint64_t offset = mapping.path == kVdso ? 0 : mapping.file_offset;
        now.push_back({.start = mapping.start, .end = mapping.end, .file_offset = offset, .module = index});
        may_have_jit = may_have_jit || !state_->modules[index].symbols;
    }
    if (may_have_jit) state_->jit_files.update(state_->root, state_->pid, mappings);
    state_->history.update(std::move(now), layout);
    state_->take_downloads();
}

std::vector<Frame> Symbolizer::symbolize(uint64_t pc, bool is_return_address, uint32_t layout) {
    const uint64_t lookup = is_return_address && pc > 0 ? pc - 1 : pc;
    const ModuleMapping* mapping = state_->history.find(lookup, layout);
    if (mapping == nullptr) return {Frame{.address = pc}};
    const State::CacheKey key(pc, is_return_address, mapping->module, mapping->start - mapping->file_offset);
    if (const auto cached = state_->cache.find(key); cached != state_->cache.end()) return cached->second;
    bool complete = true;
    std::vector<Frame> frames = state_->describe(*mapping, pc, lookup, complete);
    if (state_->cache.size() >= kMaxCachedAddresses) state_->cache.clear();
    if (complete) state_->cache.emplace(key, frames);
    return frames;
}

const ElfImage* Symbolizer::image_of(std::string_view module) const {
    const auto& modules = state_->modules;
    const auto found = std::ranges::find_if(
        modules, [&](const Module& one) { return one.symbols && one.first_mapping.path == module; });
    return found == modules.end() ? nullptr : &found->symbols->image();
}

std::vector<std::string> Symbolizer::notes() const {
    std::vector<std::string> notes = state_->notes;
    for (const Module& module : state_->modules) {
        if (!module.symbols) continue;
        const std::string name = printable(module.first_mapping.path);
        for (const std::string& sentence : module.symbols->notes()) notes.push_back(name + ": " + printable(sentence));
        if (!module.download_error.empty()) {
            notes.push_back(name + ": no debug information from debuginfod: " + module.download_error);
        } else if (module.download_requested && !module.download_ended) {
            notes.push_back(name + ": debug information is being fetched from debuginfod");
        }
    }
    for (std::string& sentence : state_->jit_files.notes()) notes.push_back(std::move(sentence));
    return notes;
}

}  // namespace whoholds
