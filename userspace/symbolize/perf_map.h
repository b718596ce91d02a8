// /tmp/perf-PID.map: the names that a JIT (node, java, python) gives to the code it made. Written by the target, so
// anything may stand in it. Used by the symboliser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symbolize/jit_codes.h"

namespace whoholds {

class PerfMap {
public:
    // Lines "START SIZE NAME" in hexadecimal; others are passed over, names are cut at 1,024 bytes.
    static PerfMap parse(std::string_view text);
    // More of the file: a line counts once its end is there.
    void append(std::string_view text);

    // The code that covers the address, the youngest if several did; "" when none. Valid until the next append().
    [[nodiscard]] std::string_view find(uint64_t address) const;
    [[nodiscard]] size_t size() const { return codes_.size(); }
    [[nodiscard]] bool is_full() const { return codes_.is_full(); }

private:
    void add_line(std::string_view line);

    JitCodes codes_;
    std::string rest_;  // the beginning of a line whose end did not come yet
};

}  // namespace whoholds
