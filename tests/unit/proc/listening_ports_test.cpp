#include "proc/listening_ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whoholds {
namespace {

constexpr std::string_view kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21187 1 0 100 0 0 10 "
    "0\n"
    "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21188 1 0 100 0 0 10 "
    "0\n"
    "   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 21189 1 0 100 0 0 10 "
    "0\n"
    "   3: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21190 1 0 100 0 0 10 "
    "0\n";

TEST(ListeningPorts, are_those_up_to_the_first_that_does_not_listen) {
    std::vector<uint16_t> ports;

    parse_listening_ports(kTable, ports);

    EXPECT_THAT(ports, ::testing::ElementsAre(8080, 22));
}

TEST(ListeningPorts, of_nonsense_are_none) {
    std::vector<uint16_t> ports;

    for (const char* text : {"", "\n", "a\nb\nc\n", "x\n 0: 0100007F 0 0A\n", "x\n 0: :FFFFF 0 0A\n"})
        parse_listening_ports(text, ports);

    EXPECT_TRUE(ports.empty());
}

TEST(ListeningPorts, a_process_that_is_gone_has_none) {
    const ListeningPorts ports = listening_ports(ProcRoot{"/nonexistent"}, 1);

    EXPECT_EQ(ports.net_inode, 0U);
    EXPECT_TRUE(ports.tcp.empty());
}

}  // namespace
}  // namespace whoholds
