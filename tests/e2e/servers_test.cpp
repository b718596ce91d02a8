// Servers that nobody here wrote, with connections in several states: by state and peer these must be what `ss` says at the same
// moment, before and after others come, and the server must not notice. Each test skips where its server is not installed.
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/unique_fd.h"
#include "e2e/proc_tables.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

// "incoming 127.0.0.2 ESTABLISHED" to their number.
using Connections = std::map<std::string, uint64_t>;

std::string state_of(const std::string& word_of_ss) {
    static const std::map<std::string, std::string> kWords = {{"ESTAB", "ESTABLISHED"},    {"CLOSE-WAIT", "CLOSE_WAIT"},
                                                              {"LISTEN", "LISTEN"},        {"FIN-WAIT-1", "FIN_WAIT1"},
                                                              {"FIN-WAIT-2", "FIN_WAIT2"}, {"SYN-SENT", "SYN_SENT"}};
    const auto found = kWords.find(word_of_ss);
    return found == kWords.end() ? word_of_ss : found->second;
}

std::string without_port(const std::string& address) { return address.substr(0, address.rfind(':')); }

// Of the TCP sockets of the process; `port` is the one where it listens.
Connections connections_of_ss(pid_t pid, unsigned port) {
    Process ss({.command = {"ss", "--tcp", "--all", "--numeric", "--processes", "--no-header"}});
    EXPECT_EQ(ss.wait(), 0) << ss.errors().all();
    Connections connections;
    const std::string owner = "pid=" + std::to_string(pid) + ",";
    while (const std::optional<std::string> line = ss.output().next()) {
        if (line->find(owner) == std::string::npos) continue;
        std::istringstream words(*line);
        std::string state, received, sent, local, remote;
        words >> state >> received >> sent >> local >> remote;
        const bool incoming = local.ends_with(":" + std::to_string(port));
        if (state == "LISTEN") {
            connections["listening " + local + " LISTEN"]++;
        } else {
            connections[(incoming ? "incoming " + without_port(remote) : "outgoing " + remote) + " " +
                        state_of(state)]++;
        }
    }
    return connections;
}

Connections connections_of(const json& process) {
    Connections connections;
    for (const json& group : process.value("connections", json::array())) {
        if (!text_of(group, "protocol").starts_with("TCP")) continue;
        for (const auto& [state, count] : group["states"].items()) {
            const std::string remote = text_of(group, "remote");
            connections[text_of(group, "direction") + " " + remote + " " + state] += count.get<uint64_t>();
        }
    }
    return connections;
}

// A client whose address is another one of this host.
class Client {
public:
    Client(unsigned last_byte, unsigned port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const sockaddr_in own{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK + last_byte - 1)}};
        const sockaddr_in server{.sin_family = AF_INET,
                                 .sin_port = htons(static_cast<uint16_t>(port)),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
        EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)), 0);
        EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&server), sizeof(server)), 0);
    }
    void send(const std::string& text) const {
        EXPECT_EQ(write(socket_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    // Reads until the answer ends with this.
    void expect(const std::string& end) const {
        std::string answer;
        std::array<char, 4096> bytes{};
        while (!answer.ends_with(end)) {
            const ssize_t size = read(socket_.get(), bytes.data(), bytes.size());
            ASSERT_GT(size, 0) << "after: " << answer;
            answer.append(bytes.data(), static_cast<size_t>(size));
        }
    }
    void ask(const std::string& text, const std::string& end) const {
        send(text);
        expect(end);
    }

private:
    UniqueFd socket_;
};

unsigned free_port() {
    const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin_port);
}

void expect_same_as_ss(const ReportReader& report, pid_t pid, unsigned port) {
    EXPECT_EQ(connections_of(report.process()), connections_of_ss(pid, port)) << report.process()["connections"];
    EXPECT_EQ(held_tables(report), proc_tables_of(pid));
    expect_balanced(report);
}

// A process that was forked after its parent accepted has nothing that tells who began the connection.
Connections without_direction(const Connections& connections) {
    Connections plain;
    for (const auto& [text, count] : connections) {
        std::istringstream words(text);
        std::string direction, peer, state;
        words >> direction >> peer >> state;
        plain[without_port(peer) + " " + state] += count;
    }
    return plain;
}

class Servers : public E2eTest {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        if (!IsSkipped() && find_program("ss").empty()) GTEST_SKIP() << "ss (iproute2) is not installed";
    }
};

