// ProbedSelf: loads the tracer, probes fake calls in this process, and collects the records. The base of the tests here.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "attach/call_shape.h"
#include "bpf/attach.h"
#include "bpf/live_source.h"
#include "bpf/tracer.h"
#include "fake_calls.h"
#include "profile/aggregator.h"

namespace whoholds {

struct ProbedFunction {
    const void* function;
    CallShape shape;
    const char* name;
    const void* ret = nullptr;  // for shapes by_ret
};

// Whether the programs for Linux before 5.15 are to be tested; where the kernel is as old, they are in any case.
bool wants_old_programs();

// All fake calls with their shapes.
std::vector<ProbedFunction> fake_functions();

class ProbedSelf : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    // Loads and attaches; called by SetUp with the defaults unless a test calls it itself first.
    void start(const TracerOptions& options);
    // What is mapped now, for the walks; called by start.
    void publish_mappings(uint64_t exec_pages_more = 0);
    // The end of the test's acts: no hit counts any more, everything is read.
    void stop();
    void round(uint64_t young_age_ns = 1'000'000'000);
    Profile profile();
    // Sum over all stacks of a kind.
    ProfileKind kind(uint8_t kind);
    [[nodiscard]] const StackInfo* only_stack();
    [[nodiscard]] uint64_t counter(wh_counter counter) const { return tracer_->counter(counter); }
    // The programs for old kernels keep no blocks.
    [[nodiscard]] bool has_young() const { return tracer_->options().method != AttachMethod::kPerfWithoutCookies; }

    std::optional<Tracer> tracer_;
    std::optional<LiveSource> source_;
    std::optional<Aggregator> aggregator_;
    std::optional<AttachedProbes> probes_;
    std::vector<Skipped> skipped_;
    AttachPool pool_;
    bool manual_start_ = false;
};

// Fixture for tests that need their own sizes: they call start() themselves.
class ProbedSelfSized : public ProbedSelf {
protected:
    ProbedSelfSized() { manual_start_ = true; }
};

}  // namespace whoholds
