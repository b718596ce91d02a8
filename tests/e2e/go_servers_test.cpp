// Go programs that nobody here wrote, as Debian ships them (stripped): attached under load, reported on, left alone; and compared with
// their own pprof endpoints where they have one. Each test skips, with the reason, where its program is not installed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

#include "e2e/whoholds.h"
#include "unit/runtime/go/go_lines.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

uint16_t free_port() {
    const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size);
    getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

// What it answers until it closes, or until `enough` was read; "" if nobody listens.
std::string talk(uint16_t port, const std::string& text, const std::string& enough = "\n\n\n") {
    const UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "";
    if (write(connection.get(), text.data(), text.size()) < 0) return "";
    std::string answer;
    std::array<char, 65536> bytes{};
    for (ssize_t size = 0; (size = read(connection.get(), bytes.data(), bytes.size())) > 0;) {
        answer.append(bytes.data(), static_cast<size_t>(size));
        if (answer.find(enough) != std::string::npos) break;
    }
    return answer;
}

std::string http(uint16_t port, const std::string& path, const std::string& body = "") {
    std::string request = (body.empty() ? "GET " : "POST ") + path + " HTTP/1.0\r\nHost: localhost\r\n";
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    const std::string answer = talk(port, request + "\r\n" + body, "\x01");
    const size_t end = answer.find("\r\n\r\n");
    return answer.find(" 200 ") < 20 && end != std::string::npos ? answer.substr(end + 4) : "";
}

// Asks until there is an answer; the program's end is an end.
bool wait_for(Process& server, const std::function<bool()>& answers) {
    while (server.is_running()) {
        if (answers()) return true;
        std::this_thread::yield();
    }
    ADD_FAILURE() << server.errors().all();
    return false;
}

