#include "proc/unix_sockets.h"

#include <sys/un.h>

#include <optional>

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxBytes = size_t{16} << 20;  // some 200,000 sockets
constexpr size_t kMaxName = sizeof(sockaddr_un::sun_path);

struct NamedSocket {
    uint64_t inode = 0;
    std::string_view name;
};

// "0000000000000000: 00000002 00000000 00010000 0001 01 21187 /run/dbus/system_bus_socket"
std::optional<NamedSocket> parse_line(std::string_view line) {
    const std::string_view address = cut_until(line, ':');
    if (address.empty() || address.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return {};
    constexpr int kNumbers = 5;  // references, protocol, flags, type, state
    for (int i = 0; i < kNumbers; ++i) {
        if (!parse_number<uint64_t>(cut_field(line), 16)) return {};
    }
    const auto inode = parse_number<uint64_t>(cut_field(line));
    if (!inode || !line.starts_with(' ')) return {};
    line.remove_prefix(1);
    if (line.empty() || line.size() > kMaxName) return {};
    return NamedSocket{*inode, line};
}

}  // namespace

UnixSocketPaths parse_unix_sockets(std::string_view text) {
    UnixSocketPaths paths;
    while (!text.empty()) {
        const std::optional<NamedSocket> socket = parse_line(cut_line(text));
        if (!socket || socket->inode == 0) continue;
        const auto [place, is_new] = paths.try_emplace(socket->inode, socket->name);
        if (!is_new && place->second != socket->name) place->second.clear();
    }
    absl::erase_if(paths, [](const auto& path) { return path.second.empty(); });
    return paths;
}

Result<UnixSocketPaths> unix_socket_paths(const ProcRoot& root, pid_t pid) {
    const std::string path = process_path(root, pid, "net/unix");
    WH_TRY(const UniqueFd file, open_regular_file(path));
    Result<std::string> text = read_prefix(file, kMaxBytes);
    if (!text) return std::move(text).error().with_context(path);
    // What was cut off in the middle of a name would be another name.
    text->resize(text->rfind('\n') == std::string::npos ? 0 : text->rfind('\n') + 1);
    return parse_unix_sockets(*text);
}

}  // namespace whoholds
