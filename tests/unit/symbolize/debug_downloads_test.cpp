// Downloads from a server of our own on the loopback interface, which answers, refuses, sends garbage or hangs.
#include "symbolize/debug_downloads.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "elf/elf_image.h"
#include "symbolize/symbolizer.h"
#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// Serves files/ID for /buildid/ID/debuginfo and writes the port it was given to its standard output. It says of a
// request for "hang" that it will answer and does not; it ends with its standard input.
constexpr const char* kServer = R"(
import http.server, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open("requests", "a").write(self.path + "\n")
        path = "files/" + self.path.split("/")[2]
        if not os.path.exists(path):
            self.send_error(404)
            return
        data = open(path, "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) + (1000 if data == b"hang" else 0)))
        self.end_headers()
        if data == b"hang":
            threading.Event().wait()
        self.wfile.write(data)
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
server.handle_error = lambda *arguments: None
threading.Thread(target=server.serve_forever, daemon=True).start()
os.write(1, b"%d\n" % server.server_port)
sys.stdin.read()
)";

constexpr const char* kBuildId = "0123456789abcdef0123456789abcdef01234567";

class DebugDownloadsOf : public CompiledFixture {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("python3");
        WH_NEEDS_TOOL("c++");
        WH_NEEDS_TOOL("objcopy");
        void* library = ::dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) GTEST_SKIP() << "libdebuginfod1 is not installed";
        ASSERT_TRUE(run("mkdir files cache"));
        start_server();
    }
    void TearDown() override {
        if (server_ > 0) {
            ::close(to_server_);
            ::waitpid(server_, nullptr, 0);
        }
        CompiledFixture::TearDown();
    }

    void start_server() {
        std::ofstream(path("server.py")) << kServer;
        int input[2];
        int output[2];
        ASSERT_EQ(::pipe2(input, O_CLOEXEC) | ::pipe2(output, O_CLOEXEC), 0);
        server_ = ::fork();
        ASSERT_GE(server_, 0);
        if (server_ == 0) {
            ::dup2(input[0], 0);
            ::dup2(output[1], 1);
            if (::chdir(path("").c_str()) == 0) ::execlp("python3", "python3", "server.py", nullptr);
            ::_exit(127);
        }
        ::close(input[0]);
        ::close(output[1]);
        to_server_ = input[1];
        char port[32] = {};
        ASSERT_GT(::read(output[0], port, sizeof port - 1), 0);
        ::close(output[0]);
        port_ = std::string(port).substr(0, std::string(port).find('\n'));
    }

    [[nodiscard]] DebugDownloads::Options options() const {
        return {.urls = "http://127.0.0.1:" + port_, .cache_path = path("cache")};
    }

    // Waits until all downloads that are under way have ended.
    static void finish(DebugDownloads& downloads, const std::string& build_id) {
        while (downloads.find(build_id)->state == DebugDownloads::State::kWaiting) {
            pollfd readable{.fd = downloads.fd(), .events = POLLIN, .revents = 0};
            ASSERT_GE(::poll(&readable, 1, -1), 0);
            downloads.poll();
        }
    }

    [[nodiscard]] DebugDownloads::Download download(const DebugDownloads::Options& with,
                                                    const std::string& build_id) const {
        auto downloads = DebugDownloads::start(with);
        EXPECT_TRUE(downloads);
        downloads->request(build_id);
        finish(*downloads, build_id);
        return *downloads->find(build_id);
    }

    [[nodiscard]] std::string requests() const {
        const std::vector<uint8_t> bytes = read_bytes(path("requests"));
        return {bytes.begin(), bytes.end()};
    }

    pid_t server_ = -1;
    int to_server_ = -1;
    std::string port_;
};

TEST_F(DebugDownloadsOf, what_the_server_has_arrives_and_is_kept_in_the_cache) {
    write_bytes(path(std::string("files/") + kBuildId), {'h', 'e', 'l', 'l', 'o'});

    const auto first = download(options(), kBuildId);
    const auto second = download(options(), kBuildId);

    EXPECT_EQ(first.state, DebugDownloads::State::kArrived) << first.error;
    EXPECT_THAT(first.path, HasSubstr(path("cache")));
    EXPECT_EQ(read_bytes(first.path).size(), 5U);
    EXPECT_EQ(second.path, first.path);
    EXPECT_EQ(requests(), std::string("/buildid/") + kBuildId + "/debuginfo\n") << "asked once";
}

