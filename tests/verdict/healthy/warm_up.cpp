// Loads its tables during the first 25 seconds, while it already serves requests; then nothing more.
// expect: quiet
#include <map>
#include <string>
#include <vector>

#include "support/verdict.h"

namespace {

std::map<std::string, std::vector<std::string>> dictionary;
std::vector<std::vector<double>> weights;

VERDICT_CALL void load_word(unsigned number) {
    std::vector<std::string>& meanings = dictionary["word number " + std::to_string(number) + " of the dictionary"];
    for (int i = 0; i < 3; i++)
        meanings.push_back("meaning " + std::to_string(i) + std::string(verdict_between(20, 120), ' '));
}

VERDICT_CALL void load_layer() { weights.emplace_back(verdict_between(5000, 15000), 0.5); }

VERDICT_CALL size_t handle_request(unsigned number) {
    const auto found =
        dictionary.find("word number " + std::to_string(verdict_random() % (number + 1)) + " of the dictionary");
    return found == dictionary.end() ? 0 : std::string(found->second[0] + found->second[1]).size();
}

}  // namespace

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(200);
        if (verdict_time() < 25) {
            load_word(number);
            if (number % 40 == 0) load_layer();
        }
        total += handle_request(number);
        if (total == static_cast<size_t>(-1)) break;
    }
}
