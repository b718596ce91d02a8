// /proc/PID/net/unix: the names that unix sockets of the process's network namespace are bound to.
// Used by the report, since a descriptor knows its socket's inode only.
// Invariant: names hold any byte, newlines too, so that a name can forge a line. An inode that is named twice, and
// differently, has no name here.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

// Inode of a socket -> its name; abstract names begin with '@'. Sockets without a name are not in it. Untrusted text.
using UnixSocketPaths = absl::flat_hash_map<uint64_t, std::string>;

UnixSocketPaths parse_unix_sockets(std::string_view text);
// Where the file is larger than we care to read, of its first part.
Result<UnixSocketPaths> unix_socket_paths(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
