#include "runtime/go/readings.h"

#include <utility>

namespace whoholds {
namespace {

template <class T>
void take(Result<T> result, std::optional<T>& into, std::vector<std::string>& problems) {
    if (result) {
        into = *std::move(result);
    } else {
        problems.push_back(result.error().message);
    }
}

}  // namespace

GoReadings read_go(const GoProcess& process, const GoWanted& wanted, const std::function<void()>& pause) {
    GoReadings readings;
    take(read_go_runtime_facts(process), readings.facts, readings.problems);
    if (wanted.heap) take(read_go_heap_profile(process), readings.heap, readings.problems);
    pause();
    if (wanted.goroutines) take(read_goroutines(process), readings.goroutines, readings.problems);
    pause();
    return readings;
}

}  // namespace whoholds
