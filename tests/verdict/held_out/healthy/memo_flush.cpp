// Results are remembered until there are 3,000, then all are forgotten: a saw with teeth of 15 seconds.
// expect: quiet
#include <string>
#include <unordered_map>

#include "support/verdict.h"

namespace {

std::unordered_map<unsigned, std::string> results;

VERDICT_CALL std::string compute(unsigned input) {
    return std::string(verdict_between(300, 900), static_cast<char>('0' + input % 10));
}

VERDICT_CALL const std::string& remembered(unsigned input) {
    if (results.size() >= 3000) results.clear();
    std::string& result = results[input];
    if (result.empty()) result = compute(input);
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0; total != static_cast<size_t>(-1); number++) {
        verdict_pace(200);
        total += remembered(number).size();
    }
}
