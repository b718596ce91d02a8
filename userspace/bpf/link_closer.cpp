#include "bpf/link_closer.h"

#include <system_error>
#include <utility>

#include "base/no_signals.h"

namespace whoholds {

namespace {

constexpr size_t kMaxThreads = 32;

}  // namespace

LinkCloser::~LinkCloser() { wait(); }

void LinkCloser::close(std::shared_ptr<void> link) {
    const std::lock_guard lock(mutex_);
    links_.push_back(std::move(link));
    if (idle_ < links_.size() && threads_.size() < kMaxThreads) {
        const NoSignals no_signals;
        try {
            threads_.emplace_back([this] { work(); });
        } catch (const std::system_error&) {  // no more threads here: those that there are, or wait(), close it
        }
    }
    changed_.notify_one();
}

void LinkCloser::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        idle_++;
        changed_.wait(lock, [this] { return ends_ || !links_.empty(); });
        idle_--;
        if (links_.empty()) return;
        std::shared_ptr<void> link = std::move(links_.front());
        links_.pop_front();
        lock.unlock();
        link.reset();
        lock.lock();
    }
}

void LinkCloser::wait() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
        changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    links_.clear();
    ends_ = false;
}

}  // namespace whoholds
