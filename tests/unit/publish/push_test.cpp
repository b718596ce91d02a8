#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "publish/push_target.h"
#include "publish/pusher.h"
#include "report/formats.h"
#include "unit/report/pprof_text.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Takes connections one by one, keeps what is said, answers.
class Receiver {
public:
    explicit Receiver(std::vector<std::string> answers) : answers_(std::move(answers)) {
        listener_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(listen(listener_.get(), 8), 0);
        getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Receiver() { join(); }

    void join() {
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::string url(const std::string& path = "") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }

private:
    void serve() {
        for (const std::string& answer : answers_) {
            const UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            requests_.push_back(read_request(client.get()));
            send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    }
    static std::string read_request(int fd) {
        std::string text;
        size_t whole = std::string::npos;
        char block[4096];
        while (text.size() < whole) {
            const ssize_t count = recv(fd, block, sizeof block, 0);
            if (count <= 0) break;
            text.append(block, static_cast<size_t>(count));
            const size_t end = text.find("\r\n\r\n");
            const size_t length = text.find("Content-Length: ");
            if (whole == std::string::npos && end != std::string::npos && length < end)
                whole = end + 4 + std::stoul(text.substr(length + 16));
        }
        return text;
    }

    std::vector<std::string> answers_, requests_;
    UniqueFd listener_;
    uint16_t port_ = 0;
    std::thread thread_;
};

constexpr const char* kWell = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string body_of(const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); }

std::string from_base64(const std::string& text) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string data;
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        data += static_cast<char>(bits >> count);
    }
    return data;
}

std::string pushed(const std::string& path, const Report& report) {
    Receiver receiver({kWell});
    auto pusher = Pusher::start(*parse_push_url(receiver.url(path)));
    (*pusher)->push(report, 10);
    receiver.join();
    EXPECT_EQ((*pusher)->finish().delivered, 1U);
    EXPECT_EQ((*pusher)->take_complaint(), std::nullopt);
    return receiver.requests().at(0);
}

TEST(PushTarget, is_told_by_the_path) {
    EXPECT_EQ(parse_push_url("http://h:4040")->path, "/push.v1.PusherService/Push");
    EXPECT_EQ(parse_push_url("http://h/proxy/")->path, "/proxy/push.v1.PusherService/Push");
    EXPECT_EQ(parse_push_url("http://h/ingest")->contract, PushTarget::Contract::kPyroscopeIngest);
    EXPECT_EQ(parse_push_url("http://[::1]:7070/profiles/writeraw")->host, "::1");
    EXPECT_EQ(parse_push_url("http://h/profiles/writeraw")->contract, PushTarget::Contract::kParca);
    for (const char* url : {"", "h:1", "http://", "http://h:x", "http://h:123456", "http://a@h", "http://h/a b",
                            "http://h/\r\nX: y", "https://h"})
        EXPECT_FALSE(parse_push_url(url)) << url;
}

TEST(PushTarget, base64_pads) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foob\xff"), "Zm9vYv8=");
}

TEST(Pusher, gives_pyroscope_the_profile_of_each_process) {
    const std::string request = pushed("", sample_report("two_processes"));

    EXPECT_THAT(request, StartsWith("POST /push.v1.PusherService/Push HTTP/1.1\r\n"));
    EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/json\r\n"));
    const auto series = nlohmann::json::parse(body_of(request))["series"];
    ASSERT_EQ(series.size(), 2U);
    EXPECT_EQ(series[0]["labels"][0]["name"], "__name__");
    EXPECT_EQ(series[0]["labels"][1]["value"], "payments-api");
    const std::string text = pprof_text(from_base64(series[0]["samples"][0]["rawProfile"]));
    EXPECT_THAT(text, HasSubstr("shop::Session::open"));
}

TEST(Pusher, gives_parca_what_it_calls_a_label_set) {
    const std::string request = pushed("/profiles/writeraw", sample_report("leaking"));

    EXPECT_THAT(request, StartsWith("POST /profiles/writeraw HTTP/1.1\r\n"));
    const auto body = nlohmann::json::parse(body_of(request));
    EXPECT_EQ(body["normalized"], true);
    EXPECT_EQ(body["series"][0]["labels"]["labels"][1]["value"], "payments-api");
    EXPECT_THAT(pprof_text(from_base64(body["series"][0]["samples"][0]["rawProfile"])),
                StartsWith("values inuse_objects"));
}

TEST(Pusher, gives_the_older_pyroscope_the_profile_as_it_is) {
    const std::string request = pushed("/ingest", sample_report("leaking"));

    EXPECT_THAT(request, StartsWith("POST /ingest?name=payments-api%7Bpid%3D4711%7D&from="));
    EXPECT_THAT(request, HasSubstr("&format=pprof"));
    EXPECT_EQ(body_of(request), write_pprof(sample_report("leaking"), {}));
}

TEST(Pusher, a_refusal_is_said_once_and_counted) {
    const std::string no = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
    Receiver receiver({no, no, kWell});
    auto started = Pusher::start(*parse_push_url(receiver.url()));
    Pusher& pusher = **started;
    for (int i = 0; i < 3; ++i) {
        pusher.push(sample_report("leaking"), 10);
        pusher.finish();
        const std::optional<std::string> complaint = pusher.take_complaint();
        EXPECT_EQ(complaint.has_value(), i == 0);
        if (complaint) {
            EXPECT_THAT(*complaint, HasSubstr("it answered 503 Service Unavailable; it is tried again"));
        }
    }
    EXPECT_EQ(pusher.finish().failed, 2U);
    EXPECT_EQ(pusher.finish().delivered, 1U);
}

TEST(Pusher, who_never_answers_does_not_hold_up_anything) {
    const UniqueFd silent(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(bind(silent.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(silent.get(), 1), 0);
    getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &size);
    auto started = Pusher::start(*parse_push_url("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port))), 50);
    Pusher& pusher = **started;

    for (int i = 0; i < 5; ++i) pusher.push(sample_report("leaking"), 10);
    const Pusher::Counts counts = pusher.finish();

    EXPECT_EQ(counts.delivered, 0U);
    EXPECT_EQ(counts.failed + counts.replaced, 5U);
    EXPECT_THAT(pusher.take_complaint().value_or(""), HasSubstr("no answer in time"));
}

}  // namespace
}  // namespace whoholds
