// Stacks: the walk in the kernel against what libgcc's unwinder says of the same moment, and what a walk says when it cannot know.
#include <sys/mman.h>
#include <unwind.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <ranges>

#include "elf/mapped_elf.h"
#include "probed_self.h"
#include "proc/process_memory.h"
#include "unwind/libdw_unwinder.h"

namespace whoholds {
namespace {

std::vector<uint64_t> witnessed;  // by libgcc, inside of the acquiring function

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void*) {
    int is_exact = 0;
    uint64_t pc = _Unwind_GetIPInfo(context, &is_exact);
    if (pc != 0) witnessed.push_back(is_exact ? pc | WH_FRAME_EXACT : pc);
    return _URC_NO_REASON;
}

// The unwinder cannot see through return probes: it is asked in a call that has none.
[[gnu::noinline]] void witness() {
    witnessed.clear();
    _Unwind_Backtrace(note_frame, nullptr);
    asm volatile("");  // no tail call
}

class StacksTest : public ProbedSelf {};

std::vector<uint64_t> outer(const std::vector<uint64_t>& frames, size_t skipped) {
    if (frames.size() <= skipped) return {};
    return {frames.begin() + static_cast<ptrdiff_t>(skipped), frames.end()};
}

[[gnu::noinline, gnu::noclone]] void acquire_and_witness() {
    fake::next_result = 0x1000;
    fake::acquire(48);
    witness();
    asm volatile("");
}

// witness() and acquire_and_witness() stand before what is compared; of the walk acquire_and_witness() alone.
void expect_equal_stacks(const StackInfo* stack) {
    ASSERT_NE(stack, nullptr);
    EXPECT_EQ(stack->status, uint32_t{WH_STACK_DONE});
    EXPECT_EQ(outer(stack->frames, 1), outer(witnessed, 2));
    EXPECT_GT(stack->frames.size(), 5u);
}

TEST_F(StacksTest, T2_T32_complete_without_frame_pointers) {
    acquire_and_witness();
    expect_equal_stacks(only_stack());
}

[[gnu::noinline, gnu::noclone]] void with_alloca(size_t size) {
    auto* bytes = static_cast<char*>(__builtin_alloca(size));
    std::memset(bytes, 1, size);
    acquire_and_witness();
    asm volatile("" ::"r"(bytes) : "memory");
}

TEST_F(StacksTest, through_frames_of_variable_size) {
    with_alloca(3000);
    expect_equal_stacks(only_stack());
}

[[gnu::noinline, gnu::noclone]] void with_realigned_frame() {
    alignas(64) volatile char bytes[128];
    bytes[0] = 1;
    acquire_and_witness();
    bytes[1] = bytes[0];
}

TEST_F(StacksTest, through_realigned_frames) {
    with_realigned_frame();
    expect_equal_stacks(only_stack());
}

int compare_and_acquire(const void* a, const void* b) {
    static bool first = false;
    if (!std::exchange(first, true)) acquire_and_witness();
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

TEST_F(StacksTest, through_a_callback_from_libc) {
    int values[] = {3, 1};
    qsort(values, std::size(values), sizeof(int), compare_and_acquire);
    expect_equal_stacks(only_stack());
}

void acquire_in_handler(int) { acquire_and_witness(); }

// libgcc counts its frames for signals as exact in other places than we do; addresses must agree, and one of ours is exact.
TEST_F(StacksTest, through_a_signal_handler) {
    std::signal(SIGUSR1, acquire_in_handler);
    std::raise(SIGUSR1);
    std::signal(SIGUSR1, SIG_DFL);

    const StackInfo* stack = only_stack();

    ASSERT_NE(stack, nullptr);
    EXPECT_EQ(stack->status, uint32_t{WH_STACK_DONE});
    auto addresses = [](const std::vector<uint64_t>& frames) {
        std::vector<uint64_t> plain;
        for (uint64_t frame : frames) plain.push_back(frame & ~WH_FRAME_EXACT);
        return plain;
    };
    EXPECT_EQ(addresses(outer(stack->frames, 1)), addresses(outer(witnessed, 2)));
    EXPECT_EQ(std::ranges::count_if(stack->frames, [](uint64_t frame) { return (frame & WH_FRAME_EXACT) != 0; }), 1);
}

[[gnu::noinline, gnu::noclone]] int acquire_deeper(unsigned depth) {
    if (depth == 0) {
        fake::next_result = 0x1000;
        fake::acquire(1);
        return 0;
    }
    int below = acquire_deeper(depth - 1);
    asm volatile("" : "+r"(below));
    return below + 1;
}

TEST_F(StacksTest, T32_deeper_than_the_limit_says_so) {
    acquire_deeper(WH_STACK_MAX_FRAMES + 20);

    const StackInfo* stack = only_stack();

    ASSERT_NE(stack, nullptr);
    EXPECT_EQ(stack->status, uint32_t{WH_STACK_TOO_DEEP});
    EXPECT_EQ(stack->frames.size(), size_t{WH_STACK_MAX_FRAMES});
}

TEST_F(StacksTest, deep_but_within_the_limit_is_complete) {
    acquire_deeper(200);

    const StackInfo* stack = only_stack();

    ASSERT_NE(stack, nullptr);
    EXPECT_EQ(stack->status, uint32_t{WH_STACK_DONE});
    EXPECT_GT(stack->frames.size(), 200u);
}

// Both `map` and `acquire` are pending when the inner one returns; the outer one's return address is the kernel's trampoline then.
TEST_F(StacksTest, T3_complete_through_return_addresses_that_probes_replaced) {
    fake::during_call = [] {
        fake::next_result = 0x2000;
        fake::acquire(48);
    };
    fake::next_result = 0x1000;
    fake::map(0, 4096, 0, 0);

    Profile all = profile();

    ASSERT_EQ(all.stacks.size(), 2u);
    const StackInfo* heap = nullptr;
    const StackInfo* mapping = nullptr;
    for (const ProfileStack& stack : all.stacks)
        (stack.kind == WH_KIND_HEAP ? heap : mapping) = aggregator_->find_stack(stack.stack);
    ASSERT_TRUE(heap && mapping);
    EXPECT_EQ(heap->status, uint32_t{WH_STACK_DONE});
    // From the test's own frame outwards they are one stack.
    ASSERT_GT(heap->frames.size(), mapping->frames.size());
    EXPECT_TRUE(std::equal(mapping->frames.rbegin(), mapping->frames.rend(), heap->frames.rbegin()));
}

// Machine code that calls a function, without a frame: sub $8,%rsp; call *%rdi; add $8,%rsp; ret.
class MadeCode {
public:
    MadeCode() {
        constexpr uint8_t kCode[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x08, 0xc3};
        place_ = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        std::memcpy(place_, kCode, sizeof(kCode));
        mprotect(place_, 4096, PROT_READ | PROT_EXEC);
    }
    MadeCode(const MadeCode&) = delete;
    MadeCode& operator=(const MadeCode&) = delete;
    ~MadeCode() { munmap(place_, 4096); }
    void call(void (*function)()) const { reinterpret_cast<void (*)(void (*)())>(place_)(function); }

private:
    void* place_;
};

TEST_F(StacksTest, T32_through_code_made_at_run_time_never_claims_to_be_complete) {
    const MadeCode code;
    publish_mappings();
    code.call(acquire_and_witness);

    const StackInfo* stack = only_stack();

    ASSERT_NE(stack, nullptr);
    EXPECT_NE(stack->status, uint32_t{WH_STACK_DONE});
    EXPECT_GE(stack->frames.size(), 2u);
}

struct Notices : RecordSink {
    Aggregator* aggregator = nullptr;
    unsigned mappings = 0;
    std::vector<std::unique_ptr<wh_snapshot_record>> snapshots;
    void on_record(const Record& record) override {
        mappings += record.type == RecordType::kMappings;
        if (record.type == RecordType::kSnapshot)
            snapshots.push_back(std::make_unique<wh_snapshot_record>(*record.snapshot));
        aggregator->on_record(record);
    }
};

class StacksUnknown : public StacksTest {
protected:
    Notices read_notices() {
        Notices notices;
        notices.aggregator = &*aggregator_;
        while (!source_->round(notices, 0)) {}
        return notices;
    }
    static UnwoundStack finish(const wh_snapshot_record& snapshot) {
        LibdwUnwinder unwinder({.open =
                                    [](const Mapping& mapping) {
                                        std::string open_path;
                                        return open_mapped_elf(ProcRoot{}, getpid(), mapping, open_path);
                                    },
                                .read_memory = [](const Mapping& mapping) -> Result<std::vector<uint8_t>> {
                                    WH_TRY(const ProcessMemory memory, ProcessMemory::open(ProcRoot{}, getpid()));
                                    return memory.read(mapping.start, mapping.end - mapping.start);
                                },
                                .frame_pointers = nullptr});
        unwinder.reset(*read_maps(ProcRoot{}, getpid()));
        std::vector<ReplacedReturn> replaced;
        for (const auto& one : std::views::counted(snapshot.returns, snapshot.return_count))
            replaced.push_back({one.place, one.address});
        const auto* r = snapshot.registers;
        return unwinder.unwind({.registers = {r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]},
                                .bytes = {reinterpret_cast<const uint8_t*>(snapshot.slice), snapshot.slice_bytes},
                                .replaced = replaced});
    }
};

TEST_F(StacksUnknown, stack_of_unknown_mappings_is_finished_outside) {
    tracer_->unwind_tables().forget(0);
    acquire_and_witness();

    Notices notices = read_notices();

    ASSERT_EQ(notices.snapshots.size(), 1u);
    EXPECT_GE(notices.mappings, 1u);
    EXPECT_EQ(counter(WH_COUNTER_SNAPSHOT), 1u);
    UnwoundStack finished = finish(*notices.snapshots[0]);
    EXPECT_EQ(finished.status, WH_STACK_DONE);
    EXPECT_EQ(outer(finished.frames, 1), outer(witnessed, 2));
}

TEST_F(StacksUnknown, code_that_went_makes_tables_stale_until_they_are_renewed) {
    publish_mappings(100);  // so many more executable pages than there are: they seem to have gone
    fake::next_result = 0x1000;
    fake::acquire(1);
    EXPECT_EQ(read_notices().snapshots.size(), 1u);

    publish_mappings();
    fake::next_result = 0x2000;
    fake::acquire(1);
    EXPECT_EQ(read_notices().snapshots.size(), 0u);
    EXPECT_EQ(counter(WH_COUNTER_SNAPSHOT), 1u);
}

TEST_F(StacksUnknown, snapshots_are_limited_and_what_is_beyond_is_said) {
    tracer_->unwind_tables().forget(0);
    for (uint64_t i = 1; i <= 2000; i++) {
        fake::next_result = i << 12;
        fake::acquire(1);
    }
    stop();

    EXPECT_GT(counter(WH_COUNTER_SNAPSHOT), 0u);
    EXPECT_GT(counter(WH_COUNTER_SNAPSHOT_LOST), 0u);
    EXPECT_EQ(counter(WH_COUNTER_SNAPSHOT) + counter(WH_COUNTER_SNAPSHOT_LOST), 2000u);
    const ProfileKind heap = kind(WH_KIND_HEAP);
    EXPECT_EQ(heap.held.count + heap.lost.count, 2000u) << "snapshots may have filled the ring";
}

// Another function at the same address: a stack of the new one is not the old one's.
TEST_F(StacksUnknown, T17_layout_counts_up_when_code_is_replaced) {
    auto maps = read_maps(ProcRoot{}, getpid());
    ASSERT_TRUE(maps);
    auto libc = std::ranges::find_if(*maps, [](const Mapping& mapping) {
        return mapping.executable && mapping.path.find("libc.so") != std::string::npos;
    });
    ASSERT_NE(libc, maps->end());
    auto update = [&](const std::vector<Mapping>& now) {
        return *tracer_->unwind_tables().update(0, ProcRoot{}, getpid(), {.maps = now, .exec_pages = 0});
    };
    uint32_t before = update(*maps);
    std::vector<Mapping> without = *maps;
    std::erase_if(without, [&](const Mapping& mapping) { return mapping.start == libc->start; });
    EXPECT_EQ(update(without), before) << "nothing else is there";
    EXPECT_EQ(update(*maps), before) << "the same came back";
    std::vector<Mapping> moved = *maps;
    moved[static_cast<size_t>(libc - maps->begin())].file_offset += 4096;
    EXPECT_EQ(update(moved), before + 1);
}

}  // namespace
}  // namespace whoholds
