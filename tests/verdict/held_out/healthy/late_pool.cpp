// Nothing for 20 seconds, then a pool that grows to 300 objects within 25 seconds, and stays.
// expect: quiet
#include <memory>
#include <string>
#include <vector>

#include "support/verdict.h"

namespace {

struct Connection {
    std::string name;
    std::vector<char> buffer;
};

std::vector<std::unique_ptr<Connection>> pool;

VERDICT_CALL void add_connection() {
    auto connection = std::make_unique<Connection>();
    connection->name = "connection number " + std::to_string(pool.size());
    connection->buffer.resize(9000);
    pool.push_back(std::move(connection));
}

}  // namespace

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(50);
        const auto wanted = static_cast<size_t>(verdict_time() < 20 ? 0 : (verdict_time() - 20) * 12);
        if (pool.size() < wanted && pool.size() < 300) add_connection();
        delete new std::string(200, 'x');
    }
}
