// Each call shape and each outcome, through the real programs on the real kernel.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csetjmp>
#include <thread>

#include "bpf/shared/records.h"
#include "probed_self.h"
#include "proc/process.h"

namespace whoholds {
namespace {

constexpr uint64_t kA = 0x7000'0000'1000;
constexpr uint64_t kB = 0x7000'0000'2000;
constexpr uint64_t kPageSize = 4096;

uint64_t returning(uint64_t result) { return fake::next_result = result; }

struct attempt_failed {};

class CallsTest : public ProbedSelf {
protected:
    Amount held() { return kind(WH_KIND_HEAP).held; }
};

TEST_F(CallsTest, acquire_is_held_until_release) {
    returning(kA);
    fake::acquire(101);
    returning(kB);
    fake::acquire(103);
    fake::release(kA);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.held, (Amount{1, 103}));
    EXPECT_EQ(heap.acquired, (Amount{2, 204}));
    EXPECT_EQ(heap.released, (Amount{1, 101}));
}

TEST_F(CallsTest, release_after_the_sweep_travels) {
    returning(kA);
    fake::acquire(101);
    round(0);
    EXPECT_EQ(aggregator_->blocks_held(), 1u);
    fake::release(kA);

    EXPECT_EQ(held(), (Amount{0, 0}));
    EXPECT_EQ(kind(WH_KIND_HEAP).released, (Amount{1, 101}));
}

TEST_F(CallsTest, product_of_two_arguments) {
    returning(kA);
    fake::acquire_product(7, 11);

    EXPECT_EQ(held(), (Amount{1, 77}));
}

TEST_F(CallsTest, T11_failed_calls_are_ignored) {
    returning(0);
    fake::acquire(101);
    fake::acquire_product(~0ull, ~0ull);
    returning(12);  // ENOMEM
    uint64_t out = kA;
    fake::acquire_out(&out, 16, 100);
    returning(~0ull);
    fake::map(0, kPageSize, 0, 0);

    EXPECT_TRUE(profile().stacks.empty());
}

TEST_F(CallsTest, T12_key_behind_a_pointer) {
    returning(0);
    fake::next_out = kA;
    uint64_t out = 0;
    fake::acquire_out(&out, 64, 105);
    fake::release(kA);
    fake::next_out = kB;
    fake::acquire_out(&out, 64, 107);

    EXPECT_EQ(held(), (Amount{1, 107}));
}

TEST_F(CallsTest, T12_unreadable_pointer_is_counted) {
    returning(0);
    fake::next_out = kA;
    fake::acquire_out(nullptr, 64, 105);

    EXPECT_EQ(held(), (Amount{0, 0}));
    EXPECT_EQ(counter(WH_COUNTER_KEY_UNREADABLE), 1u);
}

TEST_F(CallsTest, T10_realloc_moves) {
    returning(kA);
    fake::acquire(100);
    returning(kB);
    fake::reacquire(kA, 200);

    EXPECT_EQ(held(), (Amount{1, 200}));
}

TEST_F(CallsTest, T10_realloc_in_place_grows) {
    returning(kA);
    fake::acquire(100);
    fake::reacquire(kA, 200);

    EXPECT_EQ(held(), (Amount{1, 200}));
    EXPECT_EQ(counter(WH_COUNTER_HEALED), 0u);
}

TEST_F(CallsTest, T10_realloc_failure_keeps_young_block) {
    returning(kA);
    fake::acquire(100);
    returning(0);
    fake::reacquire(kA, 1ull << 60);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.held, (Amount{1, 100}));
    EXPECT_EQ(heap.released, (Amount{0, 0}));
}

TEST_F(CallsTest, T10_realloc_failure_keeps_swept_block) {
    returning(kA);
    fake::acquire(100);
    round(0);
    returning(0);
    fake::reacquire(kA, 1ull << 60);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.held, (Amount{1, 100}));
    EXPECT_EQ(heap.released, (Amount{0, 0}));
}

TEST_F(CallsTest, T10_realloc_to_zero_that_returns_null_frees) {
    returning(kA);
    fake::acquire(100);
    returning(0);
    fake::reacquire(kA, 0);

    EXPECT_EQ(held(), (Amount{0, 0}));
}

TEST_F(CallsTest, T10_realloc_of_null_is_malloc) {
    returning(kA);
    fake::reacquire(0, 55);

    EXPECT_EQ(held(), (Amount{1, 55}));
}

TEST_F(CallsTest, T10_old_address_may_be_given_to_another_thread_during_realloc) {
    returning(kA);
    fake::acquire(100);
    fake::during_call = [] {
        std::thread([] {
            returning(kA);
            fake::acquire_other(60);
        }).join();
        returning(kB);
    };
    fake::reacquire(kA, 200);

    EXPECT_EQ(held(), (Amount{2, 260}));
    EXPECT_EQ(counter(WH_COUNTER_HEALED), 0u);
}

