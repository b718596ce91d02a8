// A cache that answers four of five lookups and never drops anything: 40 new entries a second.
// expect: leak of heap
#include <string>
#include <unordered_map>

#include "support/verdict.h"

namespace {

class PriceCache {
public:
    VERDICT_CALL const std::string& find_or_load(unsigned article) {
        const auto found = prices_.find(article);
        if (found != prices_.end()) return found->second;
        return prices_.emplace(article, load(article)).first->second;  // LEAK HERE: the nodes
    }

private:
    static VERDICT_CALL std::string load(unsigned article) {
        std::string price = "{\"article\":" + std::to_string(article) + ",\"prices\":[";
        price.append(verdict_between(400, 1200), '9');  // LEAK HERE: what they hold
        return price;
    }

    std::unordered_map<unsigned, std::string> prices_;
};

PriceCache prices;

VERDICT_CALL size_t handle_request(unsigned newest) {
    const unsigned article = verdict_random() % 5 == 0 ? newest : verdict_random() % (newest + 1);
    const std::string page = "<p>" + prices.find_or_load(article) + "</p>";
    return page.size();
}

}  // namespace

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned request = 0;; request++) {
        verdict_pace(200);
        total += handle_request(request / 5);
        if (total == static_cast<size_t>(-1)) break;
    }
}
