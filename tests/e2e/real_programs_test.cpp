// Programs that nobody here wrote, attached under load: what whoholds says must be plausible beside the program's own statistics,
// and the program must not notice. Each test skips, with the reason, where its program is not installed.
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Runs a command to its end and returns its standard output.
std::string output_of(const std::vector<std::string>& command, int expected_exit_code = 0) {
    Process process({.command = command});
    process.close_input();
    EXPECT_EQ(process.wait(), expected_exit_code) << command[0] << ": " << process.errors().all();
    process.output().join();
    return process.output().all();
}

void expect_consistent(const ReportReader& report) {
    const Totals heap = report.kind("heap");
    EXPECT_EQ(heap.held.count, heap.acquired.count - heap.released.count - heap.lost.count);
    EXPECT_EQ(heap.held.bytes, heap.acquired.bytes - heap.released.bytes - heap.lost.bytes);
    EXPECT_EQ(report.events_lost(), 0U) << report.root()["coverage"]["losses"];
}

class Redis {
public:
    Redis()
        : socket_(folder_.path() + "/redis.sock"),
          server_({.command = {find_program("redis-server"), "--port", "0", "--unixsocket", socket_, "--save", "",
                               "--appendonly", "no", "--dir", folder_.path()}}) {
        EXPECT_TRUE(server_.output().next_with("eady to accept connections")) << server_.errors().all();
    }
    [[nodiscard]] pid_t pid() const { return server_.pid(); }
    [[nodiscard]] std::vector<std::string> benchmark(const std::vector<std::string>& arguments) const {
        std::vector<std::string> command = {"redis-benchmark", "-s", socket_, "-q"};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return command;
    }
    [[nodiscard]] uint64_t statistic(const std::string& name) const {
        const std::string info = output_of({"redis-cli", "-s", socket_, "info", "memory"});
        const size_t at = info.find(name + ":");
        return at == std::string::npos ? 0 : std::strtoull(info.c_str() + at + name.size() + 1, nullptr, 10);
    }

private:
    TemporaryFolder folder_;
    std::string socket_;
    Process server_;
};

TEST_F(E2eTest, redis_under_load) {
    if (find_program("redis-server").empty() || find_program("redis-benchmark").empty()) {
        GTEST_SKIP() << "redis-server is not installed";
    }
    const Redis redis;

    Process load({.command = redis.benchmark({"-t", "set,get,lpush,lrange_100", "-n", "20000", "-r", "1000"})});
    Whoholds::attach(redis.pid()).finish();  // in full flight
    EXPECT_EQ(load.wait(), 0);

    Whoholds whoholds = Whoholds::attach(redis.pid());
    const uint64_t before = redis.statistic("used_memory");
    output_of(redis.benchmark({"-t", "set", "-n", "100000", "-r", "1000000", "-d", "300"}));
    const uint64_t after = redis.statistic("used_memory");
    const ReportReader report = whoholds.finish();

    expect_consistent(report);
    const Sum held = report.kind("heap").held;
    ASSERT_GT(after, before + 20 * kMiB);
    const uint64_t grown = after - before;
    std::printf("redis says %llu bytes more, whoholds says %llu held\n", static_cast<unsigned long long>(grown),
                static_cast<unsigned long long>(held.bytes));
    // Redis counts usable sizes, we count what was asked for; and what it freed from before the attach is only in its number.
    EXPECT_GT(held.bytes, grown / 10 * 7);
    EXPECT_LT(held.bytes, grown / 10 * 11);
}

constexpr const char* kPythonProgram = R"(
import sys
kept = []
print("DONE ready", flush=True)
for line in sys.stdin:
    if line.strip() == "hold":
        kept.append([bytes(5000 + i % 7) for i in range(2000)])
    elif line.strip() == "drop":
        kept.clear()
    elif line.strip() == "churn":
        for i in range(20000):
            str(i) * 400
    print("DONE", flush=True)
)";

constexpr const char* kNodeProgram = R"(
const kept = [];
console.log("DONE ready");
require("readline").createInterface({input: process.stdin}).on("line", (line) => {
    if (line === "hold") for (let i = 0; i < 20; i++) kept.push(Buffer.alloc(1 << 20, 1));
    console.log("DONE");
});
)";

