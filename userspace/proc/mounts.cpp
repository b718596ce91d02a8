#include "proc/mounts.h"

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxMountinfoBytes = size_t{16} << 20;

bool is_octal(char digit) { return digit >= '0' && digit <= '7'; }

// The kernel escapes blanks, newlines and backslashes as three octal digits.
std::string unescape_octal(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        if (text.size() >= 4 && text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) && is_octal(text[3])) {
            result += static_cast<char>((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
            text.remove_prefix(4);
        } else {
            result += text[0];
            text.remove_prefix(1);
        }
    }
    return result;
}

}  // namespace

std::vector<Mount> parse_mounts(std::string_view text) {
    std::vector<Mount> mounts;
    while (!text.empty()) {
        std::string_view line = cut_line(text);
        for (int field = 0; field < 3; ++field) cut_field(line);  // mount id, parent id, device
        const std::string_view root = cut_field(line);
        const std::string_view mount_point = cut_field(line);
        // Options and any number of optional fields end at a lone hyphen.
        constexpr std::string_view kSeparator = " - ";
        const size_t separator = line.find(kSeparator);
        if (mount_point.empty() || separator == std::string_view::npos) continue;
        line.remove_prefix(separator + kSeparator.size());
        mounts.push_back({unescape_octal(root), unescape_octal(mount_point), unescape_octal(cut_field(line))});
    }
    return mounts;
}

std::vector<Mount> read_mounts(const std::string& path) {
    const Result<std::string> text = read_file_bounded(path, kMaxMountinfoBytes);
    return text ? parse_mounts(*text) : std::vector<Mount>{};
}

}  // namespace whoholds
