// How long reading debug information may go on, and how much of it may be kept in memory. Shared by the modules of one
// Symbolizer.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/human.h"
#include "base/result.h"

namespace whoholds {

class WorkBudget {
public:
    using Clock = std::function<uint64_t()>;  // milliseconds, never going back

    void start_batch(uint64_t budget_ms, Clock now_ms) {
        now_ms_ = std::move(now_ms);
        budget_ms_ = budget_ms;
        started_ms_ = now_ms_();
        ++batch_;
        may_overrun_ = batch_ > 1 && budget_ms > 0;
    }

    [[nodiscard]] bool is_used_up() const { return now_ms_ && now_ms_() - started_ms_ >= budget_ms_; }

    // Whether to begin a piece of work that cannot be interrupted. One that does not fit any budget may overrun one
    // batch alone, but not the first: people wait for the first report.
    bool allows(uint64_t expected_ms) {
        if (!now_ms_) return true;
        const uint64_t used_ms = now_ms_() - started_ms_;
        const bool fits = used_ms < budget_ms_ && expected_ms <= budget_ms_ - used_ms;
        if (fits || !may_overrun_ || expected_ms <= budget_ms_) return fits;
        may_overrun_ = false;
        return true;
    }

    // 0 without a clock.
    [[nodiscard]] uint64_t now_ms() const { return now_ms_ ? now_ms_() : 0; }

    // Who hears of work that takes long; nobody at first.
    using Listener = std::function<void(const std::string&)>;
    void set_listener(Listener listener) { listener_ = std::move(listener); }
    void tell(const std::string& sentence) const {
        if (listener_) listener_(sentence);
    }

    // Who knows how much can be spared without harm to others; asked before much is taken.
    using Spare = std::function<uint64_t()>;
    void set_spare(Spare spare_bytes) { spare_bytes_ = std::move(spare_bytes); }

    // kLimit when this much more would be too much to keep.
    Result<void> take_memory(uint64_t size_bytes) {
        constexpr uint64_t kMuch = uint64_t{16} << 20;
        if (size_bytes > memory_left_bytes_)
            return Error{ErrorCode::kLimit, "more than 1 GiB of symbols and debug information"};
        if (size_bytes > kMuch && spare_bytes_)
            if (const uint64_t spare = spare_bytes_(); size_bytes > spare)
                return Error{ErrorCode::kLimit,
                             fmt::format("{} would have to be read, and {} can be spared without bringing the program "
                                         "near a limit of its memory",
                                         human_bytes(size_bytes), human_bytes(spare))};
        memory_left_bytes_ -= size_bytes;
        return {};
    }

private:
    Listener listener_;
    Spare spare_bytes_;
    uint64_t memory_left_bytes_ = uint64_t{1} << 30;
    Clock now_ms_;  // none: no limit
    uint64_t budget_ms_ = 0;
    uint64_t started_ms_ = 0;
    unsigned batch_ = 0;
    bool may_overrun_ = false;
};

}  // namespace whoholds
