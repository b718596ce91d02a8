// Stacks that are not the main one, code that comes and goes, and signals.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "stacks_puppet.h"

namespace stacks {

namespace {

volatile double sink;

WH_ALONE void descend_and_allocate(int left) {
    volatile char local[24];
    local[0] = static_cast<char>(left);
    if (left > 0)
        descend_and_allocate(left - 1);
    else
        allocate(71);
    sink = local[0];
}

ucontext_t main_context;
ucontext_t fiber_context;

void fiber() {
    for (int i = 1;; i++) {
        descend_and_allocate(i % 10);
        swapcontext(&fiber_context, &main_context);
        allocate(72);
    }
}

// In an own folder: the puppet's.
std::string beside(const char* name) {
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    const std::string own(path, length > 0 ? static_cast<size_t>(length) : 0);
    return own.substr(0, own.rfind('/') + 1) + name;
}

using RunLibrary = int (*)(void (*)(int), int);

// Stays loaded until the other one comes, so that whoever compares stacks can see what was mapped.
void run_library(const char* name) {
    static void* library = nullptr;
    static std::string loaded;
    // Its definition is found when the first call of each loading is bound; the dynamic linker allocates under that.
    static void* const provider = dlopen(beside("libstacks_provider.so").c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (loaded != name) {
        if (library != nullptr) dlclose(library);
        library = dlopen(beside(name).c_str(), RTLD_LAZY | RTLD_LOCAL);
        loaded = name;
    }
    if (library == nullptr || provider == nullptr) std::abort();
    const auto run = reinterpret_cast<RunLibrary>(dlsym(library, "stacks_library_run"));
    sink = run([](int) { allocate(73); }, 5);
}

volatile std::sig_atomic_t handled;

WH_ALONE void handler(int) {
    descend_and_allocate(2);
    handled = handled + 1;
}

class Handler {
public:
    Handler(int signal, int flags) : signal_(signal) {
        struct sigaction action {};
        action.sa_handler = handler;
        action.sa_flags = flags;
        sigaction(signal, &action, &before_);
    }
    ~Handler() { sigaction(signal_, &before_, nullptr); }
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;

private:
    int signal_;
    struct sigaction before_ {};
};

WH_ALONE int ackermann(int m, int n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

int compare_plainly(const void* left, const void* right) {
    return *static_cast<const int*>(left) - *static_cast<const int*>(right);
}

// Nothing in here allocates: a handler that does may come at any instruction.
WH_ALONE void work_without_heap() {
    char text[256];
    int values[50];
    for (int i = 0; i < 50; i++) values[i] = i * 7919 % 53;
    std::qsort(values, 50, sizeof(int), compare_plainly);
    std::snprintf(text, sizeof text, "%d %s %x %5.3f", values[7], "text", values[9], 2.5);
    sink = std::strtod(text, nullptr);
    std::memset(text, values[3], sizeof text);
    sink = static_cast<double>(std::memchr(text, 300, sizeof text) != nullptr);
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    sink = static_cast<double>(now.tv_nsec + ackermann(2, 6) + getppid());
}

void* raise_on_alternate_stack(void* alternate) {
    stack_t stack{};
    stack.ss_sp = alternate;
    stack.ss_size = 16384;
    sigaltstack(&stack, nullptr);
    const Handler installed(SIGUSR2, SA_ONSTACK);
    for (int i = 0; i < 3; i++) raise(SIGUSR2);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, nullptr);
    return nullptr;
}

}  // namespace

void fibers() {
    static char stack[65536];
    getcontext(&fiber_context);
    fiber_context.uc_stack.ss_sp = stack;
    fiber_context.uc_stack.ss_size = sizeof stack;
    fiber_context.uc_link = nullptr;
    makecontext(&fiber_context, fiber, 0);
    for (int i = 0; i < 10; i++) {
        swapcontext(&main_context, &fiber_context);
        descend_and_allocate(i);
    }
}

void threads() {
    std::vector<std::thread> all;
    for (int i = 0; i < 4; i++) {
        all.emplace_back([i] {
            templates();
            if (i % 2 == 0) exceptions();
            quick_sort();
            realigned_frames();
            standard_library();
        });
    }
    for (std::thread& one : all) one.join();
}

// Two libraries of the same size take turns at the same place; their code has the same length, their frames have not.
void even_library() { run_library("libstacks_even.so"); }
void odd_library() { run_library("libstacks_odd.so"); }

void raised_signals() {
    const Handler installed(SIGUSR1, 0);
    for (int i = 0; i < 5; i++) raise(SIGUSR1);
}

void interrupted_code() {
    const Handler installed(SIGALRM, SA_RESTART);
    const itimerval often{{0, 97}, {0, 97}};
    const itimerval never{};
    handled = 0;
    setitimer(ITIMER_REAL, &often, nullptr);
    while (handled < 50) work_without_heap();
    setitimer(ITIMER_REAL, &never, nullptr);
}

// The alternate stack lies right below the thread's own, so that a copy of the memory from it on holds both.
void alternate_stack() {
    constexpr size_t kAlternate = 16384;
    constexpr size_t kThread = 32768;
    static char* const memory = static_cast<char*>(
        mmap(nullptr, kAlternate + kThread, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory == MAP_FAILED) std::abort();
    std::memset(memory, 0, kAlternate + kThread);  // a copy stops at a page that was never touched
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, memory + kAlternate, kThread);
    pthread_t thread{};
    if (pthread_create(&thread, &attributes, raise_on_alternate_stack, memory) != 0) std::abort();
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}

}  // namespace stacks
