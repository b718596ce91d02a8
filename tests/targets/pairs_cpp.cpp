// Pairs of a C++ program: functions with C++ names, some of which throw.
//   keep N     opens N jobs in kept_here
//   cycle N    opens and closes N in dropped_here
//   throw N    tries to open N, all of which throw
#include <cstdlib>
#include <stdexcept>

#include "puppet.h"

namespace work {

class Job {
public:
    WH_SITE static Job* open(int number) {
        if (number < 0) throw std::runtime_error("no such job");
        Job* job = new Job;
        WH_KEEP(job);
        return job;
    }
    WH_SITE static int open_behind(int number, Job** job) {
        *job = open(number);
        return number > 100;
    }
    WH_SITE void close() { delete this; }

private:
    int number_ = 0;
};

}  // namespace work

// A family of functions for a glob.
#define POOL(name)                            \
    extern "C" WH_SITE void* name(size_t n) { \
        void* block = std::malloc(n);         \
        WH_KEEP(block);                       \
        return block;                         \
    }
POOL(pool_small_new)
POOL(pool_large_new)
extern "C" WH_SITE void pool_drop(int pool, void* block) {
    WH_KEEP(pool);
    std::free(block);
}

WH_SITE static work::Job* kept_here(int i) {
    work::Job* job = nullptr;
    if (i % 2 == 0) job = work::Job::open(i);
    if (i % 2 == 1) work::Job::open_behind(i, &job);
    void* block = i % 2 == 0 ? pool_small_new(10) : pool_large_new(1000);
    WH_KEEP(block);
    WH_KEEP(job);
    return job;
}

WH_SITE static void dropped_here(int i) {
    work::Job* job = work::Job::open(i);
    job->close();
    pool_drop(0, pool_small_new(7));
}

WH_SITE static bool thrown_here() {
    try {
        work::Job* job = nullptr;
        work::Job::open_behind(-1, &job);
    } catch (const std::runtime_error&) {
        return true;
    }
    return false;
}

int main() {
    static char line[kPuppetLineMax];
    char word[16];
    int count = 0;
    puppet_answer("DONE ready");
    while (puppet_read_line(line)) {
        if (sscanf(line, "%15s %d", word, &count) < 1 || strcmp(word, "quit") == 0) break;
        bool good = true;
        for (int i = 0; i < count; i++) {
            if (strcmp(word, "keep") == 0) kept_here(i);
            if (strcmp(word, "cycle") == 0) dropped_here(i);
            if (strcmp(word, "throw") == 0) good = good && thrown_here();
        }
        puppet_answer(good ? "DONE" : "FAIL %s", line);
    }
    _exit(0);
}
