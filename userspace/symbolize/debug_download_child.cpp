#include "symbolize/debug_download_child.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "base/human.h"
#include "base/result.h"

namespace whoholds {
namespace {

constexpr int kSocket = 3;

// libdebuginfod is not linked but loaded, here alone: our own process keeps free of it and of what it brings (libcurl,
// TLS), and runs without it. Its interface, of elfutils 0.183 and later:
struct DebuginfodClient;
using BeginFn = DebuginfodClient* (*)();
using EndFn = void (*)(DebuginfodClient*);
using FindDebuginfoFn = int (*)(DebuginfodClient*, const unsigned char* build_id, int build_id_size, char** path);
using ProgressFn = int (*)(DebuginfodClient*, long done, long total);
using SetProgressFn = void (*)(DebuginfodClient*, ProgressFn);
struct Library {
    BeginFn begin = nullptr;
    EndFn end = nullptr;
    FindDebuginfoFn find_debuginfo = nullptr;
    SetProgressFn set_progress = nullptr;

    bool load() {
        void* library = ::dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) return false;
        const auto take = [library](auto& function, const char* name) {
            void* symbol = ::dlsym(library, name);
            std::memcpy(&function, &symbol, sizeof function);
            return symbol != nullptr;
        };
        return take(begin, "debuginfod_begin") && take(end, "debuginfod_end") &&
               take(find_debuginfo, "debuginfod_find_debuginfo") && take(set_progress, "debuginfod_set_progressfn");
    }
};

time_t now_s() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

// Of the one download that goes on. libdebuginfod's callback is given nothing by which it could be found.
struct Limits {
    time_t end_s = 0;
    uint64_t max_bytes = 0;
    bool too_long = false;
    bool too_large = false;
} limits;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

// Called at least once a second. Other than 0 gives the download up.
int watch(DebuginfodClient* /*client*/, long done, long total) {
    limits.too_long = now_s() >= limits.end_s;
    const auto exceeds = [](long bytes) { return bytes > 0 && static_cast<uint64_t>(bytes) > limits.max_bytes; };
    limits.too_large = exceeds(done) || exceeds(total);
    return limits.too_long || limits.too_large ? 1 : 0;
}

std::vector<unsigned char> from_hex(const std::string& text) {
    std::vector<unsigned char> bytes;
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<unsigned char>(std::strtoul(text.substr(i, 2).c_str(), nullptr, 16)));
    }
    return bytes;
}

std::string why_not(int error, const DebugDownloads::Options& options) {
    if (limits.too_large) return "it is larger than " + human_bytes(options.max_bytes);
    if (limits.too_long) return "it took longer than " + std::to_string(options.longest_s) + " s";
    switch (error) {
        case ENOENT: return "the servers do not have it";
        case ETIME:
        case ETIMEDOUT: return "the server sent nothing for " + std::to_string(options.stalled_s) + " s";
        case EFBIG: return "it is larger than " + human_bytes(options.max_bytes);
        default: return "download failed: " + system_error("debuginfod", error).message;
    }
}

// "+PATH" or "-WHY"
std::string download(const Library& library, const std::string& build_id, const DebugDownloads::Options& options) {
    DebuginfodClient* client = library.begin();
    if (client == nullptr) return "-libdebuginfod does not start";
    limits = {.end_s = now_s() + static_cast<time_t>(options.longest_s), .max_bytes = options.max_bytes};
    library.set_progress(client, watch);
    const std::vector<unsigned char> id = from_hex(build_id);
    // If all else hangs, the alarm ends this process, and the parent says so.
    ::alarm(options.longest_s + 60);
    char* path = nullptr;
    const int file = library.find_debuginfo(client, id.data(), static_cast<int>(id.size()), &path);
    ::alarm(0);
    std::string answer = file >= 0 && path != nullptr ? std::string("+") + path : "-" + why_not(-file, options);
    if (file >= 0) ::close(file);
    std::free(path);  // NOLINT(cppcoreguidelines-no-malloc): the library took it
    library.end(client);
    return answer;
}

void set_default(const char* name, uint64_t value) { ::setenv(name, std::to_string(value).c_str(), 0); }

// Away from everything of the parent's but the socket: its terminal, its signals, its descriptors (probes stay attached as
// long as somebody has them open).
void leave_parent(int socket, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_NAME, "whoholds-fetch");
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_IGN);
    ::signal(SIGALRM, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDWR);
    if (socket != kSocket && ::dup2(socket, kSocket) < 0) ::_exit(1);
    for (int fd = 0; fd < kSocket; ++fd) ::dup2(null, fd);
    ::syscall(SYS_close_range, kSocket + 1, ~0U, 0);
    ::fcntl(kSocket, F_SETFD, FD_CLOEXEC);
}

void set_limits(const DebugDownloads::Options& options) {
    const rlimit file_size{options.max_bytes, options.max_bytes};
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &file_size);
    ::setrlimit(RLIMIT_CORE, &none);
    ::setenv("DEBUGINFOD_URLS", options.urls.c_str(), 1);
    if (!options.cache_path.empty()) ::setenv("DEBUGINFOD_CACHE_PATH", options.cache_path.c_str(), 1);
    ::unsetenv("DEBUGINFOD_PROGRESS");
    ::unsetenv("DEBUGINFOD_VERBOSE");
    set_default("DEBUGINFOD_TIMEOUT", options.stalled_s);
    set_default("DEBUGINFOD_MAXTIME", options.longest_s);
    set_default("DEBUGINFOD_MAXSIZE", options.max_bytes);
}

}  // namespace

void run_debug_download_child(int socket, pid_t parent, const DebugDownloads::Options& options) {
    leave_parent(socket, parent);
    set_limits(options);
    Library library;
    const bool is_loaded = library.load();
    std::array<char, 256> request;
    for (;;) {
        const ssize_t size = ::recv(kSocket, request.data(), request.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) ::_exit(0);
        const std::string build_id(request.data(), static_cast<size_t>(size));
        std::string answer = is_loaded ? download(library, build_id, options)
                                       : "-libdebuginfod.so.1 is not installed (Debian package libdebuginfod1)";
        answer = answer.substr(0, 1) + build_id + " " + answer.substr(1);
        answer.resize(std::min(answer.size(), kMaxDebugDownloadAnswer));
        while (::send(kSocket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) {
            if (errno != EINTR) ::_exit(0);
        }
    }
}

}  // namespace whoholds