TEST_F(CallsTest, resize_in_place) {
    returning(kA);
    fake::acquire(100);
    returning(128);
    fake::resize(kA, 120);
    EXPECT_EQ(held(), (Amount{1, 120}));
}

TEST_F(CallsTest, resize_that_falls_short_changes_nothing) {
    returning(kA);
    fake::acquire(100);
    returning(100);
    fake::resize(kA, 120);
    EXPECT_EQ(held(), (Amount{1, 100}));
}

TEST_F(CallsTest, release_of_null_is_nothing) {
    fake::release(0);
    EXPECT_TRUE(profile().kinds.empty());
}

TEST_F(CallsTest, T8_only_the_outermost_call_counts) {
    fake::during_call = [] {
        returning(kB);
        fake::acquire(64);
        returning(kA);
    };
    fake::acquire_other(48);

    EXPECT_EQ(held(), (Amount{1, 48}));
}

TEST_F(CallsTest, T8_release_inside_of_an_acquire_is_its_own_affair) {
    returning(kA);
    fake::acquire(30);
    fake::during_call = [] { fake::release(kA); };
    returning(kB);
    fake::acquire_other(48);

    EXPECT_EQ(held(), (Amount{2, 78}));
}

TEST_F(CallsTest, T8_tail_call_is_one_call_with_the_outer_arguments) {
    returning(kA);
    wh_fake_acquire_by_tail_call(70);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.held, (Amount{1, 70}));
    EXPECT_EQ(heap.acquired.count, 1u);
}

TEST_F(CallsTest, T8_mapping_inside_of_a_heap_call_is_the_allocators) {
    fake::during_call = [] {
        returning(kB);
        fake::map(0, 16 * kPageSize, 0, 0);
        returning(kA);
    };
    fake::acquire(48);
    returning(kB);
    fake::map(0, kPageSize, 0, 0);

    EXPECT_EQ(kind(WH_KIND_MAPPING).held, (Amount{1, kPageSize}));
}

TEST_F(CallsTest, T7_longjmp_out_of_a_call_does_not_hide_later_calls) {
    static jmp_buf jump;
    if (setjmp(jump) == 0) {
        fake::during_call = [] { longjmp(jump, 1); };
        fake::acquire(500);
    }
    returning(kA);
    fake::acquire(31);
    std::thread([] { returning(kB), fake::acquire(33); }).join();

    EXPECT_EQ(held(), (Amount{2, 64}));
    EXPECT_GE(counter(WH_COUNTER_ABANDONED), 1u);
}

[[gnu::noinline]] uint64_t acquire_deeper(int depth, uint64_t size) {
    volatile char room[256];
    room[0] = static_cast<char>(depth);
    uint64_t result = depth > 0 ? acquire_deeper(depth - 1, size) : fake::acquire(size);
    return result + (room[0] == 127 ? 1 : 0);
}

TEST_F(CallsTest, T7_call_deeper_than_an_abandoned_one_counts) {
    static jmp_buf jump;
    if (setjmp(jump) == 0) {
        fake::during_call = [] { longjmp(jump, 1); };
        fake::acquire(500);
    }
    returning(kA);
    acquire_deeper(8, 37);

    EXPECT_EQ(held(), (Amount{1, 37}));
}

TEST_F(CallsTest, T25_thread_that_dies_inside_of_a_call_leaves_nothing) {
    std::thread([] {
        fake::during_call = [] { pthread_exit(nullptr); };
        returning(kA);
        fake::acquire(500);
    }).join();
    std::thread([] { returning(kB), fake::acquire(41); }).join();

    EXPECT_EQ(held(), (Amount{1, 41}));
}

TEST_F(CallsTest, T23_second_acquire_of_a_live_address_replaces) {
    returning(kA);
    fake::acquire(100);
    fake::acquire(60);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.held, (Amount{1, 60}));
    EXPECT_EQ(heap.released, (Amount{1, 100}));
    EXPECT_EQ(counter(WH_COUNTER_HEALED) + aggregator_->healed(), 1u);
}

TEST_F(CallsTest, T26_hits_of_a_forked_child_are_not_ours) {
    returning(kA);
    pid_t child = fork();
    if (child == 0) {
        fake::acquire(999);
        _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);

    EXPECT_EQ(held(), (Amount{0, 0}));
    EXPECT_TRUE(WIFEXITED(status));
}

TEST_F(CallsTest, T18_ranges_travel_with_their_flags) {
    returning(kA);
    fake::map(0, 4 * kPageSize, 0, 0);
    returning(kA + kPageSize);
    fake::map(kA + kPageSize, kPageSize, 0, MAP_FIXED);
    returning(0);
    fake::unmap(kA, kPageSize);

    ProfileKind mapping = kind(WH_KIND_MAPPING);

    EXPECT_EQ(mapping.held.bytes, 3 * kPageSize);
    EXPECT_EQ(aggregator_->healed(), 0u);
}

