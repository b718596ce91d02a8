// LinkCloser: closes BPF links side by side. The kernel waits for a grace period with each one (30 to 120 ms, more on
// a busy machine); one after the other, a process with ten links would stop us for a second, and a target that ended would, too.
// The probes are gone when a close begins; nothing but the waiting is left.
// The only threads of whoholds: they know of links and of nothing else. Used by AttachedProbes and the session.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace whoholds {

class LinkCloser {
public:
    LinkCloser() = default;
    LinkCloser(const LinkCloser&) = delete;
    LinkCloser& operator=(const LinkCloser&) = delete;
    ~LinkCloser();  // as wait()

    // Returns at once. What owns the link is destroyed some time later, by another thread.
    void close(std::shared_ptr<void> link);
    // All that were given are closed when it returns.
    void wait();

private:
    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<void>> links_;
    std::vector<std::thread> threads_;
    size_t idle_ = 0;
    bool ends_ = false;
};

}  // namespace whoholds