class Script {
public:
    explicit Script(const Launch& launch) : process_(launch) {
        EXPECT_TRUE(process_.output().next_with("DONE")) << process_.errors().all();
    }
    void command(const std::string& text) {
        process_.write_line(text);
        EXPECT_TRUE(process_.output().next_with("DONE")) << text << ": " << process_.errors().all();
    }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }
    Process& process() { return process_; }

private:
    Process process_;
};

class Python : public E2eTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(Python, holds_what_its_script_holds) {
    // Not a wrapper of a version manager, which would be another process for a while.
    const std::string python = find_program("python3").empty()
                                   ? ""
                                   : output_of({"python3", "-c", "import sys; print(sys.executable, end='')"});
    if (python.empty()) GTEST_SKIP() << "python3 is not installed";
    Launch launch{.command = {python, "-c", kPythonProgram}};
    const std::string preload = GetParam();
    if (!preload.empty()) {
        const std::string library = system_library(preload);
        if (library.empty()) GTEST_SKIP() << preload << " is not installed";
        launch.environment = {"LD_PRELOAD=" + library};
    }
    Script script(launch);

    Whoholds whoholds = Whoholds::attach(script.pid(), {"0.2"});
    script.command("churn");
    script.command("hold");
    const ReportReader holding = [&] {
        ReportReader report = whoholds.later_report();
        while (report.root().is_object() && report.kind("heap").held.bytes < 10'000'000)
            report = whoholds.next_report();
        return report;
    }();
    script.command("drop");
    const ReportReader report = whoholds.finish();
    script.command("churn");

    expect_consistent(report);
    EXPECT_GE(holding.kind("heap").held.bytes, 2000 * 5000U);
    EXPECT_LT(holding.kind("heap").held.bytes, 2000 * 5000U + 2 * kMiB);
    EXPECT_LT(report.kind("heap").held.bytes, 2 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(Each, Python,
                         ::testing::Values("", "libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"),
                         [](const auto& one) {
                             const std::string name = one.param;
                             return name.empty() ? std::string("glibc") : name.substr(0, name.find_first_of("._"));
                         });

TEST_F(E2eTest, node_holds_its_buffers) {
    const std::string node = find_program("node");
    if (node.empty()) GTEST_SKIP() << "node is not installed";
    Script script({.command = {node, "-e", kNodeProgram}});

    Whoholds whoholds = Whoholds::attach(script.pid());
    script.command("hold");
    const ReportReader report = whoholds.finish();
    script.command("hold");

    expect_consistent(report);
    EXPECT_GE(report.kind("heap").held.bytes, 20 * kMiB);
    EXPECT_LT(report.kind("heap").held.bytes, 40 * kMiB);
}

std::string http_get(const std::string& socket_path) {
    const UniqueFd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX};
    socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return "";
    const std::string request = "GET / HTTP/1.0\r\nHost: test\r\n\r\n";
    if (write(connection.get(), request.data(), request.size()) < 0) return "";
    std::string answer;
    std::array<char, 4096> bytes{};
    for (ssize_t size = 0; (size = read(connection.get(), bytes.data(), bytes.size())) > 0;) {
        answer.append(bytes.data(), static_cast<size_t>(size));
    }
    return answer;
}

TEST_F(E2eTest, nginx_under_load) {
    const std::string nginx = find_program("nginx");
    if (nginx.empty()) GTEST_SKIP() << "nginx is not installed";
    constexpr unsigned kRequests = 3000;
    const TemporaryFolder folder;
    const std::string socket_path = folder.path() + "/nginx.sock";
    std::string configuration = "daemon off; master_process off; error_log stderr notice; pid " + folder.path() +
                                "/nginx.pid; events { worker_connections 64; } http { access_log off; ";
    for (const char* name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
        configuration += std::string(name) + "_temp_path " + folder.path() + "/" + name + "; ";
    }
    configuration += "server { listen unix:" + socket_path + "; location / { return 200 hello; } } }\n";
    std::ofstream(folder.path() + "/nginx.conf") << configuration;
    Process server({.command = {nginx, "-e", "stderr", "-p", folder.path(), "-c", folder.path() + "/nginx.conf"}});
    ASSERT_TRUE(server.errors().next_with("getrlimit")) << server.errors().all();

    Whoholds whoholds = Whoholds::attach(server.pid());
    unsigned answered = 0;
    for (unsigned i = 0; i < kRequests; i++) answered += http_get(socket_path).find("200 OK") != std::string::npos;
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(answered, kRequests);
    EXPECT_NE(http_get(socket_path).find("200 OK"), std::string::npos);
    expect_consistent(report);
    EXPECT_GE(report.kind("heap").acquired.count, kRequests);
    EXPECT_LT(report.kind("heap").held.bytes, kMiB) << "everything of a request is given back";
}

class Postgres {
public:
    explicit Postgres(const std::string& folder_of_programs) {
        const passwd* account = getpwnam("postgres");
        if (account == nullptr) return;
        const uid_t user = account->pw_uid;
        const gid_t group = account->pw_gid;
        const auto become_user = [user, group] {
            if (setgid(group) != 0 || setuid(user) != 0) _exit(126);
        };
        if (chown(folder_.path().c_str(), user, group) != 0) return;
        const std::string data = folder_.path() + "/data";
        Process initdb(
            {.command = {folder_of_programs + "/initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"},
             .in_child = become_user});
        if (initdb.wait() != 0) return;
        server_ = std::make_unique<Process>(Launch{
            .command = {folder_of_programs + "/postgres", "-D", data, "-k", folder_.path(), "-c", "listen_addresses="},
            .in_child = become_user});
        if (!server_->errors().next_with("ready to accept connections")) return;
        client_ = std::make_unique<Process>(
            Launch{.command = {folder_of_programs + "/psql", "-h", folder_.path(), "-U", "postgres", "-qAtX"}});
    }
    ~Postgres() {
        client_.reset();
        if (!server_) return;
        server_->send_signal(SIGINT);  // its children end with it
        server_->wait();
    }
    Postgres(const Postgres&) = delete;
    Postgres& operator=(const Postgres&) = delete;

