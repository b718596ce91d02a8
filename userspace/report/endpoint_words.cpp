#include "report/endpoint_words.h"

namespace whoholds {

std::string endpoint_words(std::string_view protocol, std::string_view direction, std::string_view remote) {
    std::string words(protocol);
    const bool is_unix = protocol.starts_with("unix");
    if (remote.empty()) {
        if (!direction.empty()) return words + ", " + std::string(direction);
        return words + (is_unix ? " without a name" : ", not connected");
    }
    if (direction == "outgoing") {
        words += " to ";
    } else if (direction == "incoming") {
        words += is_unix ? " accepted on " : " from ";
    } else {
        words += direction == "listening" ? " listening on " : " at ";
    }
    return words + std::string(remote);
}

}  // namespace whoholds
