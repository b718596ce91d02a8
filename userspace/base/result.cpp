#include "base/result.h"

#include <cctype>
#include <cerrno>
#include <cstring>

namespace whoholds {

Error system_error(std::string_view what, int error_number) {
    std::string reason = std::strerror(error_number);
    if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
    ErrorCode code = ErrorCode::kSystem;
    if (error_number == EPERM || error_number == EACCES) code = ErrorCode::kPermission;
    if (error_number == ENOENT || error_number == ESRCH) code = ErrorCode::kNotFound;
    return {code, std::string(what) + ": " + reason};
}

}  // namespace whoholds
