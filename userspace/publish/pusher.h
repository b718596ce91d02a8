// Sends profiles over HTTP, in a thread of its own. Used by main (--push). Invariant: nobody waits for the other side: there is
// room for one report, which a newer one replaces; an attempt has a deadline; what failed is counted, and said once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "publish/push_target.h"

namespace whoholds {

class Pusher {
public:
    struct Counts {
        uint64_t delivered = 0;  // reports
        uint64_t failed = 0;
        uint64_t replaced = 0;  // by a newer one, while the one before was on its way
    };

    // Looks the host up, once. deadline_ms: of a report, from connecting to the last answer.
    static Result<std::unique_ptr<Pusher>> start(PushTarget target, int deadline_ms);
    static Result<std::unique_ptr<Pusher>> start(PushTarget target);
    ~Pusher();
    Pusher(const Pusher&) = delete;
    Pusher& operator=(const Pusher&) = delete;

    void push(const Report& report, size_t max_processes);
    // What went wrong, the first time that it is asked for after the first failure.
    std::optional<std::string> take_complaint();
    // Waits for what is on its way, for a few deadlines at most.
    Counts finish();

private:
    struct Addresses;
    Pusher(PushTarget target, std::unique_ptr<Addresses> addresses, int deadline_ms);
    void run();
    Result<void> send(const HttpPost& post, std::chrono::steady_clock::time_point deadline);

    const PushTarget target_;
    const std::unique_ptr<Addresses> addresses_;
    const int deadline_ms_;

    std::mutex mutex_;  // of what follows
    std::condition_variable changed_;
    std::optional<std::vector<HttpPost>> waiting_;
    bool is_busy_ = false;
    bool is_ending_ = false;
    Counts counts_;
    std::string complaint_;
    bool is_said_ = false;
    std::thread thread_;
};

}  // namespace whoholds
