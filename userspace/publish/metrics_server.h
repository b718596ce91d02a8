// Serves the last report's metrics over HTTP/1.1, in a thread of its own that the session never waits for. Used by main
// (--metrics-listen). A slow or hostile client costs a place among kMaxClients for a few seconds and nothing else: requests are
// small or refused, every connection has a deadline and ends after its answer, and when all places are taken the oldest one goes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds {

struct PublishedMetrics {
    std::string openmetrics;
    std::string prometheus;  // for who does not ask for OpenMetrics
};

struct ListenAddress {
    std::string host = "127.0.0.1";
    uint16_t port = 0;  // 0: one that is free
};

// "9100", "0.0.0.0:9100", "[::1]:9100"
Result<ListenAddress> parse_listen_address(std::string_view text);

class MetricsServer {
public:
    struct Limits {
        size_t clients = 32;
        size_t request_bytes = 8192;
        int deadline_ms = 5000;  // from the connection to the last byte of the answer
    };

    static Result<std::unique_ptr<MetricsServer>> start(const ListenAddress& address, Limits limits);
    static Result<std::unique_ptr<MetricsServer>> start(const ListenAddress& address) {
        return start(address, Limits());
    }
    ~MetricsServer();
    MetricsServer(const MetricsServer&) = delete;
    MetricsServer& operator=(const MetricsServer&) = delete;

    // What is served from now on; until then there is 503.
    void publish(PublishedMetrics metrics);
    [[nodiscard]] uint16_t port() const { return port_; }

private:
    struct Client;
    MetricsServer(UniqueFd listener, UniqueFd wake, uint16_t port, Limits limits);
    void serve();
    void accept_clients(std::vector<Client>& clients) const;
    bool advance(Client& client) const;  // false: done with it
    [[nodiscard]] std::string answer(std::string_view request) const;
    [[nodiscard]] std::shared_ptr<const PublishedMetrics> published() const;

    UniqueFd listener_;
    UniqueFd wake_;  // an eventfd: stop
    uint16_t port_;
    Limits limits_;
    mutable std::mutex mutex_;  // of published_, which is replaced as a whole
    std::shared_ptr<const PublishedMetrics> published_;
    std::thread thread_;
};

}  // namespace whoholds
