// The other side of DebugDownloads: the process that downloads. Used by it alone.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "symbolize/debug_downloads.h"

namespace whoholds {

constexpr size_t kMaxDebugDownloadAnswer = 8192;

// Takes build ids from the socket and answers each, until the parent is gone. Called in a process just forked.
[[noreturn]] void run_debug_download_child(int socket, pid_t parent, const DebugDownloads::Options& options);

}  // namespace whoholds
