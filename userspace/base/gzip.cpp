#include "base/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace whoholds {

std::string gzip(std::string_view data) {
    constexpr int kGzip = 16;  // added to the window's bits: gzip's header and not zlib's
    z_stream stream{};
    // Both fail for want of memory only.
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        std::abort();
    std::string out;
    int state = Z_OK;
    while (state != Z_STREAM_END) {
        constexpr size_t kStep = size_t{64} << 10;
        const size_t taken = std::min<size_t>(data.size(), std::numeric_limits<uInt>::max());
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
        stream.avail_in = static_cast<uInt>(taken);
        const size_t before = out.size();
        out.resize(before + kStep);
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
        stream.avail_out = kStep;
        state = deflate(&stream, taken == data.size() ? Z_FINISH : Z_NO_FLUSH);
        if (state == Z_STREAM_ERROR) std::abort();
        data.remove_prefix(taken - stream.avail_in);
        out.resize(before + kStep - stream.avail_out);
    }
    deflateEnd(&stream);
    return out;
}

}  // namespace whoholds
