// Each window subscribes to the clock with a std::function and is closed without unsubscribing. Ten a second.
// expect: leak of heap
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/verdict.h"

namespace {

struct Clock {
    std::vector<std::function<void(unsigned)>> observers;
    VERDICT_CALL void subscribe(std::function<void(unsigned)> observer) {
        observers.push_back(std::move(observer));  // LEAK HERE
    }
};

Clock wall_clock;

struct Window {
    std::string title;
    std::vector<unsigned> pixels;
};

VERDICT_CALL std::shared_ptr<Window> open_window(unsigned number) {
    auto window = std::make_shared<Window>();                                // LEAK HERE
    window->title = "The window with the number " + std::to_string(number);  // LEAK HERE
    window->pixels.resize(1000);                                             // LEAK HERE
    wall_clock.subscribe(
        [window, number, name = window->title](unsigned now) { window->pixels[0] = now + number; });  // LEAK HERE
    return window;
}

VERDICT_CALL void handle_click(unsigned number) {
    const std::shared_ptr<Window> window = open_window(number);
    window->pixels[1] = number;
}

}  // namespace

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(10);
        handle_click(number);
    }
}
