#include "publish/metrics_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include "base/no_signals.h"

namespace whoholds {
namespace {

using Clock = std::chrono::steady_clock;

std::string response(std::string_view status, std::string_view type, std::string_view body, bool with_body) {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nX-Content-Type-Options: "
        "nosniff\r\n"
        "{}\r\n{}",
        status, type, body.size(), status.starts_with("405") ? "Allow: GET, HEAD\r\n" : "", with_body ? body : "");
}

std::string refusal(std::string_view status) {
    return response(status, "text/plain", fmt::format("{}\n", status), true);
}

// Whether a header of the request says so; names of headers and media types have no case.
bool accepts_openmetrics(std::string request) {
    std::ranges::transform(request, request.begin(), [](unsigned char c) { return std::tolower(c); });
    for (size_t at = 0; (at = request.find("\r\naccept:", at)) != std::string::npos;) {
        at += 2;
        const std::string_view line = std::string_view(request).substr(at, request.find("\r\n", at) - at);
        if (line.find("application/openmetrics-text") != std::string_view::npos) return true;
    }
    return false;
}

bool is_whole(std::string_view request) {
    return request.find("\r\n\r\n") != std::string_view::npos || request.find("\n\n") != std::string_view::npos;
}

;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

// No names: nothing has to be asked for what one's own address is.
std::optional<SocketAddress> socket_address(const ListenAddress& address) {
    SocketAddress result;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
    if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address.port);
        result.size = sizeof *v4;
        return result;
    }
    if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    result.size = sizeof *v6;
    return result;
}

uint16_t port_of(int fd) {
    SocketAddress address;
    address.size = sizeof address.storage;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) return 0;
    // In the same place for both families.
    return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

}  // namespace

struct MetricsServer::Client {
    UniqueFd fd;
    Clock::time_point deadline;
    std::string request;
    std::string answer;  // what of it is still to be sent
    bool is_answered = false;
    bool is_drained = false;  // all is sent; waits for the other side to close
};

Result<ListenAddress> parse_listen_address(std::string_view text) {
    const Error error{ErrorCode::kInvalidArgument, '"' + std::string(text) +
                                                       "\" is no address to listen at: give PORT or ADDRESS:PORT, such "
                                                       "as 9435 or 0.0.0.0:9435"};
    ListenAddress address;
    std::string_view port = text;
    if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        std::string_view host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (host.starts_with('[') && host.ends_with(']'))
            host = host.substr(1, host.size() - 2);
        else if (host.find(':') != std::string_view::npos)
            return error;
        if (host.empty()) return error;
        address.host = host;
    }
    const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (code != std::errc() || end != port.data() + port.size()) return error;
    return address;
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const ListenAddress& address, Limits limits) {
    const std::string what = fmt::format("listen at {} port {}", address.host, address.port);
    const std::optional<SocketAddress> where = socket_address(address);
    if (!where) return Error{ErrorCode::kInvalidArgument, what + ": that is no IP address"};
    UniqueFd listener(socket(where->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (!listener || setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener.get(), reinterpret_cast<const sockaddr*>(&where->storage), where->size) != 0 ||
        listen(listener.get(), SOMAXCONN) != 0)
        return system_error(what, errno);
    UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return system_error(what, errno);
    const uint16_t port = port_of(listener.get());
    std::unique_ptr<MetricsServer> server(new MetricsServer(std::move(listener), std::move(wake), port, limits));
    const NoSignals no_signals;
    server->thread_ = std::thread([self = server.get()] { self->serve(); });
    return server;
}

MetricsServer::MetricsServer(UniqueFd listener, UniqueFd wake, uint16_t port, Limits limits)
    : listener_(std::move(listener)), wake_(std::move(wake)), port_(port), limits_(limits) {}

MetricsServer::~MetricsServer() {
    eventfd_write(wake_.get(), 1);
    if (thread_.joinable()) thread_.join();
}

void MetricsServer::publish(PublishedMetrics metrics) {
    auto next = std::make_shared<const PublishedMetrics>(std::move(metrics));
    const std::lock_guard lock(mutex_);
    published_.swap(next);
}

std::shared_ptr<const PublishedMetrics> MetricsServer::published() const {
    const std::lock_guard lock(mutex_);
    return published_;
}

void MetricsServer::serve() {
    std::vector<Client> clients;
    for (;;) {
        std::vector<pollfd> waits = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
        for (const Client& client : clients) {
            const bool sends = client.is_answered && !client.is_drained;
            waits.push_back({client.fd.get(), static_cast<short>(sends ? POLLOUT : POLLIN), 0});
        }
        int timeout_ms = -1;
        if (!clients.empty()) {  // those that came first end first
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(clients.front().deadline - Clock::now());
            timeout_ms = static_cast<int>(std::max<int64_t>(left.count(), 0));
        }
        if (poll(waits.data(), waits.size(), timeout_ms) < 0 && errno != EINTR) return;
        if (waits[0].revents != 0) return;
        size_t at = 2;
        std::erase_if(clients, [&](Client& client) {
            const bool is_ready = waits[at++].revents != 0;
            return (is_ready && !advance(client)) || Clock::now() >= client.deadline;
        });
        if (waits[1].revents != 0) accept_clients(clients);
    }
}

void MetricsServer::accept_clients(std::vector<Client>& clients) const {
    // Not for ever, however fast they come: those that are there have their turn, too.
    for (size_t i = 0; i < limits_.clients; ++i) {
        UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) {
            // No descriptor is left: the listener stays ready, and must not keep this thread busy.
            constexpr int kMomentMs = 100;
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) poll(nullptr, 0, kMomentMs);
            return;
        }
        if (clients.size() >= limits_.clients) clients.erase(clients.begin());
        clients.push_back({std::move(fd), Clock::now() + std::chrono::milliseconds(limits_.deadline_ms), {}, {}});
    }
}

