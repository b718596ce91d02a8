// The puppet of bench_stacks: malloc(32) and free at the bottom of a stack of so many frames. One command a line:
//   deep FRAMES MS     FRAMES, from malloc's caller to the thread's first function, 4 to 64
// It answers "DONE PAIRS THREAD_NS", as bench_target does.

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

extern "C" {
#include "../targets/puppet.h"
}

namespace {

constexpr int kPairsPerClockRead = 64;
constexpr int kMostLevels = 64;
constexpr int kFramesBelow =
    5;  // bottom, run (a lambda and its frames in libstdc++ and libc), found by whoholds itself

struct Window {
    uint64_t length_ns = 0;
    uint64_t pairs = 0;
    uint64_t spent_ns = 0;
};

uint64_t now_ns() {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

[[gnu::noinline]] void bottom(Window& window) {
    const uint64_t start_ns = now_ns();
    while (window.spent_ns < window.length_ns) {
        for (int i = 0; i < kPairsPerClockRead; i++) {
            void* block = std::malloc(32);
            WH_KEEP(block);
            std::free(block);
        }
        window.pairs += kPairsPerClockRead;
        window.spent_ns = now_ns() - start_ns;
    }
}

// Different functions with frames of different sizes, as in real programs.
template <int N>
[[gnu::noinline]] void level(Window& window) {
    volatile char local[16 + N * 24 % 120];
    local[0] = N;
    if constexpr (N == 0)
        bottom(window);
    else
        level<N - 1>(window);
    local[1] = local[0];
}

template <size_t... N>
constexpr std::array<void (*)(Window&), sizeof...(N)> make_levels(std::index_sequence<N...>) {
    return {level<static_cast<int>(N)>...};
}

void run(int frames, unsigned length_ms) {
    static constexpr auto kLevels = make_levels(std::make_index_sequence<kMostLevels>{});
    Window window{.length_ns = length_ms * 1'000'000ull};
    // The thread's own frames come on top: the lambda's invoker, start_thread, clone3.
    const int levels = frames - kFramesBelow;
    std::thread thread([&] { kLevels[static_cast<size_t>(levels)](window); });
    thread.join();
    puppet_answer("DONE %llu %llu", static_cast<unsigned long long>(window.pairs),
                  static_cast<unsigned long long>(window.spent_ns));
}

}  // namespace

int main() {
    char line[kPuppetLineMax];
    while (puppet_read_line(line)) {
        int frames = 0;
        unsigned length_ms = 0;
        if (std::sscanf(line, "deep %d %u", &frames, &length_ms) == 2 && frames > kFramesBelow &&
            frames - kFramesBelow < kMostLevels)
            run(frames, length_ms);
        else
            puppet_answer("FAIL unknown command: %s", line);
    }
    return 0;
}
