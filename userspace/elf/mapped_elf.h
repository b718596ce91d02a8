// Opens the file behind a mapping of a process, and no other. Used by the symboliser.
// Invariant: what is opened is the mapped file: the kernel's own link to it, or a path whose device and inode agree.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "elf/elf_image.h"
#include "proc/process.h"

namespace whoholds {

// By /proc/PID/map_files (needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; works for deleted files too), else by the path
// behind the target's root, else by /proc/PID/exe. open_path becomes what was opened.
Result<ElfImage> open_mapped_elf(const ProcRoot& root, pid_t pid, const Mapping& mapping, std::string& open_path);

// The same for a file of another format. Readable regular files only.
Result<UniqueFd> open_mapped_file(const ProcRoot& root, pid_t pid, const Mapping& mapping);

// Where the debug files of this mapping's file may be: our own /usr/lib/debug, the target's, beside the file.
ElfImage::SymbolOptions debug_options_of(const ProcRoot& root, pid_t pid, const Mapping& mapping);

}  // namespace whoholds
