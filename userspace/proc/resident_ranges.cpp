#include "proc/resident_ranges.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr uint64_t kPageBytes = 4096;                      // x86-64
constexpr uint64_t kPresentOrSwapped = uint64_t{3} << 62;  // Documentation/admin-guide/mm/pagemap.rst

}  // namespace

Result<ResidentRanges> ResidentRanges::open(const ProcRoot& root, pid_t pid) {
    ResidentRanges ranges;
    WH_TRY(ranges.fd_, open_regular_file(process_path(root, pid, "pagemap")));
    return ranges;
}

Result<std::vector<ByteRange>> ResidentRanges::in(ByteRange range) const {
    std::vector<ByteRange> found;
    std::array<uint64_t, 4096> entries{};
    const uint64_t end = range.end / kPageBytes;
    for (uint64_t page = (range.start + kPageBytes - 1) / kPageBytes; page < end;) {
        const size_t wanted = std::min<uint64_t>(entries.size(), end - page);
        const ssize_t got =
            ::pread(fd_.get(), entries.data(), wanted * sizeof(uint64_t), static_cast<off_t>(page * sizeof(uint64_t)));
        if (got < 0 && errno == EINTR) continue;
        if (got < static_cast<ssize_t>(sizeof(uint64_t)))
            return system_error("read the pagemap", got < 0 ? errno : EIO);
        const size_t count = static_cast<size_t>(got) / sizeof(uint64_t);
        for (size_t i = 0; i < count; i++, page++) {
            if ((entries[i] & kPresentOrSwapped) == 0) continue;
            const uint64_t start = page * kPageBytes;
            if (!found.empty() && found.back().end == start)
                found.back().end += kPageBytes;
            else
                found.push_back({start, start + kPageBytes});
        }
    }
    return found;
}

std::vector<ByteRange> without(ByteRange range, const std::vector<ByteRange>& holes) {
    std::vector<ByteRange> left;
    auto hole = std::ranges::upper_bound(holes, range.start, {}, &ByteRange::end);
    for (; hole != holes.end() && hole->start < range.end; ++hole) {
        if (hole->start > range.start) left.push_back({range.start, hole->start});
        range.start = std::max(range.start, hole->end);
    }
    if (range.start < range.end) left.push_back(range);
    return left;
}

}  // namespace whoholds
