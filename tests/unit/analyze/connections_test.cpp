#include "analyze/connections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/analyze/held_samples.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr uint64_t kNow = 70 * kSecond;

uint64_t id_of(uint32_t stack) { return stack == 0 ? 0 : 0x100 + stack; }

ConnectionList group(const std::vector<HeldDescriptor>& all, ConnectionGrowth& growth, double time_s = 0,
                     size_t top = 10, const UnixSocketPaths* paths = nullptr) {
    return group_connections(all, SocketView(all, paths), {kNow, time_s, top, id_of}, growth);
}

ConnectionList group(const std::vector<HeldDescriptor>& all, size_t top = 10, const UnixSocketPaths* paths = nullptr) {
    ConnectionGrowth growth;
    return group(all, growth, 0, top, paths);
}

HeldDescriptor outgoing(uint32_t fd, const std::string& remote, uint16_t port, uint8_t state = kEstablishedState) {
    return held_tcp(fd, state, "10.1.0.9", static_cast<uint16_t>(40'000 + fd), remote, port);
}

HeldDescriptor incoming(uint32_t fd, const std::string& remote, uint16_t port) {
    HeldDescriptor held = held_tcp(fd, kEstablishedState, "10.1.0.9", 80, remote, port);
    held.incoming = true;
    return held;
}

TEST(Connections, are_grouped_by_protocol_direction_and_endpoint) {
    const ConnectionList list =
        group({outgoing(3, "10.0.0.5", 443), outgoing(4, "10.0.0.5", 443), outgoing(5, "10.0.0.5", 443),
               outgoing(6, "10.0.0.5", 444), incoming(7, "10.0.0.5", 1000), incoming(8, "10.0.0.5", 1001),
               held_tcp(9, kListenState, "::", 80), held_file(10, 17)});

    ASSERT_EQ(list.groups.size(), 4U);
    EXPECT_EQ(list.groups[0].remote, "10.0.0.5:443");
    EXPECT_EQ(list.groups[0].direction, "outgoing");
    EXPECT_EQ(list.groups[0].protocol, "TCP");
    EXPECT_EQ(list.groups[0].count, 3U);
    EXPECT_EQ(list.groups[1].remote, "10.0.0.5");
    EXPECT_EQ(list.groups[1].direction, "incoming");
    EXPECT_EQ(list.groups[1].count, 2U);
    EXPECT_EQ(list.groups[2].remote, "10.0.0.5:444");
    EXPECT_EQ(list.groups[3].remote, "[::]:80");
    EXPECT_EQ(list.groups[3].direction, "listening");
}

TEST(Connections, count_states_bytes_and_stacks) {
    std::vector<HeldDescriptor> all = {outgoing(3, "10.0.0.5", 443),
                                       outgoing(4, "::ffff:10.0.0.5", 443, kCloseWaitState),
                                       outgoing(5, "10.0.0.5", 443)};
    all[0].seen.receive_bytes = 10;
    all[1].seen.receive_bytes = 20;
    all[2].seen.send_bytes = 5;
    all[0].stack = all[2].stack = 7;
    all[1].stack = 9;
    all[1].time_ns = 5 * kSecond;

    const ConnectionList list = group(all);

    ASSERT_EQ(list.groups.size(), 1U) << "a v6 socket that speaks IPv4 has the same peer";
    EXPECT_THAT(list.groups[0].states, ElementsAre(Pair("ESTABLISHED", 2), Pair("CLOSE_WAIT", 1)));
    EXPECT_EQ(list.groups[0].receive_bytes, 30U);
    EXPECT_EQ(list.groups[0].send_bytes, 5U);
    EXPECT_EQ(list.groups[0].oldest_s, 65.0);
    EXPECT_THAT(list.groups[0].stack_ids, ElementsAre(0x107, 0x109));
    EXPECT_EQ(list.groups[0].waiting, std::nullopt);
}

TEST(Connections, listening_ones_have_waiting_and_backlog) {
    HeldDescriptor listening = held_tcp(3, kListenState, "0.0.0.0", 80);
    listening.seen.receive_bytes = 3;
    listening.seen.send_bytes = 511;

    const ConnectionList list = group({listening});

    ASSERT_EQ(list.groups.size(), 1U);
    EXPECT_EQ(list.groups[0].waiting, 3U);
    EXPECT_EQ(list.groups[0].backlog, 511U);
    EXPECT_EQ(list.groups[0].receive_bytes + list.groups[0].send_bytes, 0U);
}

TEST(Connections, T37_a_duplicated_descriptor_is_one_connection) {
    std::vector<HeldDescriptor> all = {outgoing(3, "10.0.0.5", 443), outgoing(3, "10.0.0.5", 443)};
    all[1].seen.fd = 4;

    EXPECT_EQ(group(all).groups[0].count, 1U);
}

TEST(Connections, from_before_attach_are_counted_apart_and_have_no_age) {
    std::vector<HeldDescriptor> all = {outgoing(3, "10.0.0.5", 443), outgoing(4, "10.0.0.5", 443)};
    all[1].before_attach = true;

    const ConnectionList list = group(all);

    EXPECT_EQ(list.groups[0].before_attach, 1U);
    EXPECT_EQ(list.groups[0].oldest_s, std::nullopt);
}

TEST(Connections, without_an_endpoint_are_one_group) {
    const HeldDescriptor udp = held_socket(3, AF_INET, SOCK_DGRAM, IPPROTO_UDP, kClosedState);
    HeldDescriptor bound = held_socket(4, AF_INET6, SOCK_DGRAM, IPPROTO_UDP, kClosedState);
    bound.seen.local_port = 53;

    const ConnectionList list = group({udp, bound});

    ASSERT_EQ(list.groups.size(), 1U);
    EXPECT_EQ(list.groups[0].remote, "");
    EXPECT_EQ(list.groups[0].direction, "");
    EXPECT_THAT(list.groups[0].states, ElementsAre(Pair("UNCONNECTED", 2)));
}

TEST(Connections, of_unix_sockets_are_grouped_by_path) {
    const UnixSocketPaths paths = {{100, "/run/x.sock"}, {101, "/run/x.sock"}, {102, "/run/x.sock"}, {200, "/run/db"}};
    const ConnectionList list =
        group({held_unix(3, kListenState, 100), held_unix(4, kEstablishedState, 101, 900),
               held_unix(5, kEstablishedState, 102, 901), held_unix(6, kEstablishedState, 902, 200)},
              10, &paths);

    ASSERT_EQ(list.groups.size(), 3U);
    EXPECT_EQ(list.groups[0].direction + list.groups[0].remote, "incoming/run/x.sock");
    EXPECT_EQ(list.groups[1].direction + list.groups[1].remote, "outgoing/run/db");
    EXPECT_EQ(list.groups[2].direction + list.groups[2].remote, "listening/run/x.sock");
}

TEST(Connections, are_cut_and_the_rest_is_counted) {
    const ConnectionList list = group({outgoing(3, "10.0.0.5", 443), outgoing(4, "10.0.0.6", 443),
                                       outgoing(5, "10.0.0.6", 443), outgoing(6, "10.0.0.7", 443)},
                                      1);

    ASSERT_EQ(list.groups.size(), 1U);
    EXPECT_EQ(list.groups[0].remote, "10.0.0.6:443");
    EXPECT_EQ(list.omitted, 2U);
    EXPECT_THAT(group({}).groups, IsEmpty());
}

TEST(Connections, equal_ones_keep_their_order) {
    const ConnectionList one = group({outgoing(3, "10.0.0.9", 443), outgoing(4, "10.0.0.5", 443)});
    const ConnectionList two = group({outgoing(3, "10.0.0.5", 443), outgoing(4, "10.0.0.9", 443)});

    EXPECT_EQ(one.groups[0].remote, two.groups[0].remote);
    EXPECT_EQ(one.groups[1].remote, two.groups[1].remote);
}

TEST(ConnectionGrowth, grows_by_endpoint_from_the_third_report_on) {
    ConnectionGrowth growth;
    std::vector<HeldDescriptor> all = {incoming(3, "10.0.0.2", 9)};
    for (uint32_t i = 0; i < 2; ++i) {
        all.push_back(outgoing(10 + i, "10.0.0.5", 443));
        EXPECT_EQ(group(all, growth, 60.0 * i).groups[0].growth_per_min, std::nullopt);
    }
    all.push_back(outgoing(12, "10.0.0.5", 443));

    const ConnectionList list = group(all, growth, 120);

    EXPECT_EQ(list.groups[0].growth_per_min, 1.0);
    EXPECT_EQ(list.groups[1].growth_per_min, 0.0);
}

TEST(ConnectionGrowth, forgets_endpoints_that_vanish_and_is_bounded) {
    ConnectionGrowth growth;
    std::vector<HeldDescriptor> all;
    for (uint32_t i = 0; i < ConnectionGrowth::kMostEndpoints + 100; ++i)
        all.push_back(outgoing(i, "10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200), 443));

    group(all, growth, 0);
    EXPECT_EQ(growth.size(), ConnectionGrowth::kMostEndpoints);

    group({all[0]}, growth, 1);
    EXPECT_EQ(growth.size(), 1U);
}

}  // namespace
}  // namespace whoholds