    [[nodiscard]] bool is_ready() const { return client_ != nullptr; }
    // The only line of the answer.
    std::string query(const std::string& text) {
        client_->write_line(text);
        return client_->output().next().value_or("");
    }

private:
    TemporaryFolder folder_;
    std::unique_ptr<Process> server_;
    std::unique_ptr<Process> client_;
};

std::string postgres_programs() {
    std::error_code ignored;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
        std::string folder = version.path().string() + "/bin";
        if (access((folder + "/initdb").c_str(), X_OK) == 0) return folder;
    }
    return "";
}

TEST_F(E2eTest, postgres_backend) {
    const std::string programs = postgres_programs();
    if (programs.empty()) GTEST_SKIP() << "postgresql is not installed";
    Postgres postgres(programs);
    if (!postgres.is_ready()) GTEST_SKIP() << "postgres does not start here";
    const std::string contexts = "select sum(total_bytes)::bigint from pg_backend_memory_contexts;";
    const pid_t backend = std::atoi(postgres.query("select pg_backend_pid();").c_str());
    ASSERT_GT(backend, 0);
    postgres.query(contexts);  // fills the caches of the catalogue

    Whoholds whoholds = Whoholds::attach(backend);
    const uint64_t before = std::strtoull(postgres.query(contexts).c_str(), nullptr, 10);
    postgres.query(
        "do $$ begin for i in 1..2000 loop execute format('prepare p%s as select %s + $1::int', i, i); end loop; end "
        "$$; "
        "select 1;");
    const uint64_t after = std::strtoull(postgres.query(contexts).c_str(), nullptr, 10);
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(postgres.query("execute p7(1);"), "8");
    expect_consistent(report);
    ASSERT_GT(after, before + kMiB);
    const uint64_t grown = after - before;
    std::printf("postgres says %llu bytes more, whoholds says %llu held\n", static_cast<unsigned long long>(grown),
                static_cast<unsigned long long>(report.kind("heap").held.bytes));
    EXPECT_GT(report.kind("heap").held.bytes, grown / 10 * 7);
    EXPECT_LT(report.kind("heap").held.bytes, grown / 10 * 15);
}

}  // namespace
}  // namespace whoholds::e2e