TEST_F(CallsTest, T18_failed_munmap_is_restored) {
    returning(kA);
    fake::map(0, 4 * kPageSize, 0, 0);
    returning(static_cast<uint64_t>(-1));
    fake::unmap(kA, 4 * kPageSize);

    EXPECT_EQ(kind(WH_KIND_MAPPING).held, (Amount{1, 4 * kPageSize}));
}

TEST_F(CallsTest, T18_mremap_moves_fails_and_keeps) {
    returning(kA);
    fake::map(0, 4 * kPageSize, 0, 0);
    returning(~0ull);
    fake::remap(kA, 4 * kPageSize, 1ull << 50, MREMAP_MAYMOVE);
    returning(kB + (1ull << 30));
    fake::remap(kA, 4 * kPageSize, 8 * kPageSize, MREMAP_MAYMOVE);
    constexpr int kDontUnmap = 4;
    returning(kA);
    fake::remap(kB + (1ull << 30), 8 * kPageSize, 8 * kPageSize, MREMAP_MAYMOVE | kDontUnmap);

    EXPECT_EQ(kind(WH_KIND_MAPPING).held, (Amount{2, 16 * kPageSize}));
}

TEST_F(CallsTest, T7_return_seen_at_the_ret_instruction) {
    returning(kA);
    wh_fake_acquire_by_ret(91);
    fake::release(kA);
    returning(kB);
    wh_fake_acquire_by_ret(93);

    EXPECT_EQ(held(), (Amount{1, 93}));
    EXPECT_EQ(kind(WH_KIND_HEAP).acquired, (Amount{2, 184}));
}

TEST_F(CallsTest, T7_ret_shared_with_a_function_that_has_a_return_probe) {
    // acquire_by_jump has a return probe and ends by jumping into code whose ret is probed for another function.
    returning(kA);
    wh_fake_acquire_by_jump(77);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.held, (Amount{1, 77}));
    auto maps = read_maps(ProcRoot{}, getpid());
    const uint64_t caller = only_stack()->frames[0];
    for (const Mapping& mapping : *maps)
        if (caller >= mapping.start && caller < mapping.end) {
            EXPECT_NE(mapping.path, "[uprobes]");
        }
}

TEST_F(CallsTest, T7_exception_through_a_call_seen_by_ret_reaches_its_handler) {
    for (int attempt = 0; attempt < 3; attempt++) {  // the same call site again: not a nested call
        try {
            fake::during_call = [] { throw attempt_failed{}; };
            wh_fake_acquire_by_ret(500);
            FAIL() << "nothing was thrown";
        } catch (const attempt_failed&) {}
    }
    returning(kA);
    wh_fake_acquire_by_ret(91);
    returning(kB);
    fake::acquire(9);

    EXPECT_EQ(held(), (Amount{2, 100}));
}

TEST_F(CallsTest, T8_calls_inside_of_one_seen_by_ret_are_part_of_it) {
    fake::during_call = [] {
        returning(kB);
        fake::acquire(64);
        returning(kA);
    };
    wh_fake_acquire_by_ret(48);

    EXPECT_EQ(held(), (Amount{1, 48}));
}

// The address of a frame lies within the function that starts at `function` (and is shorter than that).
bool is_in(uint64_t frame, const void* function, uint64_t length = 400) {
    auto begin = reinterpret_cast<uint64_t>(function);
    return frame > begin && frame <= begin + length;
}

[[gnu::noinline, gnu::noclone]] uint64_t acquire_from_here(uint64_t size) {
    uint64_t result = fake::acquire(size);
    asm volatile("" : "+r"(result));  // no tail call
    return result;
}

TEST_F(CallsTest, T2_first_frame_is_the_caller_of_the_acquiring_function) {
    returning(kA);
    acquire_from_here(1);

    const StackInfo* stack = only_stack();

    ASSERT_NE(stack, nullptr);
    ASSERT_GE(stack->frames.size(), 1u);
    EXPECT_TRUE(is_in(stack->frames[0], reinterpret_cast<const void*>(&acquire_from_here), 64));
}

TEST_F(CallsTest, T3_return_addresses_taken_by_return_probes_are_seen_through) {
    // `map` is pending (its return address on the stack is the kernel's trampoline) while `acquire` returns; both are groups of
    // their own, so both count.
    fake::during_call = [] {
        returning(kB);
        fake::acquire(48);
    };
    fake::map(0, kPageSize, 0, 0);

    Profile all = profile();
    auto maps = read_maps(ProcRoot{}, getpid());
    ASSERT_TRUE(maps);
    for (const ProfileStack& stack : all.stacks)
        for (uint64_t frame : aggregator_->find_stack(stack.stack)->frames)
            for (const Mapping& mapping : *maps) {
                bool is_trampoline = frame >= mapping.start && frame < mapping.end && mapping.path == "[uprobes]";
                EXPECT_FALSE(is_trampoline);
            }
    ASSERT_EQ(all.stacks.size(), 2u);
}

}  // namespace
}  // namespace whoholds
