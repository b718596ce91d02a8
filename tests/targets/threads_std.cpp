// The call sites of threads_puppet that start their threads by std::thread.
#include <thread>
#include <vector>

#include "threads_common.h"

namespace {

std::vector<std::thread>& kept() {
    static std::vector<std::thread> threads;
    return threads;
}

}  // namespace

extern "C" {

WH_SITE void site_std_waiting() {
    const unsigned wanted = count_ready() + 1;
    kept().emplace_back(be_ready_and_wait);
    wait_for_ready(wanted);
}
WH_SITE void site_std_finished() {
    kept().emplace_back([] {});
}
WH_SITE void site_std_joined() {
    std::thread([] {}).join();
}
WH_SITE void site_std_detached() {
    std::thread([] {}).detach();
}
}
