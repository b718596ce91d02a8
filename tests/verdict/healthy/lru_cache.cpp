// A cache that is full after 20 seconds and then drops the entry that was not used for the longest time. 150 loads a second.
// expect: quiet
#include <list>
#include <string>
#include <unordered_map>

#include "support/verdict.h"

namespace {

class LruCache {
public:
    explicit LruCache(size_t limit) : limit_(limit) {}

    VERDICT_CALL const std::string& find_or_load(unsigned key) {
        if (const auto found = places_.find(key); found != places_.end()) {
            order_.splice(order_.begin(), order_, found->second);
            return found->second->second;
        }
        if (order_.size() >= limit_) {
            places_.erase(order_.back().first);
            order_.pop_back();
        }
        order_.emplace_front(key, load(key));
        places_[key] = order_.begin();
        return order_.front().second;
    }

private:
    static VERDICT_CALL std::string load(unsigned key) {
        std::string text = "thumbnail " + std::to_string(key);
        text.append(verdict_between(1000, 3000), '#');
        return text;
    }

    using Entry = std::pair<unsigned, std::string>;
    size_t limit_;
    std::list<Entry> order_;
    std::unordered_map<unsigned, std::list<Entry>::iterator> places_;
};

}  // namespace

int main(int argc, char** argv) {
    size_t total = 0;
    unsigned newest = 0;
    verdict_start(argc, argv);
    LruCache cache(static_cast<size_t>(150 * 20 * verdict_stretch));
    for (;;) {
        verdict_pace(300);
        const unsigned key = verdict_random() % 2 == 0 ? newest++ : newest - verdict_random() % (newest / 4 + 1);
        total += cache.find_or_load(key).size();
        if (total == static_cast<size_t>(-1)) break;
    }
}
