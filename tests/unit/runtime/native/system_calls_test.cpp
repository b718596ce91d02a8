#include "runtime/native/system_calls.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <set>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

CallShape shape_of(uint32_t number) {
    const SystemCall* call = find_system_call(number);
    return call == nullptr ? CallShape{} : unpack(call->shape);
}

TEST(SystemCalls, T37_every_row_is_unique_valid_and_found) {
    std::set<uint32_t> numbers;
    std::set<std::string_view> names;
    for (const SystemCall& call : system_calls()) {
        SCOPED_TRACE(call.name);
        const CallShape shape = unpack(call.shape);

        EXPECT_TRUE(is_valid(shape));
        EXPECT_TRUE(is_system_call(shape));
        EXPECT_EQ(pack(shape), call.shape);
        EXPECT_EQ(shape.kind, WH_KIND_FD);
        EXPECT_TRUE(numbers.insert(call.number).second);
        EXPECT_TRUE(names.insert(call.name).second);
        EXPECT_EQ(find_system_call(call.number), &call);
    }
}

TEST(SystemCalls, T37_arguments_are_those_of_the_kernel) {
    EXPECT_EQ(shape_of(SYS_pipe2).key_arg, 1U);
    EXPECT_EQ(shape_of(SYS_socketpair).key_arg, 4U);
    EXPECT_EQ(shape_of(SYS_fcntl).flags_arg, 2U);
    EXPECT_EQ(shape_of(SYS_recvmsg).key_arg, 2U);
    EXPECT_EQ(shape_of(SYS_close_range).size_arg, 2U);
    EXPECT_EQ(shape_of(SYS_close).key_arg, 1U);
    EXPECT_EQ(shape_of(SYS_dup2).operation, WH_OPERATION_DUP_OVER);
    EXPECT_EQ(shape_of(SYS_dup).operation, WH_OPERATION_OPEN);
    EXPECT_EQ(shape_of(SYS_accept4).operation, WH_OPERATION_ACCEPT);
    EXPECT_EQ(shape_of(SYS_connect).operation, WH_OPERATION_CONNECT);
}

TEST(SystemCalls, T37_of_the_commands_of_bpf_some_open) {
    EXPECT_EQ(shape_of(SYS_bpf).operation, WH_OPERATION_OPEN);
    EXPECT_EQ(shape_of(SYS_bpf).flags_arg, 1U);
    constexpr auto kOpening = std::to_array<uint32_t>(
        {BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_OBJ_GET, BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID,
         BPF_RAW_TRACEPOINT_OPEN, BPF_BTF_LOAD, BPF_BTF_GET_FD_BY_ID, BPF_LINK_CREATE, BPF_LINK_GET_FD_BY_ID,
         BPF_ENABLE_STATS, BPF_ITER_CREATE, 36 /* BPF_TOKEN_CREATE */});
    for (uint32_t command = 0; command < 200; ++command) {
        const bool opens = std::ranges::find(kOpening, command) != kOpening.end();
        EXPECT_EQ(WH_BPF_COMMAND_OPENS(command), opens) << command;
    }
}

TEST(SystemCalls, what_makes_no_descriptor_has_no_row) {
    for (const uint32_t number : {uint32_t{SYS_read}, uint32_t{SYS_futex}, uint32_t{SYS_ioctl}, uint32_t{SYS_prctl},
                                  kSystemCallLimit, kSystemCallLimit + SYS_close, UINT32_MAX}) {
        EXPECT_EQ(find_system_call(number), nullptr) << number;
    }
}

}  // namespace
}  // namespace whoholds
