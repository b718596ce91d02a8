// /proc/PID/net/unix holds names that any process of the network namespace chose: any text must give names that could be
// those of sockets, and none to an inode that the text names twice.
#include <sys/un.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proc/unix_sockets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const whoholds::UnixSocketPaths paths = whoholds::parse_unix_sockets(text);
    for (const auto& [inode, name] : paths) {
        if (inode == 0 || name.empty() || name.size() > sizeof(sockaddr_un::sun_path)) std::abort();
        if (name.find('\n') != std::string::npos || text.find(name) == std::string_view::npos) std::abort();
    }
    // Lines that were there first lose their names at most, whatever follows: nothing that follows can give them another.
    const whoholds::UnixSocketPaths twice = whoholds::parse_unix_sockets(std::string(text) + "\n" + std::string(text));
    for (const auto& [inode, name] : twice) {
        const auto found = paths.find(inode);
        if (found != paths.end() && found->second != name) std::abort();
    }
    return 0;
}
