// The programs as a whole: size, features, the gate, and that nothing stays behind.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <span>

#include "bpf/kernel_features.h"
#include "probed_self.h"

namespace whoholds {
namespace {

class ProgramsTest : public ProbedSelf {};

TEST_F(ProgramsTest, stay_within_their_verifier_budget) {
    constexpr uint32_t kBudget = 100'000;
    for (bpf_program* program : tracer_->programs()) {
        bpf_prog_info info{};
        uint32_t length = sizeof(info);
        ASSERT_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length), 0);
        std::printf("%s: %u instructions verified\n", bpf_program__name(program), info.verified_insns);
        EXPECT_LT(info.verified_insns, kBudget);
    }
}

// The verifier of Linux 5.10 refuses the whole program for one of these, even in code that is never reached.
bool is_known_to_linux_5_10(const bpf_insn& instruction) {
    constexpr int kNewestHelper = BPF_FUNC_redirect_peer;
    constexpr uint8_t kAtomic = 0xc0;  // BPF_ATOMIC, once BPF_XADD
    if (instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == 0) return instruction.imm <= kNewestHelper;
    const bool is_atomic = BPF_CLASS(instruction.code) == BPF_STX && BPF_MODE(instruction.code) == kAtomic;
    return !is_atomic || instruction.imm == BPF_ADD;  // without a result
}

TEST_F(ProgramsTest, those_for_old_kernels_use_what_linux_5_10_has) {
    const auto tracer = Tracer::load({.method = AttachMethod::kPerfWithoutCookies});
    ASSERT_TRUE(tracer) << tracer.error().message;
    for (bpf_program* program : tracer->programs()) {
        const std::span code(bpf_program__insns(program), bpf_program__insn_cnt(program));
        EXPECT_TRUE(std::ranges::all_of(code, is_known_to_linux_5_10)) << bpf_program__name(program);
    }
}

TEST_F(ProgramsTest, closed_gate_counts_nothing) {
    tracer_->stop_process(0);
    fake::next_result = 0x1000;
    fake::acquire(10);

    EXPECT_TRUE(profile().stacks.empty());
    EXPECT_EQ(tracer_->probe_hits(0), 0u);
}

TEST_F(ProgramsTest, T34_filter_refuses_what_is_not_ours) {
    auto located = tracer_->locate(getpid());
    tracer_->set_process(0, {.mm = (*located)->mm + 64, .tgid = (*located)->tgid, .flags = 0});
    fake::next_result = 0x1000;
    fake::acquire(10);

    EXPECT_TRUE(profile().stacks.empty());
    EXPECT_GT(counter(WH_COUNTER_OTHER_PROCESS), 0u);
}

TEST_F(ProgramsTest, T28_locate_finds_a_process_by_the_number_we_see) {
    auto self = tracer_->locate(getpid());
    ASSERT_TRUE(self && *self);
    EXPECT_NE((*self)->mm, 0u);
    auto kernel_thread = tracer_->locate(2);
    ASSERT_TRUE(kernel_thread);
    EXPECT_FALSE(*kernel_thread);
    auto nobody = tracer_->locate(0x3ffffff);
    ASSERT_TRUE(nobody);
    EXPECT_FALSE(*nobody);
}

TEST_F(ProgramsTest, T5_seccomp_question_is_answered_by_trying) {
    // Whatever this kernel answers, asking must leave us alive and no child behind.
    bool survives = return_probes_survive_seccomp();
    std::printf("return probes under seccomp: %s\n", survives ? "pass through" : "kill");
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    // Older than the system call that filters do not know.
    if (!has_uprobe_multi()) {
        EXPECT_TRUE(survives);
    }
}

TEST_F(ProgramsTest, fork_and_exec_are_noticed) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    struct Forks : RecordSink {
        unsigned count = 0;
        void on_record(const Record& record) override { count += record.type == RecordType::kFork; }
    } forks;
    while (!source_->round(forks, 0)) {}
    EXPECT_EQ(forks.count, 1u);
}

}  // namespace
}  // namespace whoholds
