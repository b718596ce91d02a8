// Who holds what a Go program had open before the attach: no line opened it as far as we saw, so the heap is asked.
#include <gmock/gmock.h>

#include <sstream>

#include "e2e/puppet.h"
#include "e2e/report_reader.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::StartsWith;

class GoDescriptors : public E2eTest, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: go is not installed";
    }

    static json row_before_attach(const ReportReader& report, const std::string& kind) {
        for (const json& stack : report.stacks(kind))
            if (stack.at("before_attach") == true) return stack;
        return json::object();
    }

    // How many are held in ways that match.
    template <class Matcher>
    static uint64_t held_so(const json& row, Matcher matcher) {
        uint64_t count = 0;
        for (const json& holder : row.value("holders", json::array()))
            if (::testing::Value(holder.at("way").get<std::string>(), matcher))
                count += holder.at("count").get<uint64_t>();
        return count;
    }
};

TEST_P(GoDescriptors, from_before_the_attach_are_told_by_who_holds_them) {
    Puppet server(GetParam());
    std::istringstream ports(server.command("serve 70"));
    std::string quiet, answering;
    ports >> quiet >> answering;
    Puppet puppet(GetParam());
    puppet.command("read " + quiet + " 50");
    puppet.command("keep " + quiet + " 60");
    puppet.command("pool " + answering + " 70");
    puppet.command("forget " + answering + " 40");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.3"});
    whoholds.later_report();
    const ReportReader report = whoholds.finish();

    const json sockets = row_before_attach(report, "socket");
    ASSERT_TRUE(sockets.contains("holders")) << sockets;
    EXPECT_EQ(sockets.at("held").at("count"), 220);
    EXPECT_EQ(sockets.at("holders_not_known"), 0) << sockets.at("holders");
    // A word that a stack left behind may lead to some of them, too: those are held by others.
    EXPECT_LE(sockets.at("holders").size(), 15) << "of one sort are one line" << sockets.at("holders");
    const auto about = [](uint64_t count) { return AllOf(Ge(count * 4 / 5), Le(count + 5)); };
    EXPECT_THAT(held_so(sockets, AllOf(StartsWith("goroutine "), HasSubstr("main.readForever"),
                                       HasSubstr("started by main.openAndRead"))),
                about(50))
        << sockets.at("holders");
    EXPECT_THAT(
        held_so(sockets, AllOf(StartsWith("variable "), AnyOf(HasSubstr("main.kept"), HasSubstr("main.keepInMap")))),
        about(60))
        << sockets.at("holders");
    EXPECT_THAT(
        held_so(sockets, AllOf(StartsWith("variable "), HasSubstr("(http.Transport)"), HasSubstr("http.persistConn"))),
        about(70))
        << sockets.at("holders");
    EXPECT_THAT(held_so(sockets, AllOf(StartsWith("goroutine net/http.(*Transport).dialConn"),
                                       HasSubstr("started by net/http.(*Transport).dialConn"))),
                about(40))
        << sockets.at("holders");
    for (const json& item : sockets.at("items")) EXPECT_THAT(item.value("held_by", ""), HasSubstr(" -> ")) << item;
}

INSTANTIATE_TEST_SUITE_P(Each, GoDescriptors,
                         ::testing::Values("go_connections", "go_connections_stripped", "go_1_19_connections",
                                           "go_1_19_connections_stripped"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace whoholds::e2e
