// A recording may come from anywhere: any bytes must give reports or an error. The input is what is inside of the zstd frame, one
// block after the other, without check sums.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "recording/block_reader.h"
#include "recording/replay.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    whoholds::recording::BlockReader blocks;
    whoholds::Replay replay;
    std::span<const uint8_t> rest(data, size);
    while (rest.size() > 2) {
        const size_t length = std::min<size_t>(rest[0] | rest[1] << 8, rest.size() - 2);
        auto report = blocks.unpack(rest.subspan(2, length));
        if (!report) return report.error().message.empty() ? (std::abort(), 0) : 0;
        replay.look(*report);
        rest = rest.subspan(2 + length);
    }
    return 0;
}
