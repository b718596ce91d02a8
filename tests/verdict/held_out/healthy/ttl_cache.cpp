// Entries live for 12 seconds; every three seconds the old ones are swept out. 100 new ones a second.
// expect: quiet
#include <map>
#include <string>

#include "support/verdict.h"

namespace {

struct Entry {
    double expires_at = 0;
    std::string value;
};

std::map<std::string, Entry> cache;

VERDICT_CALL const Entry& lookup(unsigned key) {
    Entry& entry = cache["session:" + std::to_string(key) + ":with a long prefix"];
    if (entry.value.empty()) entry.value = std::string(verdict_between(500, 1500), 'v');
    entry.expires_at = verdict_time() + 12;
    return entry;
}

VERDICT_CALL void sweep() {
    const double now = verdict_time();
    for (auto entry = cache.begin(); entry != cache.end();)
        entry = entry->second.expires_at < now ? cache.erase(entry) : std::next(entry);
}

}  // namespace

int main(int argc, char** argv) {
    double next_sweep = 3;
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0; total != static_cast<size_t>(-1); number++) {
        verdict_pace(200);
        total += lookup(number - (number % 2) * (verdict_random() % 200)).value.size();
        if (verdict_time() < next_sweep) continue;
        sweep();
        next_sweep += 3;
    }
}