const std::string kPage = "hello from the server";

TEST_F(Servers, nginx_with_keep_alive_clients) {
    const std::string nginx = find_program("nginx");
    if (nginx.empty()) GTEST_SKIP() << "nginx is not installed";
    const TemporaryFolder folder;
    const unsigned port = free_port();
    std::string configuration = "daemon off; master_process off; error_log stderr notice; pid " + folder.path() +
                                "/nginx.pid; events { worker_connections 64; } http { access_log off; ";
    for (const char* name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
        configuration += std::string(name) + "_temp_path " + folder.path() + "/" + name + "; ";
    }
    configuration +=
        "server { listen 127.0.0.1:" + std::to_string(port) + "; location / { return 200 \"" + kPage + "\"; } } }\n";
    std::ofstream(folder.path() + "/nginx.conf") << configuration;
    Process server({.command = {nginx, "-e", "stderr", "-p", folder.path(), "-c", folder.path() + "/nginx.conf"}});
    ASSERT_TRUE(server.errors().next_with("getrlimit")) << server.errors().all();
    const std::string request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    std::vector<Client> clients;
    const auto add = [&](unsigned last_byte, unsigned count) {
        for (unsigned i = 0; i < count; i++) clients.emplace_back(last_byte, port).ask(request, kPage);
    };
    add(2, 3);
    add(3, 1);

    Whoholds whoholds = Whoholds::attach(server.pid());
    add(3, 4);
    add(4, 2);
    for (unsigned i = 0; i < 200; i++) Client(5, port).ask(request + request, kPage);
    for (const Client& client : clients) client.ask(request, kPage);
    clients.emplace_back(6, port).ask(request, kPage);  // by now all that have gone are closed
    const ReportReader report = whoholds.finish();

    expect_same_as_ss(report, server.pid(), port);
    EXPECT_EQ(connections_of(report.process())["incoming 127.0.0.3 ESTABLISHED"], 5U);
    EXPECT_EQ(report.kind("socket").acquired.count - report.kind("socket").released.count, 4U + 2 + 1);
    for (const Client& client : clients) client.ask(request, kPage);
}

TEST_F(Servers, redis_with_blocked_clients) {
    const std::string redis = find_program("redis-server");
    if (redis.empty()) GTEST_SKIP() << "redis-server is not installed";
    const TemporaryFolder folder;
    const unsigned port = free_port();
    Process server({.command = {redis, "--port", std::to_string(port), "--bind", "127.0.0.1", "--save", "",
                                "--appendonly", "no", "--protected-mode", "no", "--dir", folder.path()}});
    ASSERT_TRUE(server.output().next_with("eady to accept connections")) << server.errors().all();
    std::vector<Client> blocked;
    const auto block = [&](unsigned last_byte, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
            blocked.emplace_back(last_byte, port).ask("PING\r\n", "+PONG\r\n");
            blocked.back().send("BLPOP queue 0\r\n");
        }
    };
    const Client control(7, port);
    control.ask("PING\r\n", "+PONG\r\n");
    block(2, 4);

    Whoholds whoholds = Whoholds::attach(server.pid());
    block(2, 2);
    block(3, 5);
    for (unsigned i = 0; i < 200; i++) Client(4, port).ask("QUIT\r\n", "+OK\r\n");
    control.ask("PING\r\n", "+PONG\r\n");
    const ReportReader report = whoholds.finish();

    expect_same_as_ss(report, server.pid(), port);
    EXPECT_EQ(connections_of(report.process())["incoming 127.0.0.2 ESTABLISHED"], 6U);
    for (const Client& client : blocked) {
        control.ask("RPUSH queue job\r\n", "\r\n");
        client.expect("job\r\n");
    }
}

std::string postgres_programs() {
    std::error_code ignored;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
        std::string folder = version.path().string() + "/bin";
        if (access((folder + "/initdb").c_str(), X_OK) == 0) return folder;
    }
    return "";
}

