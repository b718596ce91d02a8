#include "base/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/unique_fd.h"

namespace whoholds {
namespace {

Error failed(const std::string& path, int error) { return system_error("write " + path, error); }

bool is_special(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

Result<void> write_whole(const UniqueFd& file, const std::string& path, std::string_view content) {
    while (!content.empty()) {
        const ssize_t written = write(file.get(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return failed(path, written < 0 ? errno : EIO);
        content.remove_prefix(static_cast<size_t>(written));
    }
    return {};
}

struct NewFile {
    UniqueFd file;
    std::string name;
};

Result<NewFile> create_beside(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return failed(path, EISDIR);
    if (path.empty() || path.ends_with('/')) return failed(path, EISDIR);
    NewFile made;
    made.name = path + ".XXXXXX";
    made.file.reset(mkostemp(made.name.data(), O_CLOEXEC));
    if (!made.file) return failed(path, errno);
    return made;
}

// There is no way to ask for the umask without setting it; this program has no other thread that makes files.
mode_t usual_rights() {
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view content) {
    if (is_special(path)) {
        const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
        if (!file) return failed(path, errno);
        return write_whole(file, path, content);
    }
    WH_TRY(NewFile made, create_beside(path));
    Result<void> written = write_whole(made.file, path, content);
    if (written && fchmod(made.file.get(), usual_rights()) != 0) written = failed(path, errno);
    if (written && rename(made.name.c_str(), path.c_str()) != 0) written = failed(path, errno);
    if (!written) unlink(made.name.c_str());
    return written;
}

Result<void> check_replaceable(const std::string& path) {
    if (is_special(path)) {
        if (access(path.c_str(), W_OK) != 0) return failed(path, errno);
        return {};
    }
    WH_TRY(NewFile made, create_beside(path));
    unlink(made.name.c_str());
    return {};
}

}  // namespace whoholds
