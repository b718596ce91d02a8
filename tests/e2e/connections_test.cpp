// What descriptors are now: states, peers, queues, sizes; and connections that failed or are half open.
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.h"
#include "e2e/proc_tables.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

// A listening socket of the test's own.
struct Listener {
    UniqueFd socket_fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    unsigned port = 0;

    Listener() {
        sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof(address);
        EXPECT_EQ(bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
        EXPECT_EQ(listen(socket_fd.get(), 64), 0);
        EXPECT_EQ(getsockname(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        port = ntohs(address.sin_port);
    }
    [[nodiscard]] UniqueFd next() const { return UniqueFd(accept4(socket_fd.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port); }
};

json group_with(const ReportReader& report, std::string_view direction, std::string_view remote) {
    for (const json& group : report.process().value("connections", json::array())) {
        if (text_of(group, "direction") == direction && text_of(group, "remote") == remote) return group;
    }
    return json::object();
}

json only_item(const ReportReader& report, std::string_view function, const char* kind) {
    const json items = items_from(report, function, kind);
    EXPECT_EQ(items.size(), 1U) << function << ": " << report.stacks(kind);
    return items.empty() ? json::object() : items[0];
}

TEST_F(E2eTest, outgoing_connections_by_site_and_endpoint) {
    const Listener one;
    const Listener other;
    Puppet puppet("descriptors_puppet");
    puppet.command("connect " + std::to_string(one.port) + " 3");

    const ReportReader report =
        trace(puppet, {"connect " + std::to_string(one.port) + " 5", "connect " + std::to_string(other.port) + " 2"});

    EXPECT_EQ(report.caller("site_client", "socket").held.count, 7U);
    const json first = group_with(report, "outgoing", one.address());
    EXPECT_EQ(first.value("count", 0), 8) << report.process()["connections"];
    EXPECT_EQ(first.value("before_attach", 0), 3) << first;
    EXPECT_EQ(first["states"], (json{{"ESTABLISHED", 8}}));
    EXPECT_EQ(group_with(report, "outgoing", other.address()).value("count", 0), 2);
    unsigned with_address = 0;
    for (const json& item : items_from(report, "site_client", "socket")) {
        with_address += text_of(item, "remote") == one.address() && text_of(item, "local").starts_with("127.0.0.1:");
    }
    EXPECT_EQ(with_address, 5U);
}

// The peer has gone, the program has not noticed: whoever leaks connections has many of these.
TEST_F(E2eTest, close_wait_by_site) {
    const Listener listener;
    Puppet puppet("descriptors_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("connect " + std::to_string(listener.port) + " 3");
    const UniqueFd kept = listener.next();
    listener.next().reset();
    listener.next().reset();
    puppet.command("leak site_accept 4");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(group_with(report, "outgoing", listener.address())["states"],
              (json{{"CLOSE_WAIT", 2}, {"ESTABLISHED", 1}}));
    const json accepted = items_from(report, "site_accept", "socket");
    ASSERT_EQ(accepted.size(), 4U);
    for (const json& item : accepted) {
        EXPECT_EQ(item["state"], "CLOSE_WAIT") << item;
        EXPECT_EQ(item["direction"], "incoming") << item;
    }
    EXPECT_EQ(group_with(report, "incoming", "127.0.0.1").value("count", 0), 4) << report.process()["connections"];
}

TEST_F(E2eTest, listening_with_a_queue) {
    Puppet puppet("descriptors_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    const std::string port = puppet.command("backlog 9 2");
    const ReportReader report = whoholds.finish();

    const json item = only_item(report, "site_listen", "socket");
    EXPECT_EQ(item["state"], "LISTEN") << item;
    EXPECT_EQ(item["local"], "127.0.0.1:" + port) << item;
    EXPECT_EQ(item["waiting"], 2) << item;
    EXPECT_EQ(item["backlog"], 9) << item;
    EXPECT_EQ(item["direction"], "listening") << item;
}

TEST_F(E2eTest, bytes_that_wait) {
    Puppet puppet("descriptors_puppet");

    const ReportReader report = trace(puppet, {"queued 123", "unsent"});

    uint64_t received = 0;
    for (const json& item : items_from(report, "site_accept4", "socket")) {
        received += item.value("receive_bytes", uint64_t{0}) == 123;
    }
    EXPECT_EQ(received, 1U) << items_from(report, "site_accept4", "socket");
    uint64_t unsent = 0;
    for (const json& item : items_from(report, "site_client", "socket")) unsent += item.value("send_bytes", 0U) > 0;
    EXPECT_EQ(unsent, 1U) << items_from(report, "site_client", "socket");
}

TEST_F(E2eTest, refused_connects_are_told) {
    Puppet puppet("descriptors_puppet");

    const ReportReader report = trace(puppet, {"refused 5"});

    const json failures = report.process().value("connect_failures", json::array());
    ASSERT_EQ(failures.size(), 1U) << failures;
    EXPECT_EQ(failures[0]["error"], "connection refused");
    EXPECT_EQ(failures[0]["count"], 5);
    EXPECT_EQ(text_of(failures[0], "headline"), "site_refused") << failures;
    EXPECT_EQ(report.caller("site_refused", "socket").held.count, 0U);
}

TEST_F(E2eTest, half_open_connect_is_visible) {
    Puppet puppet("descriptors_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    const std::string port = puppet.command("half_open");
    const ReportReader report = whoholds.finish();

    const json item = only_item(report, "site_half_open", "socket");
    EXPECT_EQ(item["state"], "SYN_SENT") << item;
    EXPECT_EQ(item["remote"], "127.0.0.1:" + port) << item;
}

TEST_F(E2eTest, what_descriptors_are) {
    Puppet puppet("descriptors_puppet");

    std::vector<std::string> commands = {"deleted 12345"};
    struct Expected {
        const char* site;
        const char* word;  // in the type or name
    };
    const std::vector<Expected> all = {
        {"open", "/dev/null"},  {"opendir", "/"},       {"pipe", "pipe"},         {"epoll", "epoll"},
        {"eventfd", "eventfd"}, {"timerfd", "timerfd"}, {"signalfd", "signalfd"}, {"inotify", "inotify"},
        {"memfd", "memfd"},     {"pidfd", "pidfd"},     {"socket_udp", "UDP"},    {"socket_tcp", "TCP"},
        {"socketpair", "unix"},
    };
    for (const Expected& one : all) commands.push_back(std::string("leak site_") + one.site + " 1");
    const ReportReader report = trace(puppet, commands);

    for (const Expected& one : all) {
        const std::string function = std::string("site_") + one.site;
        json items = items_from(report, function, "fd");
        if (items.empty()) items = items_from(report, function, "socket");
        EXPECT_FALSE(items.empty()) << function;
        for (const json& item : items) {
            const std::string words = text_of(item, "type") + " " + text_of(item, "name");
            EXPECT_NE(words.find(one.word), std::string::npos) << item;
        }
    }
    const json deleted = only_item(report, "site_deleted", "fd");
    EXPECT_EQ(deleted["deleted"], true) << deleted;
    EXPECT_EQ(deleted["size_bytes"], 12345) << deleted;
}

}  // namespace
}  // namespace whoholds::e2e
