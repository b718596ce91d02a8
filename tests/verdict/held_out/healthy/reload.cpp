// Every ten seconds the configuration is read again into a new table; then the old one goes. Each is a little larger or smaller.
// expect: quiet
#include <map>
#include <memory>
#include <string>

#include "support/verdict.h"

namespace {

using Table = std::map<std::string, std::string>;
std::unique_ptr<Table> current;

VERDICT_CALL std::unique_ptr<Table> read_table() {
    auto table = std::make_unique<Table>();
    const unsigned size = verdict_between(4800, 5200);
    for (unsigned i = 0; i < size; i++)
        (*table)["shop.example/settings/number/" + std::to_string(i)] = std::string(verdict_between(50, 300), 's');
    return table;
}

VERDICT_CALL void reload() { current = read_table(); }

VERDICT_CALL size_t handle_request() {
    const auto found = current->find("shop.example/settings/number/" + std::to_string(verdict_random() % 5000));
    return found == current->end() ? 0 : std::string(found->second + "!").size();
}

}  // namespace

int main(int argc, char** argv) {
    double next_reload = 5;
    size_t total = 0;
    reload();
    verdict_start(argc, argv);
    while (total != static_cast<size_t>(-1)) {
        verdict_pace(200);
        total += handle_request();
        if (verdict_time() < next_reload) continue;
        reload();
        next_reload += 10;
    }
}
