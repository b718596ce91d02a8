#include "symbolize/debug_downloads.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/printable.h"
#include "symbolize/debug_download_child.h"

namespace whoholds {
namespace {

constexpr size_t kMaxDownloads = 4096;

bool is_build_id(const std::string& text) {
    const bool hex =
        std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    return hex && text.size() >= 8 && text.size() <= 128 && text.size() % 2 == 0;
}

// A static program has no dynamic linker beside it.
bool can_load_libraries() { return ::getauxval(AT_BASE) != 0; }

}  // namespace

std::optional<DebugDownloads::Options> DebugDownloads::options_from_environment() {
    const char* urls = std::getenv("DEBUGINFOD_URLS");
    if (urls == nullptr || std::string_view(urls).find_first_not_of(" \t\n") == std::string_view::npos) return {};
    return Options{.urls = urls};
}

Result<DebugDownloads> DebugDownloads::start(const Options& options) {
    if (!can_load_libraries())
        return Error{
            ErrorCode::kUnsupported,
            "DEBUGINFOD_URLS is ignored, the static whoholds has no downloads (that of the Debian package has)"};
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return system_error("socketpair", errno);
    UniqueFd ours(sockets[0]);
    const UniqueFd theirs(sockets[1]);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) return system_error("fork", errno);
    if (child == 0) run_debug_download_child(theirs.get(), parent, options);
    return DebugDownloads(std::move(ours), child);
}

DebugDownloads::DebugDownloads(DebugDownloads&& other) noexcept
    : socket_(std::move(other.socket_)),
      child_(std::exchange(other.child_, -1)),
      downloads_(std::move(other.downloads_)),
      unsent_(std::move(other.unsent_)) {}

DebugDownloads& DebugDownloads::operator=(DebugDownloads&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(child_, other.child_);
    std::swap(downloads_, other.downloads_);
    std::swap(unsent_, other.unsent_);
    return *this;
}

DebugDownloads::~DebugDownloads() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {}
}

void DebugDownloads::request(const std::string& build_id) {
    if (downloads_.contains(build_id) || downloads_.size() >= kMaxDownloads) return;
    Download& download = downloads_[build_id];
    if (!is_build_id(build_id)) {
        download = {.state = State::kFailed, .error = "its build id makes no sense"};
    } else if (!socket_) {
        download = {.state = State::kFailed, .error = "the process that downloads has ended"};
    } else {
        unsent_.push_back(build_id);
        send_requests();
    }
}

void DebugDownloads::send_requests() {
    while (!unsent_.empty() && socket_) {
        const ssize_t sent =
            ::send(socket_.get(), unsent_.front().data(), unsent_.front().size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (sent < 0) return end("the process that downloads has ended");
        unsent_.pop_front();
    }
}

const DebugDownloads::Download* DebugDownloads::find(const std::string& build_id) const {
    const auto found = downloads_.find(build_id);
    return found == downloads_.end() ? nullptr : &found->second;
}

// "+BUILD_ID PATH" or "-BUILD_ID WHY"
void DebugDownloads::take_answer(std::string_view answer) {
    const size_t blank = answer.find(' ');
    if (blank == std::string_view::npos || blank == 0) return;
    const auto found = downloads_.find(std::string(answer.substr(1, blank - 1)));
    if (found == downloads_.end()) return;
    const std::string text(answer.substr(blank + 1));
    if (answer.front() == '+') {
        found->second = {.state = State::kArrived, .path = text};
    } else {
        found->second = {.state = State::kFailed, .error = printable(text)};
    }
}

void DebugDownloads::end(const std::string& why) {
    socket_ = UniqueFd();
    unsent_.clear();
    for (auto& [build_id, download] : downloads_) {
        if (download.state == State::kWaiting) download = {.state = State::kFailed, .error = why};
    }
}

bool DebugDownloads::poll() {
    bool any = false;
    std::array<char, kMaxDebugDownloadAnswer> answer;
    while (socket_) {
        const ssize_t size = ::recv(socket_.get(), answer.data(), answer.size(), MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        any = true;
        if (size <= 0) {
            end("the process that downloads has ended");
        } else {
            take_answer({answer.data(), static_cast<size_t>(size)});
        }
    }
    send_requests();
    return any;
}

}  // namespace whoholds
