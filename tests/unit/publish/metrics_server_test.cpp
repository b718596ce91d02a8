#include "publish/metrics_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/publish/http_client.h"

namespace whoholds {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kGet = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

std::unique_ptr<MetricsServer> started(MetricsServer::Limits limits = {}) {
    auto server = MetricsServer::start({}, limits);
    EXPECT_TRUE(server) << server.error().message;
    return *std::move(server);
}

TEST(ListenAddress, is_a_port_or_an_address_and_a_port) {
    EXPECT_EQ(parse_listen_address("9435")->host, "127.0.0.1");
    EXPECT_EQ(parse_listen_address("9435")->port, 9435);
    EXPECT_EQ(parse_listen_address("0.0.0.0:1")->host, "0.0.0.0");
    EXPECT_EQ(parse_listen_address("[::1]:65535")->host, "::1");
    for (const char* text : {"", "x", ":1", "1:", "65536", "-1", "::1:80", "1 "})
        EXPECT_FALSE(parse_listen_address(text));
}

TEST(MetricsServer, serves_what_was_published_last) {
    const auto server = started();
    EXPECT_THAT(ask(server->port(), kGet), StartsWith("HTTP/1.1 503 "));
    server->publish({"open 1\n", "plain 1\n"});
    server->publish({"open 2\n", "plain 2\n"});

    const std::string answer = ask(server->port(), kGet);

    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 8\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nplain 2\n"));
}

TEST(MetricsServer, serves_openmetrics_to_who_accepts_it) {
    const auto server = started();
    server->publish({"open\n", "plain\n"});

    const std::string answer = ask(server->port(),
                                   "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nACCEPT: "
                                   "application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n");

    EXPECT_THAT(answer, HasSubstr("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nopen\n"));
}

TEST(MetricsServer, refuses_what_is_no_question_for_metrics) {
    const auto server = started();
    server->publish({"open\n", "plain\n"});

    EXPECT_THAT(ask(server->port(), "POST /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(ask(server->port(), "GET /x HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask(server->port(), "\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(ask(server->port(), std::string(100'000, 'x')), StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(ask(server->port(), "HEAD /metrics HTTP/1.1\r\n\r\n"), EndsWith("\r\n\r\n"));
    EXPECT_THAT(ask(server->port(), "GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200 OK"));
}

TEST(MetricsServer, silent_clients_hold_up_nobody) {
    const auto server = started({.clients = 4, .request_bytes = 8192, .deadline_ms = 3'600'000});
    server->publish({"open\n", "plain\n"});
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 12; ++i) {
        silent.push_back(connect_to(server->port()));
        say(silent.back(), "GET /metr");
    }

    EXPECT_THAT(ask(server->port(), kGet), EndsWith("plain\n"));
}

TEST(MetricsServer, who_takes_too_long_is_cut_off) {
    const auto server = started({.clients = 4, .request_bytes = 8192, .deadline_ms = 1});
    EXPECT_EQ(all_of(connect_to(server->port())), "");  // returns, because the server closes
}

TEST(MetricsServer, who_does_not_read_the_answer_does_not_keep_it_from_ending) {
    auto server = started({.clients = 4, .request_bytes = 8192, .deadline_ms = 3'600'000});
    server->publish({"", std::string(32 << 20, 'x')});
    const UniqueFd reader = connect_to(server->port());
    say(reader, kGet);

    server.reset();
}

TEST(MetricsServer, says_what_is_wrong_with_an_address) {
    const auto taken = started();
    EXPECT_THAT(MetricsServer::start({"127.0.0.1", taken->port()}).error().message, HasSubstr("in use"));
    EXPECT_THAT(MetricsServer::start({"example", 1}).error().message, HasSubstr("no IP address"));
}

}  // namespace
}  // namespace whoholds
