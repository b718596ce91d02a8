// leaky_demo: a small "server" with faults on purpose, for a first look at whoholds (`scripts/run`). Its workers handle requests
// that a generator makes up:
//   SessionRegistry::open_session  keeps one Session per request and never lets go: the leak (until kMaxLeakedBytes)
//   TemplateCache                  fills up to kMaxCacheEntries and stays there: a bounded cache, no leak
//   render_page, parse_headers     much memory, all of it given back
//   Upstream::call                 now and then forgets to close a connection, which then waits in CLOSE_WAIT
//   start_report_job               now and then starts a thread that nobody joins
// Ends with its standard input. It may run for hours: each leak stops at its bound.
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace demo {

constexpr size_t kMaxLeakedBytes = 200U << 20;
constexpr size_t kMaxCacheEntries = 4000;
constexpr size_t kMaxForgottenSockets = 200;
constexpr size_t kMaxForgottenThreads = 100;
constexpr size_t kWorkers = 4;
constexpr uint64_t kUpstreamEvery = 10;
constexpr uint64_t kReportEvery = 997;
constexpr size_t kMaxQueue = 1000;
constexpr auto kRequestEvery = std::chrono::microseconds(2500);

struct Request {
    uint64_t number = 0;
    std::string path;
    std::string raw_headers;
};

struct Session {
    uint64_t request_number = 0;
    std::string user;
    std::array<char, 1500> scratch{};
};

class SessionRegistry {
public:
    [[gnu::noinline]] Session* open_session(const Request& request) {
        auto session = std::make_unique<Session>();
        session->request_number = request.number;
        session->user = "user-" + std::to_string(request.number % 5000) + "@shop.example";
        const std::lock_guard lock(mutex_);
        // The fault: sessions are kept by request number, and no request comes twice, so none is found again or closed.
        if (sessions_.size() * sizeof(Session) >= kMaxLeakedBytes) sessions_.erase(sessions_.begin());
        return (sessions_[request.number] = std::move(session)).get();
    }

private:
    std::mutex mutex_;
    std::unordered_map<uint64_t, std::unique_ptr<Session>> sessions_;
};

class TemplateCache {
public:
    [[gnu::noinline]] std::string find_or_load(const std::string& path) {
        const std::lock_guard lock(mutex_);
        if (const auto found = entries_.find(path); found != entries_.end()) return found->second;
        if (entries_.size() >= kMaxCacheEntries) entries_.erase(entries_.begin());
        return entries_.emplace(path, load_template(path)).first->second;
    }

private:
    [[gnu::noinline]] static std::string load_template(const std::string& path) {
        std::string text = "<html><!-- " + path + " -->";
        text.append(900 + path.size() * 20, '.');
        return text;
    }

    std::mutex mutex_;
    std::unordered_map<std::string, std::string> entries_;
};

// Another service, played by a listener of the demo's own that hangs up on every caller.
class Upstream {
public:
    Upstream() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        socklen_t size = sizeof(address_);
        const bool listens = bind(listener_, address(), size) == 0 && listen(listener_, SOMAXCONN) == 0 &&
                             getsockname(listener_, address(), &size) == 0;
        if (!listens) std::perror("no listener on loopback");
    }
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;
    ~Upstream() { close(listener_); }

    [[gnu::noinline]] void call(uint64_t request_number) {
        const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(connection, address(), sizeof(address_)) == 0) hang_up_on_caller();
        // The fault: on the way of an error the connection stays open.
        if (request_number % kFailingEvery == 0 && forgotten_.fetch_add(1) < kMaxForgottenSockets) return;
        close(connection);
    }

private:
    static constexpr uint64_t kFailingEvery = 400;

    sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }
    void hang_up_on_caller() const { close(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)); }

    int listener_;
    sockaddr_in address_{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    std::atomic<size_t> forgotten_{0};
};

void* write_report(void* /*argument*/) { return nullptr; }

[[gnu::noinline]] void start_report_job() {
    static std::atomic<size_t> forgotten{0};
    if (forgotten.fetch_add(1) >= kMaxForgottenThreads) return;
    pthread_t thread{};
    // The fault: neither joined nor detached, its stack stays.
    (void)pthread_create(&thread, nullptr, write_report, nullptr);
}

[[gnu::noinline]] std::vector<std::string> parse_headers(const std::string& raw) {
    std::vector<std::string> headers;
    for (size_t start = 0; start < raw.size();) {
        const size_t end = std::min(raw.find('\n', start), raw.size());
        headers.push_back(raw.substr(start, end - start));
        start = end + 1;
    }
    return headers;
}

[[gnu::noinline]] std::string render_page(const std::string& page_template, const std::vector<std::string>& headers) {
    std::string page = page_template;
    for (const std::string& header : headers) page += "<li>" + header + "</li>";
    return page;
}

class Server {
public:
    Server() {
        for (size_t i = 0; i < kWorkers; i++) workers_.emplace_back([this] { serve(); });
        generator_ = std::thread([this] { generate_requests(); });
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        queued_.notify_all();
        generator_.join();
        for (std::thread& worker : workers_) worker.join();
    }

private:
    void generate_requests() {
        std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the demo looks the same each time
        auto next = std::chrono::steady_clock::now();
        for (uint64_t number = 1;; number++) {
            Request request{number, "/item/" + std::to_string(random() % (2 * kMaxCacheEntries)), {}};
            for (int i = 0; i < 12; i++)
                request.raw_headers += "X-Header-" + std::to_string(random()) + ": some value\n";
            next += kRequestEvery;
            std::unique_lock lock(mutex_);
            if (queued_.wait_until(lock, next, [this] { return stopping_; })) return;
            if (queue_.size() < kMaxQueue) queue_.push_back(std::move(request));
            lock.unlock();
            queued_.notify_one();
        }
    }

    void serve() {
        for (;;) {
            std::unique_lock lock(mutex_);
            queued_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            const Request request = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            handle_request(request);
        }
    }

    [[gnu::noinline]] void handle_request(const Request& request) {
        Session* session = sessions_.open_session(request);
        const std::string page = render_page(templates_.find_or_load(request.path), parse_headers(request.raw_headers));
        session->scratch[page.size() % session->scratch.size()] = 1;
        if (request.number % kUpstreamEvery == 0) upstream_.call(request.number);
        if (request.number % kReportEvery == 0) start_report_job();
    }

    SessionRegistry sessions_;
    TemplateCache templates_;
    Upstream upstream_;
    std::mutex mutex_;
    std::condition_variable queued_;
    std::deque<Request> queue_;
    bool stopping_ = false;
    std::vector<std::thread> workers_;
    std::thread generator_;
};

}  // namespace demo

int main() {
    const demo::Server server;
    std::printf("DONE ready\n");
    std::fflush(stdout);
    std::array<char, 256> ignored{};
    while (read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {}
    return 0;
}
