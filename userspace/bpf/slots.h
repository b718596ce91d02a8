// Numbers that run out: the slots of processes (WH_MAX_PROCESSES at once) and the counters of probes (WH_MAX_PROBES). Both are given
// again once nobody has them any more. Used by the session and its targets. Pure.
// Invariant of SlotPool: what was given back longest ago is taken first, so that a late record rarely meets a new owner.
// Invariant of ProbeNumbers: a number has one owner while there are plenty; then probes at one place of one file share theirs.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace whoholds {

class SlotPool {
public:
    explicit SlotPool(uint16_t count) {
        for (uint16_t slot = 0; slot < count; slot++) free_.push_back(slot);
    }
    std::optional<uint16_t> take() {
        if (free_.empty()) return std::nullopt;
        const uint16_t slot = free_.front();
        free_.pop_front();
        return slot;
    }
    void give_back(uint16_t slot) { free_.push_back(slot); }
    [[nodiscard]] size_t free_count() const { return free_.size(); }

private:
    std::deque<uint16_t> free_;
};

class ProbeNumbers {
public:
    explicit ProbeNumbers(uint32_t count) : uses_(count) {
        for (uint32_t number = count; number > 0; number--) free_.push_back(number - 1);
    }
    // place: what a shared number is shared by. nullopt: none is left.
    std::optional<uint32_t> take(const std::string& place) {
        const bool plenty = free_.size() > uses_.size() / 2;
        if (auto shared = shared_.find(place); !plenty && shared != shared_.end()) {
            uses_[shared->second]++;
            return shared->second;
        }
        if (free_.empty()) return std::nullopt;
        const uint32_t number = free_.back();
        free_.pop_back();
        uses_[number] = 1;
        if (!plenty) shared_.emplace(place, number);
        return number;
    }
    // True: nobody has it any more.
    bool give_back(uint32_t number) {
        if (--uses_[number] > 0) return false;
        free_.push_back(number);
        std::erase_if(shared_, [number](const auto& one) { return one.second == number; });
        return true;
    }
    [[nodiscard]] size_t shared_count() const { return shared_.size(); }

private:
    std::vector<uint32_t> uses_;
    std::vector<uint32_t> free_;
    std::map<std::string, uint32_t> shared_;
};

}  // namespace whoholds
