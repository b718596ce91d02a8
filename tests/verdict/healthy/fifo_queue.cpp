// A queue that is always about 2,000 messages long: 400 come and 400 go each second.
// expect: quiet
#include <deque>
#include <memory>
#include <string>

#include "support/verdict.h"

namespace {

struct Message {
    unsigned number;
    std::string text;
};

std::deque<std::unique_ptr<Message>> queue;

VERDICT_CALL void receive(unsigned number) {
    auto message = std::make_unique<Message>();
    message->number = number;
    message->text = "order " + std::to_string(number) + std::string(verdict_between(100, 800), '.');
    queue.push_back(std::move(message));
}

VERDICT_CALL void process() {
    while (queue.size() > 2000 + verdict_random() % 20) queue.pop_front();
}

}  // namespace

int main(int argc, char** argv) {
    unsigned number = 0;
    while (number < 2000) receive(number++);
    verdict_start(argc, argv);
    for (;; number++) {
        verdict_pace(400);
        receive(number);
        process();
    }
}
