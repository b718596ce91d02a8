// Who holds the descriptors of a Go program, in a program that moves them about after it was read.
#include "runtime/go/descriptor_holders.h"

#include <gmock/gmock.h>

#include <sstream>

#include "runtime/go/type_reading.h"
#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class GoDescriptorsHeld : public GoForms {
protected:
    static constexpr int kConnections = 20;

    static GoDescriptorHolders read(const GoProcess& process, uint64_t max_copy_bytes = GoHeapModel::kMaxContentBytes) {
        GoTypeReader reader;
        return reader
            .read(
                process, [](const auto&) { return GoTypeReader::Wanted{.types = {}, .descriptors = true}; },
                [] { return true; }, max_copy_bytes)
            .descriptors;
    }

    static void keep_connections(GoPuppet& puppet) {
        std::istringstream ports(puppet.command("serve 0"));
        std::string port;
        ports >> port;
        puppet.command("keep " + port + " " + std::to_string(kConnections));
    }

    static std::vector<uint32_t> held_by(const GoDescriptorHolders& holders, const std::string& what) {
        constexpr uint32_t kEnough = 200;
        std::vector<uint32_t> found;
        for (uint32_t descriptor = 0; descriptor < kEnough; ++descriptor)
            if (holders.way_to(descriptor).find(what) != std::string_view::npos) found.push_back(descriptor);
        return found;
    }
};

TEST_P(GoDescriptorsHeld, are_told_as_long_as_the_way_holds_then_by_its_last_steps) {
    GoPuppet puppet(path());
    keep_connections(puppet);
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    GoDescriptorHolders holders = read(*process);

    holders.confirm(process->memory());
    std::vector<uint32_t> kept = held_by(holders, "main.kept");
    if (kept.empty()) kept = held_by(holders, "main.keepInMap");  // without symbols
    ASSERT_GE(kept.size(), kConnections * 4U / 5) << "a word that a stack left behind may lead to some";
    EXPECT_EQ(holders.changed(), 0U);
    EXPECT_EQ(holders.claimed_twice(), 0U);

    puppet.command("aside");
    holders.confirm(process->memory());
    for (const uint32_t descriptor : kept) {
        EXPECT_THAT(std::string(holders.way_to(descriptor)), StartsWith("... -> "));
        EXPECT_THAT(std::string(holders.way_to(descriptor)), HasSubstr("net.TCPConn"));
    }

    puppet.command("close");
    holders.confirm(process->memory());
    for (const uint32_t descriptor : kept) EXPECT_EQ(holders.way_to(descriptor), "");
    EXPECT_GE(holders.changed(), kept.size());
}

TEST_P(GoDescriptorsHeld, of_a_process_that_is_gone_are_not_told) {
    std::optional<GoPuppet> puppet(std::in_place, path());
    keep_connections(*puppet);
    const auto process = open(puppet->pid());
    ASSERT_TRUE(process);
    GoDescriptorHolders holders = read(*process);
    ASSERT_FALSE(holders.is_empty());

    puppet.reset();
    holders.confirm(process->memory());

    EXPECT_TRUE(holders.is_empty());
}

TEST_P(GoDescriptorsHeld, are_told_by_who_waits_for_them_where_the_heap_is_too_large) {
    constexpr size_t kWaiting = 30;
    GoPuppet server(path());
    std::istringstream ports(server.command("serve 0"));
    std::string port;
    ports >> port;
    GoPuppet puppet(path());
    puppet.command("keep " + port + " 20");
    puppet.command("read " + port + " " + std::to_string(kWaiting));
    ::usleep(200'000);  // until all of them wait
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    GoDescriptorHolders holders = read(*process, uint64_t{1} << 18);
    EXPECT_EQ(held_by(holders, "main.readForever, started by main.openAndRead, which waits for it").size(), kWaiting);
    EXPECT_EQ(held_by(holders, "goroutine").size(), kWaiting) << "nobody waits for the others";
    holders.confirm(process->memory());
    EXPECT_EQ(held_by(holders, "goroutine").size(), kWaiting);
    EXPECT_EQ(holders.claimed_twice() + holders.changed(), 0U);

    GoDescriptorHolders of_server = read(*open(server.pid()), 0);
    EXPECT_EQ(held_by(of_server, "goroutine").size(), 0U) << "not even stacks may be copied";
}

INSTANTIATE_TEST_SUITE_P(Each, GoDescriptorsHeld,
                         ::testing::Values("go_connections", "go_connections_stripped", "go_1_19_connections",
                                           "go_1_19_connections_stripped"),
                         go_form_name);

}  // namespace
}  // namespace whoholds
