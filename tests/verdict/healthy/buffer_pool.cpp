// Buffers are taken from a free list and go back to it. How many are needed at once varies: the pool grows by ever fewer.
// expect: quiet
#include <memory>
#include <vector>

#include "support/verdict.h"

namespace {

using Buffer = std::vector<char>;

class BufferPool {
public:
    VERDICT_CALL std::unique_ptr<Buffer> take() {
        if (free_.empty()) return std::make_unique<Buffer>(16384);
        std::unique_ptr<Buffer> buffer = std::move(free_.back());
        free_.pop_back();
        return buffer;
    }
    VERDICT_CALL void give_back(std::unique_ptr<Buffer> buffer) { free_.push_back(std::move(buffer)); }

private:
    std::vector<std::unique_ptr<Buffer>> free_;
};

BufferPool pool;

VERDICT_CALL void handle_batch() {
    std::vector<std::unique_ptr<Buffer>> used(verdict_between(1, 40));
    for (auto& buffer : used) buffer = pool.take();
    for (auto& buffer : used) (*buffer)[0] = 1;
    for (auto& buffer : used) pool.give_back(std::move(buffer));
}

}  // namespace

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(20);
        handle_batch();
    }
}
