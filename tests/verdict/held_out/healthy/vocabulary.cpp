// Words are interned for ever, but there are only 4,000: new ones come ever more seldom.
// expect: quiet
#include <string>
#include <unordered_set>

#include "support/verdict.h"

namespace {

std::unordered_set<std::string> words;

VERDICT_CALL const std::string& intern(std::string word) { return *words.insert(std::move(word)).first; }

VERDICT_CALL size_t handle_text() {
    size_t size = 0;
    for (int i = 0; i < 3; i++)
        size += intern("a rather long word, number " + std::to_string(verdict_random() % 4000)).size();
    return size;
}

}  // namespace

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    while (total != static_cast<size_t>(-1)) {
        verdict_pace(250 / verdict_stretch);
        total += handle_text();
    }
}
