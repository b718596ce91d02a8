// Each job gets an event loop of its own: an epoll, a timer and an eventfd, and only the timer is closed. Two jobs a second.
// expect: leak of fd
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "support/verdict.h"

struct loop {
    int poller, timer, wake_up;
};

static VERDICT_CALL int watch(const struct loop* loop, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = descriptor}};
    return epoll_ctl(loop->poller, EPOLL_CTL_ADD, descriptor, &event);
}

static VERDICT_CALL struct loop make_loop(void) {
    struct loop loop;
    loop.poller = epoll_create1(EPOLL_CLOEXEC);  // LEAK HERE
    loop.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    loop.wake_up = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);  // LEAK HERE
    if (watch(&loop, loop.timer) != 0 || watch(&loop, loop.wake_up) != 0) perror("epoll_ctl");
    return loop;
}

static VERDICT_CALL void run_job(void) {
    struct epoll_event event;
    const struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
    struct loop loop = make_loop();
    timerfd_settime(loop.timer, 0, &soon, NULL);
    if (epoll_wait(loop.poller, &event, 1, 100) < 0) perror("epoll_wait");
    close(loop.timer);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(2);
        run_job();
    }
}