TEST_F(DebugDownloadsOf, what_the_server_does_not_have_is_said) {
    const auto result = download(options(), kBuildId);

    EXPECT_EQ(result.state, DebugDownloads::State::kFailed);
    EXPECT_EQ(result.error, "the servers do not have it");
}

TEST_F(DebugDownloadsOf, a_server_that_hangs_is_given_up_and_the_next_file_comes) {
    const std::string other_id = "ff" + std::string(kBuildId).substr(2);
    write_bytes(path(std::string("files/") + kBuildId), {'h', 'a', 'n', 'g'});
    write_bytes(path("files/" + other_id), {'h', 'e', 'l', 'l', 'o'});
    DebugDownloads::Options impatient = options();
    impatient.longest_s = 1;
    auto downloads = DebugDownloads::start(impatient);
    ASSERT_TRUE(downloads);

    downloads->request(kBuildId);
    downloads->request(other_id);
    EXPECT_EQ(downloads->find(kBuildId)->state, DebugDownloads::State::kWaiting);
    finish(*downloads, kBuildId);
    finish(*downloads, other_id);

    EXPECT_EQ(downloads->find(kBuildId)->state, DebugDownloads::State::kFailed);
    EXPECT_THAT(downloads->find(kBuildId)->error, AnyOf(HasSubstr("took longer than 1 s"), HasSubstr("sent nothing")));
    EXPECT_EQ(downloads->find(other_id)->state, DebugDownloads::State::kArrived);
}

TEST_F(DebugDownloadsOf, T29_a_file_that_is_too_large_is_given_up) {
    write_bytes(path(std::string("files/") + kBuildId), std::vector<uint8_t>(3'000'000, 'x'));
    DebugDownloads::Options small = options();
    small.max_bytes = 1'000'000;

    const auto result = download(small, kBuildId);

    EXPECT_EQ(result.state, DebugDownloads::State::kFailed);
    EXPECT_THAT(result.error, AnyOf(HasSubstr("larger than"), HasSubstr("download failed")));
}

TEST_F(DebugDownloadsOf, nobody_listens_there) {
    DebugDownloads::Options nobody = options();
    nobody.urls = "http://127.0.0.1:1";

    const auto result = download(nobody, kBuildId);

    EXPECT_EQ(result.state, DebugDownloads::State::kFailed);
    EXPECT_FALSE(result.error.empty());
}

TEST_F(DebugDownloadsOf, build_ids_that_are_none_are_not_asked_for) {
    auto downloads = DebugDownloads::start(options());
    ASSERT_TRUE(downloads);

    for (const std::string id : {"", "12", "../../../etc/passwd", "0123456789ABCDEF"}) {
        downloads->request(id);
        EXPECT_EQ(downloads->find(id)->state, DebugDownloads::State::kFailed);
    }

    EXPECT_EQ(requests(), "");
}

TEST_F(DebugDownloadsOf, the_end_of_the_process_that_downloads_is_a_failure_and_no_hang) {
    auto downloads = DebugDownloads::start(options());
    ASSERT_TRUE(downloads);
    write_bytes(path(std::string("files/") + kBuildId), {'h', 'a', 'n', 'g'});
    downloads->request(kBuildId);

    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    pid_t child = 0;
    while (children >> child && child == server_) {}
    ::kill(child, SIGKILL);
    finish(*downloads, kBuildId);
    downloads->request("ff" + std::string(kBuildId));

    EXPECT_THAT(downloads->find(kBuildId)->error, HasSubstr("has ended"));
    EXPECT_EQ(downloads->find("ff" + std::string(kBuildId))->state, DebugDownloads::State::kFailed);
}

TEST(DebugDownloads, without_urls_nothing_goes_to_the_network) {
    ::unsetenv("DEBUGINFOD_URLS");
    EXPECT_FALSE(DebugDownloads::options_from_environment());
    ::setenv("DEBUGINFOD_URLS", " ", 1);
    EXPECT_FALSE(DebugDownloads::options_from_environment());
    ::setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
    EXPECT_EQ(DebugDownloads::options_from_environment()->urls, "http://127.0.0.1:1");
    ::unsetenv("DEBUGINFOD_URLS");
}

constexpr const char* kLibrary = R"(
extern "C" unsigned long where();
static __attribute__((noinline)) unsigned long hidden() {
    unsigned long pc = (unsigned long)__builtin_return_address(0);
    __asm__ volatile("");
    return pc;
}
static __attribute__((noinline)) unsigned long inner() {
    unsigned long pc = hidden();
    __asm__ volatile("");
    return pc;
}
unsigned long where() { unsigned long pc = inner(); __asm__ volatile(""); return pc; }
)";

