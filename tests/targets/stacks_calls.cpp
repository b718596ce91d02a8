// What compilers make of ordinary code.
#include <alloca.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "stacks_puppet.h"

namespace stacks {

namespace {

volatile int sink;

template <int kDepth>
struct Deep {
    WH_ALONE static int go(int x) {
        volatile char local[16 + kDepth * 24 % 120];
        local[0] = static_cast<char>(x);
        if (kDepth % 7 == 0) allocate(20 + kDepth);
        return Deep<kDepth - 1>::go(x + 1) + local[0];
    }
};
template <>
struct Deep<0> {
    WH_ALONE static int go(int x) {
        allocate(17);
        return x;
    }
};

template <class T>
WH_ALONE T recurse(T depth) {
    if (depth < 1) return T();
    std::vector<T> values(static_cast<size_t>(depth) + 1, depth);
    const auto next = [&](T left) { return recurse<T>(left - 1) + values[0]; };
    return next(depth) + 1;
}

WH_ALONE void throw_something(int i) {
    std::string text(40 + static_cast<size_t>(i), 'x');
    if (i % 3 == 0) throw std::runtime_error(text);
    if (i % 3 == 1) throw std::logic_error(text);
    sink = static_cast<int>(text.size());
}

WH_ALONE void throw_through(int i, int frames) {
    std::unique_ptr<int[]> destroyed_on_the_way(new int[10 + static_cast<size_t>(frames)]);
    keep(destroyed_on_the_way);
    if (frames == 0)
        throw_something(i);
    else
        throw_through(i, frames - 1);
    keep(i);
}

WH_ALONE void catch_and_rethrow(int i) {
    try {
        throw_through(i, 4);
    } catch (std::runtime_error& error) {
        allocate(std::strlen(error.what()));
        throw;
    } catch (std::logic_error&) {
        std::throw_with_nested(std::runtime_error("outer text, long enough for the heap"));
    }
}

[[noreturn]] WH_ALONE void fail(int i) {
    allocate(33);
    throw i;
}
[[noreturn]] WH_ALONE void end_with_a_call(int i) { fail(i + 1); }

WH_ALONE int compare_and_allocate(const void* left, const void* right) {
    allocate(24);
    return *static_cast<const int*>(left) - *static_cast<const int*>(right);
}

WH_ALONE void use_alloca(size_t size) {
    auto* array = static_cast<char*>(alloca(size));
    std::memset(array, 1, size);
    allocate(size);
    sink = array[size / 2];
    if (size > 64) use_alloca(size / 2);
    keep(array);
}

WH_ALONE int with_aligned_local(int x) {
    alignas(64) char local[128];
    std::memset(local, x, sizeof local);
    char* place = local;
    keep(place);
    allocate(100);
    return place[x & 127];
}

// Realigned and of variable size: the compiler keeps the incoming stack pointer in a register of its own.
WH_ALONE int with_aligned_and_dynamic_locals(size_t size, ...) {
    va_list arguments;
    va_start(arguments, size);
    alignas(64) char local[64];
    auto* array = static_cast<char*>(alloca(size));
    char* place = local;
    keep(place);
    keep(array);
    place[1] = static_cast<char>(va_arg(arguments, int));
    va_end(arguments);
    allocate(size);
    const int inner = size > 100 ? with_aligned_and_dynamic_locals(size / 2, 5) : with_aligned_local(3);
    return inner + place[1] + (array == nullptr);
}

WH_ALONE int tail_third(int x) {
    allocate(51);
    return x + 1;
}
WH_ALONE int tail_second(int x) {
    allocate(52);
    return tail_third(x * 2);
}
WH_ALONE int tail_first(int x) {
    allocate(53);
    return tail_second(x * 3);
}

WH_ALONE int dig(int left) {
    if (left % 50 == 0) allocate(60);
    if (left == 0) return 0;
    int below = dig(left - 1);
    keep(below);
    return below + 1;
}

}  // namespace

void templates() {
    sink = Deep<40>::go(1);
    sink = recurse<int>(12);
    sink = static_cast<int>(recurse<double>(7.5));
}

void standard_library() {
    std::map<std::string, std::vector<int>> table;
    for (int i = 0; i < 20; i++) {
        std::ostringstream text;
        text << "key " << i << " " << i * 1.5;
        table[text.str()].push_back(i);
    }
    std::function<int(int)> descend = [&](int left) {
        std::unique_ptr<int[]> block(new int[static_cast<size_t>(left) + 20]);
        keep(block);
        return left > 0 ? descend(left - 1) + 1 : 0;
    };
    sink = descend(10);
    std::vector<std::string> keys;
    for (const auto& entry : table) keys.push_back(entry.first + "-suffix-long-enough-for-the-heap");
    std::sort(keys.begin(), keys.end(), [](const std::string& left, const std::string& right) {
        const std::string both = left + right;
        return both < right + left;
    });
    sink = static_cast<int>(std::accumulate(keys.begin(), keys.end(), std::string()).size());
}

void regular_expressions() {
    const std::regex expression("k(e)y ([0-9]+).*(a|b|[^x-z]){2,3}");
    std::smatch match;
    const std::string text = "key 123 and some more text";
    sink = std::regex_match(text, match, expression);
    sink = static_cast<int>(std::regex_replace(text, std::regex("[aeiou]"), "<$&>").size());
}

void exceptions() {
    for (int i = 0; i < 9; i++) {
        try {
            catch_and_rethrow(i);
        } catch (const std::exception& error) {
            const std::string copy = std::string(error.what()) + " and a suffix for the heap";
            sink = static_cast<int>(copy.size());
        }
    }
}

void calls_without_return() {
    for (int i = 0; i < 5; i++) {
        try {
            end_with_a_call(i);
        } catch (int caught) {
            allocate(30 + static_cast<size_t>(caught));
        }
    }
    try {
        wh_end_with_call([] {
            allocate(35);
            throw 7;
        });
    } catch (int) {
        allocate(34);
    }
}

void quick_sort() {
    int values[40];
    for (int i = 0; i < 40; i++) values[i] = i * 7919 % 41;
    std::qsort(values, 40, sizeof(int), compare_and_allocate);
    sink = values[3];
}

void stack_arrays() { use_alloca(6000); }

void realigned_frames() {
    sink = with_aligned_local(7);
    sink = with_aligned_and_dynamic_locals(1000, 5);
}

void tail_calls() { sink = tail_first(sink); }

void deep_recursion() { sink = dig(300); }

void c_library() {
    std::FILE* file = std::fopen("/proc/self/stat", "r");
    char buffer[512];
    if (file != nullptr && std::fgets(buffer, sizeof buffer, file) != nullptr) sink = buffer[0];
    if (file != nullptr) std::fclose(file);
    char* copy = strdup("a text");
    keep(copy);
    std::free(copy);
    char* text = nullptr;
    sink = asprintf(&text, "%.900f %s", 1.0 / 3, "tail");
    std::free(text);
    char* path = realpath("/proc/self/exe", nullptr);
    std::free(path);
    void* block = std::calloc(3, 50);
    block = std::realloc(block, 5000);
    keep(block);
    std::free(block);
}

}  // namespace stacks
