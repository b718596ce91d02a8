// Which code without unwind information keeps frame pointers all the same, so that a walk through it is exact: what V8 and some JVMs
// make at run time, and V8's built-in functions, which lie in its file. Everything else may use rbp for what it likes.
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "elf/elf_image.h"
#include "proc/process.h"

namespace whoholds {

// Whether the file holds V8 (node, chromium, electron, deno).
bool holds_v8(const ElfImage& image, std::string_view path);

// Whether the process is a JVM that was started with -XX:+PreserveFramePointer.
bool is_jvm_with_frame_pointers(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& maps);

}  // namespace whoholds
