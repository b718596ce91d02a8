#include "base/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "base/printable.h"

namespace whoholds {
namespace {

std::string quoted(std::string_view verb, std::string_view path) { return std::string(verb) + " " + printable(path); }

Error not_a_regular_file(std::string_view path) {
    return {ErrorCode::kUnsupported, quoted("open", path) + ": not a regular file"};
}

// Opens for reading what an O_PATH descriptor names, once that is known to be a regular file. O_NONBLOCK stays for
// file systems that hand out something else on the second look.
Result<UniqueFd> reopen_for_reading(const UniqueFd& place, std::string_view path) {
    struct stat info {};
    if (::fstat(place.get(), &info) != 0) return system_error(quoted("stat", path), errno);
    if (!S_ISREG(info.st_mode)) return not_a_regular_file(path);

    const std::string magic_link = "/proc/self/fd/" + std::to_string(place.get());
    UniqueFd file(::open(magic_link.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return system_error(quoted("open", path), errno);
    return file;
}

bool has_embedded_zero(std::string_view path) { return path.find('\0') != std::string_view::npos; }

Result<std::string> read_until(const UniqueFd& file, size_t max_bytes) {
    constexpr size_t kFirstChunk = 4096;
    constexpr size_t kLargestChunk = size_t{1} << 20;
    std::string content;
    size_t chunk = kFirstChunk;
    while (content.size() < max_bytes) {
        const size_t old_size = content.size();
        const size_t wanted = std::min(chunk, max_bytes - old_size);
        content.resize(old_size + wanted);
        ssize_t count = 0;
        do {
            count = ::read(file.get(), content.data() + old_size, wanted);
        } while (count < 0 && errno == EINTR);
        if (count < 0) return system_error("read", errno);
        content.resize(old_size + static_cast<size_t>(count));
        if (count == 0) break;
        // /proc answers a page at a time, however much is asked for.
        if (static_cast<size_t>(count) == wanted) chunk = std::min(chunk * 2, kLargestChunk);
    }
    return content;
}

}  // namespace

Result<UniqueFd> open_regular_file(const std::string& path) {
    if (has_embedded_zero(path)) return not_a_regular_file(path);
    const UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!place) return system_error(quoted("open", path), errno);
    return reopen_for_reading(place, path);
}

Result<UniqueFd> open_regular_file_in(const std::string& root, std::string_view path) {
    if (has_embedded_zero(path) || path.empty()) return not_a_regular_file(path);
    const UniqueFd folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return system_error(quoted("open", root), errno);

    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const std::string name(path);
    long fd = -1;
    // EAGAIN: a rename somewhere on the machine made the kernel unsure about "..".
    for (int attempt = 0; attempt < 8; ++attempt) {
        fd = ::syscall(SYS_openat2, folder.get(), name.c_str(), &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN) break;
    }
    const UniqueFd place(static_cast<int>(fd));
    if (!place) return system_error(quoted("open", root + "/" + name), errno);
    return reopen_for_reading(place, path);
}

Result<std::string> read_all(const UniqueFd& file, size_t max_bytes) {
    WH_TRY(std::string content, read_until(file, max_bytes));
    if (content.size() == max_bytes) {
        char one_more = 0;
        ssize_t count = 0;
        do {
            count = ::read(file.get(), &one_more, 1);
        } while (count < 0 && errno == EINTR);
        if (count < 0) return system_error("read", errno);
        if (count > 0) return Error{ErrorCode::kLimit, "read: more than " + std::to_string(max_bytes) + " bytes"};
    }
    return content;
}

Result<std::string> read_prefix(const UniqueFd& file, size_t max_bytes) { return read_until(file, max_bytes); }

Result<std::string> read_file_bounded(const std::string& path, size_t max_bytes) {
    WH_TRY(const UniqueFd file, open_regular_file(path));
    Result<std::string> content = read_all(file, max_bytes);
    if (!content) return std::move(content).error().with_context(printable(path));
    return content;
}

Result<std::string> read_link(const std::string& path) {
    constexpr size_t kMaxTarget = size_t{64} << 10;
    for (size_t size = 256; size <= kMaxTarget; size *= 4) {
        std::string target(size, '\0');
        const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
        if (length < 0) return system_error(quoted("readlink", path), errno);
        if (static_cast<size_t>(length) < size) {
            target.resize(static_cast<size_t>(length));
            return target;
        }
    }
    return Error{ErrorCode::kLimit, quoted("readlink", path) + ": the target is too long"};
}

}  // namespace whoholds
