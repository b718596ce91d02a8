// Writing of files so that whoever reads them sees the old content or the new one, and nothing in between. Used for what -o names.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace whoholds {

// Puts content at path: written beside it under another name, then renamed. What is there and is no regular file (a device, a FIFO)
// is written to instead. With the rights that the umask gives.
Result<void> replace_file(const std::string& path, std::string_view content);

// Whether replace_file could write there now. Leaves nothing behind.
Result<void> check_replaceable(const std::string& path);

}  // namespace whoholds
