#include "probed_self.h"

#include <unistd.h>

#include <cstdlib>

#include "proc/process.h"

namespace whoholds {

namespace {

const void* address_of(auto* function) { return reinterpret_cast<const void*>(function); }

uint64_t file_offset_of(const void* function) {
    auto address = reinterpret_cast<uint64_t>(function);
    auto maps = read_maps(ProcRoot{}, getpid());
    if (!maps) return 0;
    for (const Mapping& mapping : *maps)
        if (address >= mapping.start && address < mapping.end) return address - mapping.start + mapping.file_offset;
    return 0;
}

}  // namespace

std::vector<ProbedFunction> fake_functions() {
    auto heap = [](wh_operation operation, CallShape shape) {
        shape.operation = operation;
        shape.kind = WH_KIND_HEAP;
        return shape;
    };
    auto mapping = [](wh_operation operation, CallShape shape) {
        shape.operation = operation;
        shape.kind = WH_KIND_MAPPING;
        return shape;
    };
    return {
        {address_of(fake::acquire), heap(WH_OPERATION_ACQUIRE, {.size_arg = 1}), "acquire"},
        {address_of(fake::acquire_other), heap(WH_OPERATION_ACQUIRE, {.size_arg = 1}), "acquire_other"},
        {address_of(wh_fake_acquire_by_tail_call), heap(WH_OPERATION_ACQUIRE, {.size_arg = 1}), "acquire_by_tail_call"},
        {address_of(wh_fake_acquire_by_ret), heap(WH_OPERATION_ACQUIRE, {.size_arg = 1, .by_ret = true}),
         "acquire_by_ret", wh_fake_ret_of_acquire},
        {address_of(wh_fake_acquire_by_jump), heap(WH_OPERATION_ACQUIRE, {.size_arg = 1}), "acquire_by_jump"},
        {address_of(fake::acquire_product), heap(WH_OPERATION_ACQUIRE, {.size_arg = 2, .size_factor_arg = 1}),
         "acquire_product"},
        {address_of(fake::acquire_out),
         heap(WH_OPERATION_ACQUIRE, {.size_arg = 3, .key_arg = 1, .key_indirect = true, .success = WH_SUCCESS_ZERO}),
         "acquire_out"},
        {address_of(fake::reacquire), heap(WH_OPERATION_REACQUIRE, {.size_arg = 2, .old_key_arg = 1}), "reacquire"},
        {address_of(fake::resize), heap(WH_OPERATION_RESIZE, {.size_arg = 2, .key_arg = 1}), "resize"},
        {address_of(fake::release), heap(WH_OPERATION_RELEASE, {.key_arg = 1}), "release"},
        {address_of(fake::map),
         mapping(WH_OPERATION_ACQUIRE, {.size_arg = 2, .success = WH_SUCCESS_NOT_MINUS_ONE, .flags_arg = 4}), "map"},
        {address_of(fake::unmap),
         mapping(WH_OPERATION_TRY_RELEASE, {.size_arg = 2, .key_arg = 1, .success = WH_SUCCESS_ZERO}), "unmap"},
        {address_of(fake::remap),
         mapping(
             WH_OPERATION_REACQUIRE,
             {.size_arg = 3, .old_key_arg = 1, .old_size_arg = 2, .success = WH_SUCCESS_NOT_MINUS_ONE, .flags_arg = 4}),
         "remap"},
    };
}

bool wants_old_programs() { return getenv("WHOHOLDS_TEST_OLD_PROGRAMS") != nullptr; }

void ProbedSelf::SetUp() {
    if (geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    if (!manual_start_) start({});
}

void ProbedSelf::TearDown() {
    if (tracer_) tracer_->stop_process(0);
    // All at once, as the kernel takes a tenth of a second for each perf probe that goes.
    if (probes_) probes_->detach(pool_);
}

void ProbedSelf::start(const TracerOptions& options) {
    TracerOptions with_method = options;
    with_method.method = wants_old_programs() ? AttachMethod::kPerfWithoutCookies : best_attach_method();
    auto tracer = Tracer::load(with_method);
    ASSERT_TRUE(tracer) << tracer.error().message;
    tracer_ = *std::move(tracer);
    auto source = LiveSource::open(*tracer_);
    ASSERT_TRUE(source) << source.error().message;
    source_ = *std::move(source);
    aggregator_.emplace(tracer_->config().no_stack_base);
    probes_.emplace();

    AttachPlan plan;
    plan.pid = getpid();
    ModulePlan module;
    module.path = "self";
    module.open_path = "/proc/self/exe";
    for (const ProbedFunction& function : fake_functions()) {
        PlannedProbe probe;
        probe.symbol = function.name;
        probe.entry_offset = file_offset_of(function.function);
        probe.shape = pack(function.shape);
        probe.needs_return = needs_return(function.shape);
        if (function.ret) probe.return_offsets = {file_offset_of(function.ret)};
        module.probes.push_back(probe);
    }
    plan.modules.push_back(module);
    probes_->attach(*tracer_, plan, 0, pool_, skipped_);
    ASSERT_TRUE(skipped_.empty()) << skipped_[0].what << ": " << skipped_[0].why;

    publish_mappings();
    auto located = tracer_->locate(getpid());
    ASSERT_TRUE(located) << located.error().message;
    ASSERT_TRUE(*located);
    ASSERT_TRUE(tracer_->start_process(0, {.mm = (*located)->mm, .tgid = (*located)->tgid, .flags = 0}));
}

void ProbedSelf::publish_mappings(uint64_t exec_pages_more) {
    auto located = tracer_->locate(getpid());
    auto maps = read_maps(ProcRoot{}, getpid());
    ASSERT_TRUE(located && *located && maps);
    auto layout = tracer_->unwind_tables().update(0, ProcRoot{}, getpid(),
                                                  {.maps = *maps,
                                                   .exec_pages = (*located)->exec_pages + exec_pages_more,
                                                   .removals = tracer_->unwind_tables().removals(0),
                                                   .loader_tells = true});
    ASSERT_TRUE(layout) << layout.error().message;
}

void ProbedSelf::stop() {
    tracer_->stop_process(0);
    round();
    source_->census(*aggregator_);
}

void ProbedSelf::round(uint64_t young_age_ns) {
    while (!source_->round(*aggregator_, young_age_ns)) {}
}

Profile ProbedSelf::profile() {
    stop();
    Profile profile = aggregator_->make_profile(monotonic_ns(), {});
    for (const ProfileStack& stack : profile.stacks) {
        EXPECT_EQ(stack.acquired.count, stack.released.count + stack.held.count + stack.lost.count);
        EXPECT_EQ(stack.acquired.bytes, stack.released.bytes + stack.held.bytes + stack.lost.bytes);
    }
    return profile;
}

ProfileKind ProbedSelf::kind(uint8_t kind) {
    for (const ProfileKind& row : profile().kinds)
        if (row.kind == kind) return row;
    return {};
}

const StackInfo* ProbedSelf::only_stack() {
    Profile all = profile();
    EXPECT_EQ(all.stacks.size(), 1u);
    return all.stacks.empty() ? nullptr : aggregator_->find_stack(all.stacks[0].stack);
}

}  // namespace whoholds
