#include "bpf/go_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "attach/go_call_results.h"
#include "bpf/shared/call_shape.h"
#include "bpf/trap_cost.h"
#include "elf/mapped_elf.h"
#include "runtime/go/sample_reader.h"

namespace whoholds {
namespace {

// What a hit costs the target, a trap, a walk and a record, until it is measured: on a machine with dear traps.
constexpr double kEmulatedTrapNs = 1'500;
constexpr double kSteppedTrapNs = 8'000;
constexpr double kProgramNs = 2'000;
constexpr double kBudget = 0.02;  // of a core, in the target
constexpr double kNoBudget = 1e9;
constexpr uint64_t kWindowNs = 500'000'000;
constexpr uint64_t kLookNs = 20'000'000;  // for collections of which we are not told in time
constexpr const char* kNewSpan = "runtime.(*mheap).alloc";
constexpr const char* kMarking = "runtime.gcResetMarkState";

}  // namespace

Result<void> GoSampling::find_file(const GoProcess& process) {
    WH_TRY(const auto mappings, read_maps(place_.root, place_.pid));
    const auto found = std::ranges::find_if(mappings, [&](const Mapping& mapping) {
        return mapping.executable && mapping.is_file() && mapping.path == process.path();
    });
    if (found == mappings.end()) return Error{ErrorCode::kNotFound, "its file is not mapped any more"};
    WH_TRY(const ElfImage image, open_mapped_elf(place_.root, place_.pid, *found, open_path_));
    module_path_ = process.path();
    return {};
}

// Behind the calls of (*mheap).alloc, of which there are two in Go 1.18 to 1.26; else at its own ret.
Result<std::vector<GoSampling::Choice>> GoSampling::choose_sites(const GoProcess& process) {
    std::vector<Choice> choices;
    for (const char* caller : {"runtime.(*mcentral).grow", "runtime.(*mcache).allocLarge"}) {
        auto sites = go_call_results(process.image(), process.code(), caller, kNewSpan);
        if (!sites) break;
        choices.push_back({caller, *std::move(sites), false});
    }
    if (choices.size() == 2) return choices;
    WH_TRY(GoFunctionSites sites, go_function_sites(process.image(), process.code(), kNewSpan));
    return std::vector<Choice>{{sites.name, std::move(sites.returns), true}};
}

Result<std::vector<GoSampling::Site>> GoSampling::plan(const Choice& choice, AttachPool& pool) {
    if (choice.sites.empty()) return Error{ErrorCode::kNotFound, choice.function + " does not return"};
    std::vector<Site> planned;
    for (const GoProbeSite& site : choice.sites) {
        const auto number = pool.numbers.take(fmt::format("{} {} {}", choice.function, site.offset, module_path_));
        if (!number) return Error{ErrorCode::kLimit, "there are too many probes in all"};
        planned.push_back({site.offset, WH_SHAPE_PUT(PROBE, *number) | WH_SHAPE_PUT(PROCESS, place_.slot) |
                                            WH_SHAPE_PUT(BY_RET, choice.at_ret)});
        probes_.push_back({.symbol = choice.function,
                           .module = module_path_,
                           .offset = site.offset,
                           .probe = *number,
                           .emulated = site.emulated});
    }
    return planned;
}

Result<void> GoSampling::begin(const Place& place, const GoProcess& process, GoSamplesMode mode, Tracer& tracer,
                               AttachPool& pool, uint64_t now_ns) {
    place_ = place;
    begun_ = true;
    WH_TRY_VOID(find_file(process));
    WH_TRY(const std::vector<Choice> choices, choose_sites(process));
    is_cheap_ = true;
    for (const Choice& choice : choices) {
        WH_TRY(const std::vector<Site> sites, plan(choice, pool));
        span_sites_.insert(span_sites_.end(), sites.begin(), sites.end());
        is_cheap_ &= std::ranges::all_of(choice.sites, &GoProbeSite::emulated);
    }
    WH_TRY(GoFunctionSites marks, go_function_sites(process.image(), process.code(), kMarking));
    WH_TRY(const std::vector<Site> marking, plan({marks.name, std::move(marks.returns), true}, pool));
    const GoLayout& layout = process.layout();
    tracer.set_go_heap(place.slot, {.sweep_generation = process.variables().heap + layout.heap_sweep_generation,
                                    .span_element_size = layout.span.element_size,
                                    .marking_in_generation = 0});
    for (const Site& site : marking)
        if (!marking_.attach_program(tracer, tracer.go_marking_program(),
                                     {open_path_, site.offset, site.cookie, place.pid}))
            return Error{ErrorCode::kSystem, "the probe at the begin of collections could not be attached"};
    trap_ns_ = measure_trap_ns(tracer, tracer.go_sample_program(), is_cheap_, pool)
                   .value_or(is_cheap_ ? kEmulatedTrapNs : kSteppedTrapNs);
    if (const auto allocated = read_go_allocations(process)) weights_.begin(*allocated);
    if (!attach_samples(tracer)) return Error{ErrorCode::kSystem, "the probe on new spans could not be attached"};
    is_attached_ = true;
    window_began_ns_ = now_ns;
    duty_.emplace(mode == GoSamplesMode::kOn ? kNoBudget : kBudget, now_ns);
    return {};
}

bool GoSampling::attach_samples(const Tracer& tracer) {
    bool all = true;
    for (const Site& site : span_sites_)
        all &= samples_.attach_program(tracer, tracer.go_sample_program(),
                                       {open_path_, site.offset, site.cookie, place_.pid});
    return all;
}

void GoSampling::on_record(const Record& record, bool has_stack) {
    if (record.type == RecordType::kGoMarking) {
        marking_seen_ = true;
        return;
    }
    if (!has_stack) {
        ++without_stack_;
        return;
    }
    const bool is_large = (record.tid & WH_GO_SIZE_IS_PAGES) != 0;
    const uint64_t bytes = (record.tid & WH_GO_SIZE_MASK) * (is_large ? WH_GO_PAGE_BYTES : 1);
    book_.add({.span = record.key,
               .object = record.size,
               .bytes = bytes,
               .is_large = is_large,
               .has_pointers = (record.tid & WH_GO_SIZE_NO_POINTERS) == 0,
               .generation = record.flags,
               .stack = record.stack,
               .time_ns = record.time_ns});
}

void GoSampling::judge(const GoProcess& process, uint64_t now_ns) {
    if (!is_attached_ || (!marking_seen_ && now_ns - looked_ns_ < kLookNs)) return;
    marking_seen_ = false;
    looked_ns_ = now_ns;
    // An error is a process that has just ended.
    static_cast<void>(judge_go_samples(process, book_));
}

uint64_t GoSampling::hits(const Tracer& tracer) const {
    uint64_t sum = 0;
    for (const Site& site : span_sites_) sum += tracer.probe_hits(WH_SHAPE_GET(site.cookie, PROBE));
    return sum;
}

double GoSampling::spent_ns(const Tracer& tracer) {
    hit_ns_ = trap_ns_ + tracer.go_sample_ns(place_.slot).value_or(kProgramNs);
    return static_cast<double>(hits(tracer)) * hit_ns_;
}

void GoSampling::weigh_samples() {
    if (!ended_) return;
    const uint64_t end_ns = ended_->end_ns;
    book_.weigh(end_ns, weights_.weights(ended_->allocated, end_ns, book_.unweighed(end_ns)));
    ended_.reset();
}

void GoSampling::end_window_if_due(const GoProcess& process, uint64_t now_ns) {
    if (now_ns - window_began_ns_ < kWindowNs) return;
    const auto generation = read_go_sweep_generation(process);
    if (!generation || *generation == window_generation_) return;
    window_generation_ = *generation;
    window_began_ns_ = now_ns;
    if (auto allocated = read_go_allocations(process)) ended_ = {now_ns, *std::move(allocated)};
}

void GoSampling::keep_within_budget(const GoProcess& process, const Tracer& tracer, AttachPool& pool, uint64_t now_ns) {
    if (!is_attached_) return;
    weigh_samples();
    const bool was_on = duty_->is_on();
    const bool is_on = duty_->update(spent_ns(tracer), now_ns);
    const uint64_t lost = tracer.counter(WH_COUNTER_GO_SAMPLE_LOST);
    if (!was_on || !is_on || std::exchange(lost_, lost) != lost) book_.note_gap(now_ns);
    if (was_on && !is_on) samples_.detach(pool);
    if (!was_on && is_on) attach_samples(tracer);
    end_window_if_due(process, now_ns);
}

void GoSampling::detach(AttachPool& pool) {
    marking_.detach(pool);
    samples_.detach(pool);
    is_attached_ = false;
}

void GoSampling::give_back(Tracer& tracer, AttachPool& pool) {
    for (const AttachedProbe& probe : probes_)
        if (pool.numbers.give_back(probe.probe)) tracer.forget_probe(probe.probe);
    probes_.clear();
}

GoSamplingState GoSampling::state(uint64_t now_ns) const {
    GoSamplingState state;
    state.is_on = duty_.has_value();
    if (duty_) {
        state.on_share = duty_->on_share(now_ns);
        state.hit_ns = hit_ns_;
    }
    state.totals = book_.summarize();
    state.without_stack = without_stack_;
    return state;
}

}  // namespace whoholds
