// Threads that are made while one lives take no signals: those are for the thread that runs the session. Used wherever a thread is made.
#pragma once

#include <pthread.h>

#include <csignal>

namespace whoholds {

class NoSignals {
public:
    NoSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    NoSignals(const NoSignals&) = delete;
    NoSignals& operator=(const NoSignals&) = delete;

private:
    sigset_t before_{};
};

}  // namespace whoholds
