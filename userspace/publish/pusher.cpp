#include "publish/pusher.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/no_signals.h"
#include "base/printable.h"
#include "base/unique_fd.h"

namespace whoholds {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kUsualDeadlineMs = 10'000;

// One attempt; everything ends at its deadline.
class Exchange {
public:
    Exchange(const addrinfo& address, Clock::time_point deadline) : address_(address), deadline_(deadline) {}

    Result<void> connect() {
        fd_.reset(socket(address_.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!fd_) return system_error("socket", errno);
        if (::connect(fd_.get(), address_.ai_addr, address_.ai_addrlen) == 0) return {};
        if (errno != EINPROGRESS) return system_error("connect", errno);
        WH_TRY_VOID(wait(POLLOUT));
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
        if (error != 0) return system_error("connect", error);
        return {};
    }

    Result<void> write(std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                text.remove_prefix(static_cast<size_t>(sent));
            } else if (errno == EAGAIN) {
                WH_TRY_VOID(wait(POLLOUT));
            } else if (errno != EINTR) {
                return system_error("send", errno);
            }
        }
        return {};
    }

    // The first line of the answer; what follows does not matter.
    Result<std::string> status_line() {
        constexpr size_t kLongest = 1024;
        std::string text;
        while (text.find('\n') == std::string::npos && text.size() < kLongest) {
            char block[256];
            const ssize_t count = recv(fd_.get(), block, sizeof block, 0);
            if (count > 0) {
                text.append(block, static_cast<size_t>(count));
            } else if (count == 0) {
                return Error{ErrorCode::kMalformed, "the connection was closed without an answer"};
            } else if (errno == EAGAIN) {
                WH_TRY_VOID(wait(POLLIN));
            } else if (errno != EINTR) {
                return system_error("receive", errno);
            }
        }
        return text.substr(0, text.find_first_of("\r\n"));
    }

private:
    Result<void> wait(short events) {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
            if (left <= 0) return Error{ErrorCode::kLimit, "no answer in time"};
            pollfd descriptor{fd_.get(), events, 0};
            if (poll(&descriptor, 1, static_cast<int>(left)) > 0) return {};
        }
    }

    const addrinfo& address_;
    Clock::time_point deadline_;
    UniqueFd fd_;
};

}  // namespace

struct Pusher::Addresses {
    addrinfo* list = nullptr;
    ~Addresses() {
        if (list != nullptr) freeaddrinfo(list);
    }
};

Result<std::unique_ptr<Pusher>> Pusher::start(PushTarget target) { return start(std::move(target), kUsualDeadlineMs); }

Result<std::unique_ptr<Pusher>> Pusher::start(PushTarget target, int deadline_ms) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    auto addresses = std::make_unique<Addresses>();
    const int code = getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &addresses->list);
    if (code != 0 || addresses->list == nullptr)
        return Error{ErrorCode::kNotFound, fmt::format("push to {}: {}", printable(target.host), gai_strerror(code))};
    std::unique_ptr<Pusher> pusher(new Pusher(std::move(target), std::move(addresses), deadline_ms));
    const NoSignals no_signals;
    pusher->thread_ = std::thread([self = pusher.get()] { self->run(); });
    return pusher;
}

Pusher::Pusher(PushTarget target, std::unique_ptr<Addresses> addresses, int deadline_ms)
    : target_(std::move(target)), addresses_(std::move(addresses)), deadline_ms_(deadline_ms) {}

Pusher::~Pusher() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Pusher::push(const Report& report, size_t max_processes) {
    std::vector<HttpPost> posts = posts_of(target_, report, max_processes);
    if (posts.empty()) return;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_) counts_.replaced++;
        waiting_ = std::move(posts);
    }
    changed_.notify_all();
}

std::optional<std::string> Pusher::take_complaint() {
    const std::lock_guard lock(mutex_);
    if (complaint_.empty() || is_said_) return std::nullopt;
    is_said_ = true;
    return complaint_;
}

Pusher::Counts Pusher::finish() {
    constexpr int kAttempts = 2;     // the one on its way, and the one that waits
    constexpr int kMomentMs = 5000;  // for a thread that has to wait for its turn
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(kAttempts * deadline_ms_ + kMomentMs),
                      [&] { return !waiting_ && !is_busy_; });
    return counts_;
}

void Pusher::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return waiting_ || is_ending_; });
        if (is_ending_) return;
        const std::vector<HttpPost> posts = *std::exchange(waiting_, std::nullopt);
        is_busy_ = true;
        lock.unlock();
        const auto deadline = Clock::now() + std::chrono::milliseconds(deadline_ms_);
        Result<void> outcome;
        for (const HttpPost& post : posts) {
            outcome = send(post, deadline);
            if (!outcome) break;
        }
        lock.lock();
        is_busy_ = false;
        (outcome ? counts_.delivered : counts_.failed)++;
        if (!outcome && complaint_.empty())
            complaint_ = fmt::format("push to {}:{}: {}; it is tried again with each report", target_.host,
                                     target_.port, printable(outcome.error().message));
        changed_.notify_all();
    }
}

Result<void> Pusher::send(const HttpPost& post, Clock::time_point deadline) {
    Result<void> connected = Error{ErrorCode::kNotFound, "no address"};
    for (const addrinfo* address = addresses_->list; address != nullptr; address = address->ai_next) {
        Exchange exchange(*address, deadline);
        connected = exchange.connect();
        if (!connected) continue;
        const bool is_v6 = target_.host.find(':') != std::string::npos;
        WH_TRY_VOID(exchange.write(fmt::format(
            "POST {} HTTP/1.1\r\nHost: {}{}{}:{}\r\nUser-Agent: whoholds\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
            "Connection: close\r\n\r\n",
            post.path, is_v6 ? "[" : "", target_.host, is_v6 ? "]" : "", target_.port, post.content_type,
            post.body.size())));
        WH_TRY_VOID(exchange.write(post.body));
        WH_TRY(const std::string status, exchange.status_line());
        const size_t space = status.find(' ');
        if (!status.starts_with("HTTP/") || space == std::string::npos)
            return Error{ErrorCode::kMalformed, "the answer is not HTTP"};
        if (status[std::min(space + 1, status.size() - 1)] != '2')
            return Error{ErrorCode::kUnsupported, "it answered " + status.substr(space + 1)};
        return {};
    }
    return connected;
}

}  // namespace whoholds
