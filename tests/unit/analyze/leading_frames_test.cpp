#include "analyze/leading_frames.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "bpf/shared/records.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

class LeadingFrames : public ::testing::Test {
protected:
    size_t leading(std::vector<uint64_t> frames, uint8_t kind = WH_KIND_FD) {
        StackInfo info;
        info.frames = std::move(frames);
        return leading_frames(info, kind, libc_, symbolizer_);
    }

    Symbolizer symbolizer_{ProcRoot{}, getpid()};
    std::vector<AddressRange> libc_ = {{0x1000, 0x2000}};
};

TEST_F(LeadingFrames, what_libc_does_inside_is_left_out) {
    EXPECT_EQ(leading({0x1010 | WH_FRAME_EXACT, 0x1200, 0x1300, 0x9000, 0x1400}), 3U);
}

TEST_F(LeadingFrames, a_stack_of_libc_alone_keeps_its_callers) { EXPECT_EQ(leading({0x1010, 0x1200, 0x1300}), 1U); }

TEST_F(LeadingFrames, a_single_frame_stays) { EXPECT_EQ(leading({0x1010}), 0U); }

TEST_F(LeadingFrames, functions_that_are_probed_themselves_lose_nothing) {
    EXPECT_EQ(leading({0x1010, 0x9000}, WH_KIND_HEAP), 0U);
    EXPECT_EQ(leading({0x1010, 0x9000}, WH_KIND_PAIR_FIRST), 0U);
}

TEST(SystemCallWrapper, names_of_libcs_and_of_go) {
    for (const char* name : {"open", "close", "accept4", "open64", "__syscall_cp_c", "syscall.Syscall6",
                             "internal/runtime/syscall/linux.Syscall6", "fopen", "_IO_file_open", "__clone"})
        EXPECT_TRUE(is_system_call_wrapper(name)) << name;
    for (const char* name : {"main", "opener", "reopen", "net.(*netFD).accept", "", "syscalls_of_mine"})
        EXPECT_FALSE(is_system_call_wrapper(name)) << name;
}

TEST(CLibrary, T30_is_known_by_its_name_wherever_it_lies) {
    for (const char* path : {"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/libc-2.31.so", "/lib/ld-musl-x86_64.so.1",
                             "/lib/libc.musl-x86_64.so.1", "/lib64/libpthread.so.0"})
        EXPECT_TRUE(is_c_library(path)) << path;
    for (const char* path : {"/usr/lib/libcurl.so.4", "/usr/bin/libc", "/lib/ld-linux-x86-64.so.2", ""})
        EXPECT_FALSE(is_c_library(path)) << path;
}

}  // namespace
}  // namespace whoholds
