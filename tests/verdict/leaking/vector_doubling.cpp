// Every sample is appended to a std::vector that lives for ever: 40 KiB a second, and twice the memory now and then.
// expect: leak of heap
#include <vector>

#include "support/verdict.h"

namespace {

struct Sample {
    double time;
    double values[15];
};

class History {
public:
    VERDICT_CALL void add(const Sample& sample) {
        samples_.push_back(sample);  // LEAK HERE
    }
    double newest() const { return samples_.back().time; }

private:
    std::vector<Sample> samples_;
};

History history;

VERDICT_CALL void measure(unsigned number) {
    Sample sample{verdict_clock(), {}};
    for (double& value : sample.values) value = number * 0.5;
    history.add(sample);
}

}  // namespace

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(320);
        measure(number);
        if (history.newest() < 0) break;
    }
}
