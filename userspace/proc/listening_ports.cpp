#include "proc/listening_ports.h"

#include <string>

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxBytes = size_t{256} << 10;  // some 1,700 listeners
constexpr std::string_view kListen = "0A";

}  // namespace

// "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 …"
void parse_listening_ports(std::string_view text, std::vector<uint16_t>& ports) {
    cut_line(text);  // the names of the columns
    while (!text.empty()) {
        std::string_view line = cut_line(text);
        cut_field(line);  // number
        std::string_view local = cut_field(line);
        cut_field(line);  // remote
        if (cut_field(line) != kListen) return;
        const size_t colon = local.rfind(':');
        if (colon == std::string_view::npos) return;
        if (const auto port = parse_number<uint16_t>(local.substr(colon + 1), 16)) ports.push_back(*port);
    }
}

ListeningPorts listening_ports(const ProcRoot& root, pid_t pid) {
    ListeningPorts result;
    const auto link = read_link(process_path(root, pid, "ns/net"));
    if (!link) return result;
    std::string_view name = *link;
    if (!name.starts_with("net:[") || !name.ends_with("]")) return result;
    name.remove_prefix(5);
    name.remove_suffix(1);
    result.net_inode = parse_number<uint32_t>(name).value_or(0);
    for (const char* table : {"net/tcp", "net/tcp6"}) {
        auto file = open_regular_file(process_path(root, pid, table));
        if (!file) continue;
        if (auto text = read_prefix(*file, kMaxBytes)) parse_listening_ports(*text, result.tcp);
    }
    return result;
}

}  // namespace whoholds
