// Reading of files whose size, kind and owner are not trusted. Nothing here blocks on a FIFO, opens a device, or
// reads more than it was allowed to. Works for /proc and /sys, whose files claim to be empty.
// Used by the /proc readers, the ELF readers and the symboliser.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds {

// Opens a regular file for reading. Symbolic links are followed, /proc's magic ones too. kUnsupported for anything
// that is not a regular file: it is looked at (O_PATH) before it is opened, so that no device driver ever notices.
Result<UniqueFd> open_regular_file(const std::string& path);

// Opens path as a process whose root folder is root would: symbolic links, absolute ones and ".." stay inside of
// root, magic links are refused. For files of a container, root is "/proc/PID/root". Needs openat2 (Linux 5.6).
Result<UniqueFd> open_regular_file_in(const std::string& root, std::string_view path);

// Everything up to the end of file; kLimit if that is more than max_bytes.
Result<std::string> read_all(const UniqueFd& file, size_t max_bytes);
// The first max_bytes, or fewer if the file is shorter.
Result<std::string> read_prefix(const UniqueFd& file, size_t max_bytes);

// open_regular_file and read_all, the path in the error.
Result<std::string> read_file_bounded(const std::string& path, size_t max_bytes);

// The target of a symbolic link (at most 64 KiB), untranslated.
Result<std::string> read_link(const std::string& path);

}  // namespace whoholds