// Does the same again and again until it goes.
class Load {
public:
    explicit Load(std::function<bool()> act)
        : thread_([this, act = std::move(act)] {
              while (!ended_) ++(act() ? answered_ : failed_);
          }) {}
    ~Load() { end(); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    void end() {
        ended_ = true;
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] unsigned answered() const { return answered_; }
    [[nodiscard]] unsigned failed() const { return failed_; }

private:
    std::atomic<bool> ended_ = false;
    std::atomic<unsigned> answered_ = 0;
    std::atomic<unsigned> failed_ = 0;
    std::thread thread_;
};

void expect_sensible(const ReportReader& report) {
    const json process = report.process();
    ASSERT_TRUE(process.contains("go")) << report.remarks();
    EXPECT_EQ(process.at("runtime"), "go");
    EXPECT_TRUE(report.root().at("coverage").at("warnings").empty()) << report.remarks();
    const Totals goroutines = report.kind("goroutine");
    EXPECT_GT(goroutines.held.count, 0U);
    EXPECT_EQ(process.at("go").at("goroutines"), goroutines.held.count);
    EXPECT_LT(report.kind("go_heap").held.bytes, 2 * process.at("memory").at("rss_bytes").get<uint64_t>());
    EXPECT_EQ(report.events_lost(), 0U) << report.root().at("coverage").at("losses");
    for (const json& stack : report.stacks("goroutine")) {
        EXPECT_TRUE(stack.at("frames").at(0).at("function").is_string());
    }
}

// Attaches, sees some reports and detaches while the load goes on.
void attach_under_load(Process& server, const std::function<bool()>& act) {
    Load load(act);
    Whoholds whoholds = Whoholds::attach(server.pid(), {"0.5"});
    expect_sensible(whoholds.next_report());
    const unsigned before = load.answered();
    expect_sensible(whoholds.later_report());
    const ReportReader last = whoholds.finish();
    const unsigned then = load.answered();
    while (load.failed() == 0 && load.answered() < then + 10 && server.is_running()) std::this_thread::yield();
    load.end();

    expect_sensible(last);
    EXPECT_GT(load.answered(), before);
    EXPECT_EQ(load.failed(), 0U);
    EXPECT_TRUE(server.is_running()) << server.errors().all();
}

std::optional<GoProcess> open_go(pid_t pid) {
    const auto mappings = read_maps({}, pid);
    auto process = GoProcess::open({}, pid, mappings ? *mappings : std::vector<Mapping>());
    if (process) return *std::move(process);
    ADD_FAILURE() << process.error().message;
    return std::nullopt;
}

// The profile moves on with each collection: what pprof says must equal what is read before and after it, once these are the same.
void expect_heap_as_pprof(pid_t pid, uint16_t port) {
    const auto process = open_go(pid);
    ASSERT_TRUE(process);
    constexpr int kTries = 50;
    for (int i = 0; i < kTries; ++i) {
        const auto before = read_go_heap_profile(*process);
        const PprofHeap said = parse_heap_profile(http(port, "/debug/pprof/heap?debug=1"));
        const auto after = read_go_heap_profile(*process);
        ASSERT_TRUE(before && after);
        if (as_pprof(before->sampled) != as_pprof(after->sampled)) continue;
        EXPECT_EQ(as_pprof(after->sampled), said);
        EXPECT_GT(said.size(), 20U);
        std::printf("heap: %zu stacks equal those of pprof\n", said.size());
        return;
    }
    FAIL() << "the profile never came to rest";
}

// All groups but those that serve the request for the profile itself.
void expect_goroutines_as_pprof(pid_t pid, uint16_t port) {
    const auto process = open_go(pid);
    ASSERT_TRUE(process);
    GoGroups said;
    for (const auto& [frames, count] : parse_goroutine_profile(http(port, "/debug/pprof/goroutine?debug=1")))
        said[lines_of_profile(*process, frames)] += count;
    const auto read = read_goroutines(*process);
    ASSERT_TRUE(read);

    GoGroups seen;
    for (const Goroutine& goroutine : read->goroutines)
        if (!goroutine.is_system && goroutine.stack != kNoGoStack)
            ++seen[lines_of(*process, read->stacks[goroutine.stack])];
    uint64_t equal = 0;
    uint64_t different = 0;
    for (const auto& [lines, count] : said) {
        const bool serves = std::ranges::any_of(lines, [](const std::string& line) {
            return line.starts_with("net/http.") || line.starts_with("runtime/pprof.");
        });
        if (serves) continue;
        ++(seen[lines] == count ? equal : different);
    }
    std::printf("goroutines: %llu groups equal those of pprof, %llu differ\n", static_cast<unsigned long long>(equal),
                static_cast<unsigned long long>(different));
    EXPECT_GT(equal, 5U);
    EXPECT_LE(different, equal / 5) << "some come, go or move on in between";
}

TEST_F(E2eTest, T39_etcd_under_load_and_as_its_own_pprof_says) {
    if (find_program("etcd").empty()) GTEST_SKIP() << "etcd-server is not installed";
    const TemporaryFolder folder;
    const uint16_t port = free_port();
    const std::string url = "http://127.0.0.1:" + std::to_string(port);
    const std::string peer = "http://127.0.0.1:" + std::to_string(free_port());
    Process server({.command = {find_program("etcd"), "--data-dir", folder.path(), "--enable-pprof",
                                "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer,
                                "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer}});
    const auto put = [port] { return !http(port, "/v3/kv/put", R"({"key": "Zm9v", "value": "YmFy"})").empty(); };
    ASSERT_TRUE(wait_for(server, put));

    attach_under_load(server, put);

    expect_heap_as_pprof(server.pid(), port);
    expect_goroutines_as_pprof(server.pid(), port);
}

TEST_F(E2eTest, T39_prometheus_under_load_and_as_its_own_pprof_says) {
    if (find_program("prometheus").empty()) GTEST_SKIP() << "prometheus is not installed";
    const TemporaryFolder folder;
    const uint16_t port = free_port();
    const std::string address = "127.0.0.1:" + std::to_string(port);
    std::ofstream(folder.path() + "/prometheus.yml")
        << "scrape_configs: [{job_name: itself, scrape_interval: 1s, static_configs: [{targets: ['" << address
        << "']}]}]\n";
    Process server({.command = {find_program("prometheus"), "--config.file=" + folder.path() + "/prometheus.yml",
                                "--storage.tsdb.path=" + folder.path() + "/data", "--web.listen-address=" + address}});
    const auto ask = [port] { return !http(port, "/api/v1/query?query=up").empty(); };
    ASSERT_TRUE(wait_for(server, ask));

    attach_under_load(server, ask);

    expect_heap_as_pprof(server.pid(), port);
    expect_goroutines_as_pprof(server.pid(), port);
}

TEST_F(E2eTest, caddy_under_load) {
    if (find_program("caddy").empty()) GTEST_SKIP() << "caddy is not installed";
    const TemporaryFolder folder;
    const uint16_t port = free_port();
    const std::string configuration =
        R"({"admin": {"disabled": true}, "apps": {"http": {"servers": {"one": {"listen":
        ["127.0.0.1:)" +
        std::to_string(port) + R"("], "routes": [{"handle": [{"handler": "static_response", "body": "hello"}]}]}}}}})";
    std::ofstream(folder.path() + "/caddy.json") << configuration;
    Process server({.command = {find_program("caddy"), "run", "--config", folder.path() + "/caddy.json"},
                    .environment = {"HOME=" + folder.path(), "XDG_DATA_HOME=" + folder.path()}});
    const auto ask = [port] { return http(port, "/") == "hello"; };
    ASSERT_TRUE(wait_for(server, ask));

    attach_under_load(server, ask);
}

TEST_F(E2eTest, nats_server_under_load) {
    if (find_program("nats-server").empty()) GTEST_SKIP() << "nats-server is not installed";
    const uint16_t port = free_port();
    Process server({.command = {find_program("nats-server"), "-a", "127.0.0.1", "-p", std::to_string(port)}});
    const auto publish = [port] {
        return talk(port, "CONNECT {\"verbose\":false}\r\nSUB here 1\r\nPUB here 5\r\nhello\r\nPING\r\n", "PONG")
                   .find("MSG here 1 5") != std::string::npos;
    };
    ASSERT_TRUE(wait_for(server, publish));

    attach_under_load(server, publish);
}

TEST_F(E2eTest, containerd_under_load) {
    if (find_program("containerd").empty()) GTEST_SKIP() << "containerd is not installed";
    const TemporaryFolder folder;
    const std::string socket_path = folder.path() + "/containerd.sock";
    std::ofstream(folder.path() + "/config.toml")
        << "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
    Process server(
        {.command = {find_program("containerd"), "--config", folder.path() + "/config.toml", "--root",
                     folder.path() + "/root", "--state", folder.path() + "/state", "--address", socket_path}});
    const auto list = [&] {
        Process client({.command = {find_program("ctr"), "--address", socket_path, "namespaces", "list"}});
        client.close_input();
        return client.wait() == 0;
    };
    ASSERT_TRUE(wait_for(server, list));

    attach_under_load(server, list);
}

}  // namespace
}  // namespace whoholds::e2e
