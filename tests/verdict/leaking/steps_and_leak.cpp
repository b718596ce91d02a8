// Twice the requests between second 20 and 40, each with its memory for half a second; one of 40 is never taken off the list.
// expect: leak of heap
#include <list>
#include <memory>
#include <string>

#include "support/verdict.h"

namespace {

struct Request {
    double ends_at;
    std::string body;
};

std::list<std::unique_ptr<Request>> in_flight;

VERDICT_CALL void begin_request() {
    auto request = std::make_unique<Request>();
    const bool is_forgotten = verdict_random() % 40 == 0;
    request->ends_at = is_forgotten ? 1e18 : verdict_clock() + 0.5;
    request->body.assign(verdict_between(2000, 6000), 'b');  // LEAK HERE: most of it
    in_flight.push_back(std::move(request));
}

VERDICT_CALL void end_requests() {
    const double now = verdict_clock();
    in_flight.remove_if([now](const auto& request) { return request->ends_at < now; });
}

}  // namespace

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        const double time = verdict_time();
        verdict_pace(time > 20 && time < 40 ? 200 : 100);
        end_requests();
        begin_request();
    }
}
