#include "bpf/target.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/human.h"
#include "base/printable.h"
#include "bpf/kernel_features.h"
#include "bpf/live_source.h"
#include "bpf/shared/call_shape.h"
#include "bpf/shared/resource_kinds.h"
#include "proc/memory_headroom.h"
#include "proc/rights.h"
#include "proc/stat.h"
#include "proc/system.h"

namespace whoholds {

namespace {

constexpr int kSeccompFilter = 2;

std::pair<uint64_t, uint64_t> identity_of(const Mapping& mapping) {
    return {static_cast<uint64_t>(mapping.device_major) << 32 | mapping.device_minor, mapping.inode};
}

SessionError untraceable(std::string message) {
    return {FailureKind::kUntraceable, {ErrorCode::kUnsupported, std::move(message)}};
}

// An allocator, or the libc that mmap lives in: a mapping made from there is an arena or a thread's stack, and not one that the
// program made itself. (Inside malloc the BPF programs see that; inside free, which has no return probe, they cannot.)
bool makes_mappings_of_its_own(const ModulePlan& module) {
    return module.is_allocator || std::ranges::any_of(module.probes, [](const PlannedProbe& probe) {
               return WH_SHAPE_GET(probe.shape, KIND) == WH_KIND_MAPPING;
           });
}

// Mappings as the kernel is going to make them for a file that is not mapped yet.
std::optional<Mapping> mapping_to_be(const std::string& path) {
    struct stat file {};
    if (path.empty() || stat(path.c_str(), &file) != 0) return std::nullopt;
    Mapping mapping;
    mapping.readable = mapping.executable = true;
    mapping.inode = file.st_ino;
    mapping.device_major = static_cast<uint32_t>(file.st_dev >> 8);
    // As the kernel is going to show it.
    std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
    mapping.path = real ? real.get() : path;
    return mapping;
}

// Some kernels show the mappings of a process with more rights than ours, but not its files.
bool is_hidden_from_us(const ProcRoot& root, pid_t pid) {
    if (auto maps = read_maps(root, pid); !maps && maps.error().code == ErrorCode::kPermission) return true;
    const std::string files = fmt::format("{}/{}/root/", root.path, pid);
    return access(files.c_str(), F_OK) != 0 && (errno == EACCES || errno == EPERM);
}

}  // namespace

std::optional<SessionError> check_traceable(const ProcRoot& root, pid_t pid) {
    auto status = read_status(root, pid);
    if (!status) {
        if (status.error().code == ErrorCode::kNotFound)
            return untraceable(fmt::format(
                "there is no process {}: check the number (in a container, the number that ps shows there)", pid));
        return SessionError{
            status.error().code == ErrorCode::kPermission ? FailureKind::kNoRights : FailureKind::kOther,
            std::move(status).error()};
    }
    if (status->is_kernel_thread)
        return untraceable(fmt::format("process {} is a kernel thread: it has no memory of its own to trace", pid));
    if (status->state == 'Z' || status->state == 'X')
        return untraceable(fmt::format("process {} has exited already and only waits to be reaped", pid));
    if (status->pointer_bits == 32)
        return untraceable(
            fmt::format("process {} is a 32-bit program: whoholds traces 64-bit x86-64 programs only", pid));
    if (status->pointer_bits == 64 && status->machine != "x86-64")
        return untraceable(
            fmt::format("process {} is a {} program: whoholds traces x86-64 programs only", pid, status->machine));
    if (is_hidden_from_us(root, pid))
        return SessionError{
            FailureKind::kNoRights,
            {ErrorCode::kPermission, fmt::format("process {} may not be inspected: {}", pid,
                                                 why_refused(read_own_rights(root).value_or(Rights{})))}};
    return std::nullopt;
}

PlanOptions plan_options_for(const ProcRoot& root, pid_t pid, const WantedKinds& wanted) {
    PlanOptions options;
    options.heap = wanted.heap;
    options.mappings = wanted.mappings;
    options.descriptors = wanted.descriptors;
    options.threads = wanted.threads;
    options.go_tracing = wanted.go_tracing;
    options.pairs = wanted.pairs;
    options.target_root = fmt::format("{}/{}/root", root.path, pid);
    auto refuse = [&](const char* sentence) {
        options.return_probes_allowed = false;
        options.return_probes_refusal = sentence;
    };
    if (highest_seccomp_mode(root, pid) == kSeccompFilter) {
        static const bool kSurvives = return_probes_survive_seccomp();
        if (!kSurvives)
            refuse(
                "the process is under a seccomp filter, and on this kernel a return probe would kill it: run it "
                "without "
                "the filter (seccomp: Unconfined), or on Linux 6.14 or newer");
    }
    // Return probes keep the shadow stack in step from 6.11 on (x86/shstk: Make return uprobe work with shadow stack); to try
    // it takes a process with shadow stacks of its own, so here the version has to do.
    constexpr KernelRelease kKeepsShadowStack{6, 11, 0};
    auto status = read_status(root, pid);
    auto release = read_kernel_release(root);
    if (status && status->has_shadow_stack && release && *release < kKeepsShadowStack)
        refuse(
            "the process uses shadow stacks, and on kernels before 6.11 a return probe would kill it: start it with "
            "GLIBC_TUNABLES=glibc.cpu.x86_shstk=off, or use Linux 6.11 or newer");
    return options;
}

Target::Target(ProcRoot root, pid_t pid, uint16_t slot)
    : root_(std::move(root)),
      pid_(pid),
      slot_(slot),
      pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
      symbolizer_(root_, pid) {
    base_.pid = pid;
    base_.host_pid = pid;
}

void Target::set_up_names(std::function<void(const std::string&)> progress, DebugDownloads* downloads) {
    progress_ = std::move(progress);
    downloads_ = downloads;
    symbolizer_.on_progress(progress_);
    symbolizer_.use_downloads(downloads_);
    symbolizer_.on_much_memory([root = root_, pid = pid_] { return read_spare_memory(root, pid).may_be_taken(); });
}

void Target::attach_plan(Tracer& tracer, AttachPlan plan, const PlanOptions& options, AttachPool& pool) {
    wants_memory_ = options.heap || options.mappings;
    if (options.threads) gate_flags_ |= WH_PROCESS_THREADS;
    follows_resources_ |= options.threads || plan.descriptor_method != DescriptorMethod::kNone;
    if (!descriptor_method_ && plan.descriptor_method != DescriptorMethod::kNone) {
        descriptor_method_ = plan.descriptor_method;
        descriptor_why_ = plan.descriptor_why;
    }
    if (descriptor_method_ == DescriptorMethod::kTracepoint) {
        if (auto followed = tracer.follow_system_calls(); followed)
            gate_flags_ |= WH_PROCESS_SYSTEM_CALLS;
        else
            skipped_.push_back({"descriptors", followed.error().message});
    }
    std::erase_if(skipped_, [&](const Skipped& one) { return std::ranges::count(plan.found, one.what) > 0; });
    skipped_.insert(skipped_.end(), plan.skipped.begin(), plan.skipped.end());
    for (const ModulePlan& module : plan.modules)
        if (makes_mappings_of_its_own(module) && module.path != base_.exe)
            own_mapping_code_.push_back({module.first_address, module.end_address});
    if (loader_is_hooked_) plan.loader_offset = 0;  // once is enough
    loader_is_hooked_ |= plan.loader_offset != 0;
    choose_go_module(plan);
    probes_.attach(tracer, plan, slot_, pool, skipped_);
}

Result<void> Target::attach(Tracer& tracer, const PlanOptions& options, AttachPool& pool, double time_s) {
    WH_TRY(auto located, tracer.locate(pid_, true));
    if (!located) return Error{ErrorCode::kNotFound, fmt::format("process {} has just exited", pid_)};
    host_tgid_ = located->tgid;
    base_.host_pid = static_cast<pid_t>(located->tgid);
    memory_ = located->mm;
    WH_TRY(auto maps, look_at_mappings(tracer));  // the tables are there before the first event
    for (const Mapping& mapping : maps)
        if (mapping.executable && mapping.is_file()) planned_files_.insert(identity_of(mapping));
    attached_at_s_ = time_s;
    observe(time_s);
    attach_plan(tracer, pool.plans.plan(root_, pid_, maps, options), options, pool);
    // What was mapped meanwhile, and that the dynamic linker tells us from now on. A program that has just begun maps its
    // libraries in front of our eyes.
    if (auto now = look_at_mappings(tracer))
        loader_changed |= std::ranges::any_of(*now, [this](const Mapping& mapping) {
            return mapping.executable && mapping.is_file() && !planned_files_.contains(identity_of(mapping));
        });
    return tracer.start_process(slot_, {.mm = located->mm, .tgid = located->tgid, .flags = gate_flags_});
}

Result<void> Target::attach_before_exec(Tracer& tracer, const std::string& path, const PlanOptions& options,
                                        AttachPool& pool) {
    WH_TRY(auto located, tracer.locate(pid_, true));
    if (!located) return Error{ErrorCode::kNotFound, "the command's process has just exited"};
    host_tgid_ = located->tgid;
    base_.host_pid = static_cast<pid_t>(located->tgid);
    WH_TRY(auto image, ElfImage::open(path));
    std::vector<Mapping> maps;
    for (const std::string& file : {path, image.interpreter()})
        if (auto mapping = mapping_to_be(file)) maps.push_back(*mapping);
    OpenElf open_file = [](const Mapping& mapping, std::string& open_path) {
        open_path = mapping.path;
        return ElfImage::open(mapping.path);
    };
    AttachPlan plan = make_plan(pid_, maps, options, open_file);
    waits_at_loader = plan.loader_offset != 0;
    uint32_t flags = WH_PROCESS_ADOPT_ON_EXEC;
    // A static program has no such hook: it is stopped at the exec itself, to see what is mapped before it can be gone.
    stops_at_exec = !waits_at_loader;
    flags |= waits_at_loader ? WH_PROCESS_STOP_AT_LOADER : WH_PROCESS_STOP_AT_EXEC;
    for (const ModulePlan& module : plan.modules)
        if (!module.probes.empty() || !module.go_probes.empty())
            planned_files_.insert(
                {static_cast<uint64_t>(module.device_major) << 32 | module.device_minor, module.inode});
    plan.skipped.clear();  // said again, with the rest, once the libraries are there
    attach_plan(tracer, std::move(plan), options, pool);
    return tracer.start_process(slot_, {.mm = 0, .tgid = located->tgid, .flags = flags | gate_flags_});
}

size_t Target::attach_new_modules(Tracer& tracer, const PlanOptions& options, AttachPool& pool) {
    may_have_new_v8_ = true;
    loader_changed = false;
    auto maps = look_at_mappings(tracer);
    if (!maps) return 0;
    std::vector<Mapping> fresh;
    for (const Mapping& mapping : *maps) {
        if (!mapping.executable || !mapping.is_file()) continue;
        if (planned_files_.contains(identity_of(mapping))) continue;
        fresh.push_back(mapping);
    }
    for (const Mapping& mapping : fresh) planned_files_.insert(identity_of(mapping));
    const size_t before = probes_.probes().size();
    const size_t acquiring_before = acquiring_probe_count();
    if (!fresh.empty()) {
        const bool was_undecided = !descriptor_method_;
        PlanOptions now = options;
        now.descriptor_method_so_far = descriptor_method_;
        now.whole_process = false;
        AttachPlan plan = make_plan(pid_, fresh, now, open_elf_of(root_, pid_));
        attach_plan(tracer, std::move(plan), options, pool);
        look_for_go_code(fresh);
        follow_goroutines(tracer, *maps);
        if (was_undecided && descriptor_method_ == DescriptorMethod::kSites)
            attach_earlier_sites(tracer, *maps, fresh, options, pool);
    }
    // It had executed its program a moment ago, and its libraries came only now.
    if (began_ns_ != 0 && acquiring_before == 0 && acquiring_probe_count() > 0)
        note_missed_start(began_ns_, base_.missed_start->after_exec);
    return probes_.probes().size() - before;
}

// How descriptors are seen was not known before libc was there: the system calls of what had been mapped by then.
void Target::attach_earlier_sites(Tracer& tracer, const std::vector<Mapping>& maps, const std::vector<Mapping>& fresh,
                                  const PlanOptions& options, AttachPool& pool) {
    std::set<std::pair<uint64_t, uint64_t>> planned;
    for (const Mapping& mapping : fresh) planned.insert(identity_of(mapping));
    std::vector<Mapping> earlier;
    for (const Mapping& mapping : maps)
        if (mapping.executable && mapping.is_file() && !planned.contains(identity_of(mapping)))
            earlier.push_back(mapping);
    PlanOptions sites = options;
    sites.heap = sites.mappings = sites.threads = sites.go_tracing = sites.whole_process = false;
    sites.pairs.clear();
    sites.descriptor_method_so_far = DescriptorMethod::kSites;
    attach_plan(tracer, make_plan(pid_, earlier, sites, open_elf_of(root_, pid_)), options, pool);
}

void Target::begin_again(uint16_t slot) {
    slot_ = slot;
    exec_count++;
    loader_is_hooked_ = false;
    probes_ = AttachedProbes();
    planned_files_.clear();
    own_mapping_code_.clear();
    go_mapping_code_.clear();
    skipped_.clear();
    symbolizer_ = Symbolizer(root_, pid_);
    set_up_names(progress_, downloads_);
    unwinder_.reset();
    looked_at_.reset();
    layout_ = 0;
    gate_flags_ = 0;
    descriptor_method_.reset();
    descriptor_why_.clear();
    seen_descriptors.clear();
    seen_threads.clear();
    history = History();
    threshold_watch = ThresholdWatch();
    go_.reset();
    go_samples_ = GoSampling();
    go_samples_why_not_.clear();
    go_heap_.reset();
    js_samples_ = JsSampling();
    may_have_new_v8_ = true;
    go_module_.reset();
    go_is_followed_ = false;
    may_be_go_ = true;
    begin_go_with_nothing();
    python_ = PythonFollowing();
    v8_ = V8Following();
    base_.runtime = "native";
    base_.runtime_version.clear();
}

void Target::detach(Tracer& tracer, AttachPool& pool) {
    tracer.stop_process(slot_);
    probes_.detach(pool);
    go_samples_.detach(pool);
    js_samples_.detach(pool);
    tracer.unwind_tables().forget(slot_);
}

void Target::give_back(Tracer& tracer, AttachPool& pool) {
    probes_.give_back(tracer, pool);
    go_samples_.give_back(tracer, pool);
    js_samples_.give_back(tracer, pool);
    tracer.forget_process(slot_);
}

bool Target::has_moved_on(Tracer& tracer) const {
    auto located = tracer.locate(pid_);
    return located && *located && (*located)->mm != memory_;
}

// By the descriptor that was opened when the number was looked at; a leader that ended before its threads is no end.
bool Target::has_ended() const {
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    return pidfd_.get() < 0 || poll(&ended, 1, 0) > 0;
}

void Target::stop_no_more(Tracer& tracer) {
    waits_at_loader = false;
    tracer.set_flags(slot_, gate_flags_);
}

size_t Target::acquiring_probe_count() const {
    return static_cast<size_t>(
        std::ranges::count_if(probes_.probes(), [](const AttachedProbe& probe) { return probe.has_return; }));
}

bool Target::misses_memory() const {
    return wants_memory_ && std::ranges::none_of(probes_.probes(), [](const AttachedProbe& probe) {
               return probe.has_return && (probe.kind == WH_KIND_HEAP || probe.kind == WH_KIND_MAPPING);
           });
}

std::string Target::attached_text() const {
    const auto sites = static_cast<size_t>(
        std::ranges::count_if(probes_.probes(), [](const AttachedProbe& probe) { return probe.is_system_call; }));
    std::string text = fmt::format("{} functions", probes_.probes().size() - sites);
    if (descriptor_method_ == DescriptorMethod::kSites) text += fmt::format(", {} system calls in its code", sites);
    if (descriptor_method_ == DescriptorMethod::kTracepoint) text += ", its system calls by the tracepoint";
    return text;
}

void Target::note_exit(double time_s) {
    base_.exited = true;
    base_.uptime_s += time_s - observed_s_;
    observed_s_ = time_s;
}

void Target::note_missed_start(uint64_t began_ns, bool by_exec) {
    began_ns_ = began_ns;
    base_.missed_start.reset();
    if (began_ns != 0) base_.missed_start = {static_cast<double>(monotonic_ns() - began_ns) / 1e6, by_exec};
}

void Target::note_missed_exec() {
    if (exec_ns != 0)
        note_missed_start(exec_ns, true);
    else if (base_.missed_start)
        note_missed_start(began_ns_, base_.missed_start->after_exec);
    exec_ns = 0;
}

void Target::observe(double time_s) {
    if (exited()) return;
    observed_s_ = time_s;
    auto status = read_status(root_, pid_);
    if (status && status->state != 'Z') {
        base_.command = status->command;
        base_.exe = status->exe;
        if (status->tracer_pid > 0) {
            const auto tracer = read_stat(root_, status->tracer_pid);
            debugger_ = fmt::format("{} (pid {})", printable(tracer ? tracer->command : "?"), status->tracer_pid);
        }
        if (!status->namespace_pids.empty()) base_.inner_pid = status->namespace_pids.back();
        if (auto uptime = read_uptime_s(root_, *status)) base_.uptime_s = *uptime;
        if (auto started = read_start_time_unix_ns(root_, *status)) base_.start_time = iso8601_utc(*started);
        base_.container = read_container(root_, pid_);
    }
    if (auto memory = read_memory(root_, pid_, true); memory && memory->rss_bytes != 0) {
        base_.memory = *memory;
        base_.limits = read_limits(root_, pid_);
        if (!first_rss_bytes_) first_rss_bytes_ = memory->rss_bytes;
        base_.rss_change_bytes = static_cast<int64_t>(memory->rss_bytes - *first_rss_bytes_);
        rss_growth_.add(time_s, {0, memory->rss_bytes});
        if (auto growth = rss_growth_.per_minute()) base_.rss_growth_bytes_per_min = growth->bytes;
    }
}

ProcessReport Target::describe(double time_s) const {
    ProcessReport report = base_;
    report.attached_s = (exited() ? observed_s_ : time_s) - attached_at_s_;
    return report;
}

ProcessView Target::view() {
    return {slot_,      base_.exe,        &symbolizer_,     own_mapping_code_,
            libc_code_, go_mapping_code_, python_.frames(), v8_.frames()};
}

}  // namespace whoholds