class DownloadedSymbols : public DebugDownloadsOf {
protected:
    void SetUp() override {
        DebugDownloadsOf::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        ASSERT_TRUE(compile(kLibrary, std::string("-O1 -g -shared -fPIC -Wl,--build-id=0x") + kBuildId, "lib.so"));
        ASSERT_TRUE(run("objcopy --only-keep-debug lib.so lib.debug && strip lib.so"));
        handle_ = ::dlopen(path("lib.so").c_str(), RTLD_NOW | RTLD_LOCAL);
        ASSERT_NE(handle_, nullptr);
        void* symbol = ::dlsym(handle_, "where");
        unsigned long (*where)() = nullptr;
        std::memcpy(&where, &symbol, sizeof where);
        pc_ = where();
    }
    void TearDown() override {
        if (handle_ != nullptr) ::dlclose(handle_);
        DebugDownloadsOf::TearDown();
    }
    void serve(const std::string& file) { ASSERT_TRUE(run("cp " + file + " files/" + kBuildId)); }

    void* handle_ = nullptr;
    uint64_t pc_ = 0;
};

TEST_F(DownloadedSymbols, come_with_the_report_after_the_download) {
    serve("lib.debug");
    auto downloads = DebugDownloads::start(options());
    ASSERT_TRUE(downloads);
    std::vector<std::string> said;
    Symbolizer symbolizer({}, ::getpid());
    symbolizer.on_progress([&](const std::string& sentence) { said.push_back(sentence); });
    symbolizer.use_downloads(&*downloads);
    symbolizer.update_mappings(*read_maps({}, ::getpid()));

    symbolizer.set_budget_ms(1000);
    const Frame first = symbolizer.symbolize(pc_).back();
    const auto notes_before = symbolizer.notes();
    finish(*downloads, kBuildId);
    symbolizer.set_budget_ms(1000);
    const Frame second = symbolizer.symbolize(pc_).back();

    EXPECT_EQ(first.function, "");
    EXPECT_EQ(first.line, 0);
    EXPECT_THAT(notes_before, Contains(AllOf(HasSubstr("lib.so"), HasSubstr("being fetched from debuginfod"))));
    EXPECT_THAT(said, Contains(AllOf(HasSubstr("debuginfod"), HasSubstr("lib.so"))));
    EXPECT_EQ(second.function, "inner") << ::testing::PrintToString(symbolizer.notes());
    EXPECT_THAT(second.file, EndsWith("lib.so.cpp"));
    EXPECT_EQ(second.line, 9);
}

TEST_F(DownloadedSymbols, T29_garbage_and_files_of_another_build_are_refused) {
    for (const char* what :
         {"head -c 100000 /dev/urandom >garbage && cp garbage served", "head -c 3000 lib.debug >served",
          "c++ -shared -g -Wl,--build-id=0xabcdef -o served lib.so.cpp -fPIC"}) {
        ASSERT_TRUE(run(what));
        ASSERT_TRUE(run("rm -rf cache && mkdir cache"));
        serve("served");
        auto downloads = DebugDownloads::start(options());
        ASSERT_TRUE(downloads);
        Symbolizer symbolizer({}, ::getpid());
        symbolizer.use_downloads(&*downloads);
        symbolizer.update_mappings(*read_maps({}, ::getpid()));

        (void)symbolizer.symbolize(pc_);
        finish(*downloads, kBuildId);
        symbolizer.set_budget_ms(1000);
        const Frame frame = symbolizer.symbolize(pc_).back();

        EXPECT_EQ(frame.function, "") << what;
        EXPECT_EQ(frame.line, 0) << what;
        EXPECT_THAT(symbolizer.notes(), Contains(HasSubstr("lib.so: "))) << what;
    }
}

TEST_F(DownloadedSymbols, are_not_asked_for_where_lines_are_at_hand) {
    ASSERT_TRUE(compile(kLibrary, "-O1 -g -shared -fPIC", "full.so"));
    void* full = ::dlopen(path("full.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    auto downloads = DebugDownloads::start(options());
    ASSERT_TRUE(downloads);
    Symbolizer symbolizer({}, ::getpid());
    symbolizer.use_downloads(&*downloads);
    symbolizer.update_mappings(*read_maps({}, ::getpid()));

    const auto frames = symbolizer.symbolize(reinterpret_cast<uint64_t>(::dlsym(full, "where")), false);
    ::dlclose(full);

    EXPECT_NE(frames.back().line, 0);
    EXPECT_EQ(requests(), "");
}

}  // namespace
}  // namespace whoholds