bool MetricsServer::advance(Client& client) const {
    char block[4096];
    if (client.is_drained) return recv(client.fd.get(), block, sizeof block, 0) > 0;
    if (!client.is_answered) {
        const ssize_t count = recv(client.fd.get(), block, sizeof block, 0);
        if (count < 0) return errno == EAGAIN || errno == EINTR;
        if (count == 0) return false;
        client.request.append(block, static_cast<size_t>(count));
        if (!is_whole(client.request) && client.request.size() <= limits_.request_bytes) return true;
        client.answer = answer(client.request);
        client.is_answered = true;
    }
    const ssize_t sent = send(client.fd.get(), client.answer.data(), client.answer.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    client.answer.erase(0, static_cast<size_t>(sent));
    if (!client.answer.empty()) return true;
    // Closing with something unread would reset the connection, and the client might lose the answer.
    shutdown(client.fd.get(), SHUT_WR);
    client.is_drained = true;
    return true;
}

std::string MetricsServer::answer(std::string_view request) const {
    if (request.size() > limits_.request_bytes) return refusal("431 Request Header Fields Too Large");
    const std::string_view line = request.substr(0, request.find_first_of("\r\n"));
    const size_t first = line.find(' ');
    const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1."))
        return refusal("400 Bad Request");
    const std::string_view method = line.substr(0, first);
    std::string_view path = line.substr(first + 1, second - first - 1);
    path = path.substr(0, path.find('?'));
    if (method != "GET" && method != "HEAD") return refusal("405 Method Not Allowed");
    const bool with_body = method == "GET";
    if (path == "/") return response("200 OK", "text/plain", "whoholds: /metrics\n", with_body);
    if (path != "/metrics") return refusal("404 Not Found");
    const auto metrics = published();
    if (!metrics) return refusal("503 Service Unavailable");
    if (accepts_openmetrics(std::string(request)))
        return response("200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics->openmetrics,
                        with_body);
    return response("200 OK", "text/plain; version=0.0.4; charset=utf-8", metrics->prometheus, with_body);
}

}  // namespace whoholds
