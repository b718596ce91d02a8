// The part of a target that reads what a Go program's runtime knows.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <tuple>
#include <utility>

#include "analyze/headline.h"
#include "base/human.h"
#include "base/processor_time.h"
#include "bpf/target.h"
#include "elf/mapped_elf.h"
#include "proc/memory_headroom.h"
#include "runtime/go/census.h"
#include "runtime/go/readings.h"

namespace whoholds {
void Target::begin_go_with_nothing() {
    go_rows_ = GoRows();
    go_type_reader_ = GoTypeReader();
    go_types_ = GoTypeLedger();
    go_descriptor_holders_ = {};
    go_rows_.begin_with_nothing();
    go_began_with_nothing_ = true;
}

// A program in another language may load Go code.
void Target::look_for_go_code(const std::vector<Mapping>& fresh) {
    may_be_go_ = may_be_go_ || std::ranges::any_of(fresh, [this](const Mapping& mapping) {
                     std::string open_path;
                     const auto image = open_mapped_elf(root_, pid_, mapping, open_path);
                     return image && image->is_go();
                 });
}

// A pod has a limit for all that is in it, which a container does not see; what we take must not be what kills its program.
uint64_t Target::bytes_to_spare() const {
    constexpr uint64_t kWithoutKnowing = uint64_t{64} << 20;
    const SpareMemory spare = read_spare_memory(root_, pid_);
    const bool is_careful = !spare.sees_all_limits && go_wanted_.types != GoTypesWanted::kAlways;
    return std::min(spare.may_be_taken(), is_careful ? kWithoutKnowing : UINT64_MAX);
}

// Reading the heap costs the target nothing but memory bandwidth; its price is our own time, and the rings are read meanwhile.
void Target::look_at_go_types(double time_s, const std::function<void()>& pause) {
    using Clock = std::chrono::steady_clock;
    constexpr double kShareOfTime = 0.02;
    constexpr auto kLimit = std::chrono::seconds(4);
    if (!go_wanted_.heap && !go_wanted_.descriptors) return;
    if (go_wanted_.types == GoTypesWanted::kNever) return;
    const bool is_due = !go_types_.last_look_s() || go_wanted_.types == GoTypesWanted::kAlways ||
                        (time_s - *go_types_.last_look_s()) * kShareOfTime >= go_types_cost_s_;
    if (!is_due) return;
    auto began = Clock::now();
    const auto go_on = [&] {
        pause();
        return Clock::now() - began < kLimit;
    };
    std::ignore = go_type_reader_.prepare(*go_, go_on);  // once; what failed is tried again, and said, by what follows
    began = Clock::now();
    const double cpu_before_s = thread_processor_s();
    const auto choose = [&](const std::vector<GoTypeRow>& rows) {
        GoTypeReader::Wanted wanted{.types = {}, .descriptors = go_wanted_.descriptors};
        if (go_wanted_.heap) wanted.types = go_types_.worth_a_search(rows, go_wanted_.holders_of);
        return wanted;
    };
    GoTypeReading reading = go_type_reader_.read(*go_, choose, go_on, bytes_to_spare());
    go_descriptor_holders_ = std::exchange(reading.descriptors, {});
    go_types_.look(std::move(reading), time_s, std::chrono::duration<double>(Clock::now() - began).count());
    go_types_cost_s_ = thread_processor_s() - cpu_before_s;
}

void Target::confirm_go_holders() {
    if (go_ && !exited()) go_descriptor_holders_.confirm(go_->memory());
}

// Only of what grows, as all of the user's code has to be looked through for it.
void Target::find_where_types_are_made(ProcessReport& report, const std::function<void()>& pause) {
    constexpr size_t kMostPlaces = 5;
    constexpr int kUsersOwn = 3;  // others are allocated by libraries, too
    if (!go_ || !report.types) return;
    const std::vector<std::string> wanted = go_types_.grown_most();
    for (TypeReport& type : report.types->types) {
        if (type.telling != kUsersOwn || std::ranges::find(wanted, type.name) == wanted.end()) continue;
        for (const uint64_t place : go_call_site_types_.places_of(*go_, type.name, pause)) {
            if (type.made_at.size() >= kMostPlaces) break;
            const std::vector<Frame> frames = symbolizer_.symbolize(place);
            if (frames.empty()) continue;
            const Frame& frame = frames[headline_frame(frames, report.exe)];
            const bool is_known = std::ranges::any_of(type.made_at, [&](const Frame& one) {
                return one.function == frame.function && one.file == frame.file && one.line == frame.line;
            });
            if (!is_known) type.made_at.push_back(frame);
        }
    }
}

void Target::fill_go_types(size_t top, double time_s, const std::function<void()>& pause, ProcessReport& report,
                           Coverage& coverage) {
    if (go_wanted_.heap) {
        go_types_.fill(top, go_wanted_.holders_of, time_s, report, coverage);
        find_where_types_are_made(report, pause);
    }
    if (go_descriptor_holders_.claimed_twice() + go_descriptor_holders_.changed() == 0) return;
    coverage.notes.push_back(fmt::format(
        "Go: descriptors whose holder is not told, as two objects have their number: {}; as what led to "
        "them changed since it was read: {}",
        exact_count(go_descriptor_holders_.claimed_twice()), exact_count(go_descriptor_holders_.changed())));
}

void Target::look_at_go(double time_s, const std::function<void()>& pause) {
    if (exited()) return;
    if (!go_ && may_be_go_) {
        const auto maps = read_maps(root_, pid_);
        if (!maps) return;
        auto opened = GoProcess::open(root_, pid_, *maps);
        if (opened) {
            go_ = *std::move(opened);
            go_type_reader_ = GoTypeReader();
            go_descriptor_holders_ = {};
            go_call_site_types_ = GoCallSiteTypes();
            go_wait_reasons_ = read_wait_reasons(*go_);
            for (const char* name : {"runtime.mmap.func1", "runtime.callCgoMmap"})  // runtime/cgo_mmap.go
                if (const auto function = go_->code().table().find_name(name))
                    go_mapping_code_.push_back({go_->to_process(function->entry), go_->to_process(function->end)});
            base_.runtime = "go";
            base_.runtime_version = go_->code().build_info().go_version;
            if (base_.runtime_version.starts_with("go")) base_.runtime_version.erase(0, 2);
        } else {
            const ErrorCode code = opened.error().code;
            may_be_go_ = code != ErrorCode::kNotFound && code != ErrorCode::kUnsupported;
            if (code == ErrorCode::kUnsupported) skipped_.push_back({"Go runtime", opened.error().message});
        }
    }
    if (!go_) return;
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t now_ns = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    go_looked_ns_ = now_ns;
    GoReadings readings = read_go(*go_, go_wanted_, pause);
    look_at_go_heap(readings, time_s);
    go_rows_.look(std::move(readings), go_wait_reasons_, time_s, now_ns);
    look_at_go_types(time_s, pause);
}

// Without a profile; what has no profile may get one (MemProfileRate is set by the program itself).
void Target::look_at_go_heap(GoReadings& readings, double time_s) {
    if (!go_wanted_.heap || !readings.facts) return;
    has_go_profile_ = readings.facts->profile_rate_bytes != 0;
    if (has_go_profile_) return;
    auto census = read_go_census(*go_);
    if (!census) {
        readings.problems.push_back(census.error().message);
        return;
    }
    if (!go_heap_) go_heap_.emplace();
    go_samples_.note(*census);
    go_heap_->look(*census, go_samples_.book().summarize(), time_s);
}

void Target::tend_go_samples(Tracer& tracer, AttachPool& pool, uint64_t now_ns) {
    if (!go_ || exited()) return;
    if (has_go_profile_) return go_samples_.detach(pool);
    judge_go_samples(now_ns);
    go_samples_.keep_within_budget(*go_, tracer, pool, now_ns);
    if (go_samples_.has_begun() || !go_heap_ || go_samples_mode_ == GoSamplesMode::kOff) return;
    auto begun = go_samples_.begin({root_, pid_, slot_}, *go_, go_samples_mode_, tracer, pool, now_ns);
    if (!begun) {
        go_samples_.detach(pool);
        go_samples_why_not_ = "not sampled: " + begun.error().message;
    }
}

void Target::judge_go_samples(uint64_t now_ns) {
    if (go_ && !exited()) go_samples_.judge(*go_, now_ns);
}

void Target::fill_go_heap(const ReportOptions& options, GoHeapSources sources, ProcessReport& report,
                          Coverage& coverage) {
    if (!go_heap_ || has_go_profile_) return;
    sources.type_of = [this](const StackInfo& stack) {
        return go_ ? go_call_site_types_.type_of(*go_, stack.frames) : std::string();
    };
    GoSamplingState state = go_samples_.state(sources.now_ns);
    state.why_not = go_samples_why_not_;
    if (go_samples_mode_ == GoSamplesMode::kOff) state.why_not = "not asked for (--go-samples off)";
    fill_go_heap_estimate(*go_heap_, state, options, sources, report, coverage);
}

// Only what grows is worth reading debug information for.
bool Target::mark_who_hands_on(ProcessReport& report, const std::function<void()>& pause) {
    if (!go_) return false;
    std::vector<StackReport*> stacks;
    std::vector<const Frame*> frames;
    for (const Finding& finding : report.findings)
        for (StackReport& stack : report.stacks) {
            if (std::ranges::find(finding.stack_ids, stack.id) == finding.stack_ids.end()) continue;
            stacks.push_back(&stack);
            for (const Frame& frame : stack.frames)
                if (frame.go != GoOrigin::kNotGo && frame.module == report.exe) frames.push_back(&frame);
        }
    go_hand_on_.learn(frames, [&]() -> Result<GoSignatures> {
        const ElfImage* image = symbolizer_.image_of(report.exe);
        if (image == nullptr) return Error{ErrorCode::kNotFound, "its file is not known"};
        return GoSignatures::open(*image, bytes_to_spare(), pause);
    });
    bool marked = false;
    for (StackReport* stack : stacks) marked |= go_hand_on_.mark(stack->frames);
    return marked;
}

}  // namespace whoholds
