// FailedConnects: calls of connect(2) that failed, by process, stack and error. Bounded: what comes when it is full is counted as one.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "profile/held_resources.h"
#include "stream/record.h"

namespace whoholds {

class FailedConnects {
public:
    void on_record(const Record& record) {
        const Key key{record.process, record.stack, static_cast<int>(record.size)};
        if (counts_.size() < kMost || counts_.contains(key))
            counts_[key]++;
        else
            counts_[Key{record.process, 0, 0}]++;
    }

    // Those of one process; stack 0: of stacks and errors that are not kept apart.
    [[nodiscard]] std::vector<FailedConnect> of(uint16_t process) const {
        std::vector<FailedConnect> found;
        for (const auto& [key, count] : counts_)
            if (std::get<0>(key) == process) found.push_back({std::get<1>(key), std::get<2>(key), count});
        return found;
    }

    void forget(uint16_t process) {
        std::erase_if(counts_, [process](const auto& one) { return std::get<0>(one.first) == process; });
    }

private:
    using Key = std::tuple<uint16_t, uint32_t, int>;
    static constexpr size_t kMost = 4096;
    std::map<Key, uint64_t> counts_;
};

}  // namespace whoholds