class Postgres {
public:
    Postgres(const std::string& programs, unsigned port) {
        const passwd* account = getpwnam("postgres");
        if (account == nullptr || chown(folder_.path().c_str(), account->pw_uid, account->pw_gid) != 0) return;
        const auto become_user = [user = account->pw_uid, group = account->pw_gid] {
            if (setgid(group) != 0 || setuid(user) != 0) _exit(126);
        };
        const std::string data = folder_.path() + "/data";
        Process initdb({.command = {programs + "/initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"},
                        .in_child = become_user});
        if (initdb.wait() != 0) return;
        server_ =
            std::make_unique<Process>(Launch{.command = {programs + "/postgres", "-D", data, "-k", folder_.path(), "-p",
                                                         std::to_string(port), "-c", "listen_addresses=127.0.0.1"},
                                             .in_child = become_user});
        is_ready_ = server_->errors().next_with("ready to accept connections").has_value();
    }
    ~Postgres() {
        if (!server_) return;
        server_->send_signal(SIGINT);  // its children end with it
        server_->wait();
    }
    Postgres(const Postgres&) = delete;
    Postgres& operator=(const Postgres&) = delete;
    [[nodiscard]] bool is_ready() const { return is_ready_; }
    [[nodiscard]] pid_t pid() const { return server_->pid(); }

private:
    TemporaryFolder folder_;
    std::unique_ptr<Process> server_;
    bool is_ready_ = false;
};

struct Session {
    Process client;
    pid_t backend = 0;

    Session(const std::string& programs, unsigned port)
        : client({.command = {programs + "/psql", "-h", "127.0.0.1", "-p", std::to_string(port), "-U", "postgres",
                              "-qAtX"}}) {
        backend = static_cast<pid_t>(std::strtol(query("select pg_backend_pid();").c_str(), nullptr, 10));
    }
    std::string query(const std::string& text) {
        client.write_line(text);
        return client.output().next().value_or("");
    }
};

// The server's first process listens, and each connection has a process of its own.
TEST_F(Servers, postgres_with_idle_connections) {
    const std::string programs = postgres_programs();
    if (programs.empty()) GTEST_SKIP() << "postgresql is not installed";
    const unsigned port = free_port();
    const Postgres postgres(programs, port);
    if (!postgres.is_ready()) GTEST_SKIP() << "postgres does not start here";
    Session first(programs, port);
    Session second(programs, port);
    ASSERT_GT(second.backend, 0);

    const std::vector<pid_t> pids = {postgres.pid(), first.backend, second.backend};
    std::string list;
    for (const pid_t pid : pids) list += (list.empty() ? "" : ",") + std::to_string(pid);
    Whoholds whoholds({"-p", list, "86400"});
    for (size_t i = 0; i < pids.size(); i++) ASSERT_TRUE(whoholds.wait_attached()) << whoholds.errors();
    Session third(programs, port);
    EXPECT_EQ(first.query("select count(*) from pg_class where relname = 'pg_class';"), "1");
    const ReportReader report = whoholds.finish();

    ASSERT_EQ(report.root()["processes"].size(), pids.size());
    for (size_t i = 0; i < pids.size(); i++) {
        const json process = report.process(i);
        const pid_t pid = process["pid"];
        const Connections connections = without_direction(connections_of(process));
        EXPECT_EQ(connections, without_direction(connections_of_ss(pid, port))) << process["connections"];
        EXPECT_TRUE(connections.contains(pid == postgres.pid() ? "127.0.0.1 LISTEN" : "127.0.0.1 ESTABLISHED"));
        const ProcTables tables = proc_tables_of(pid);
        EXPECT_EQ(sum_of(process["kinds"]["fd"]["held"]).count, tables.descriptors);
        EXPECT_EQ(sum_of(process["kinds"]["socket"]["held"]).count, tables.sockets);
        EXPECT_EQ(sum_of(process["kinds"]["thread"]["held"]).count, tables.threads);
    }
    EXPECT_EQ(second.query("select 1;"), "1");
    EXPECT_EQ(third.query("select 2;"), "2");
}

}  // namespace
}  // namespace whoholds::e2e
