#include "unit/publish/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace whoholds {

UniqueFd connect_to(uint16_t port) {
    UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return connection;
}

void say(const UniqueFd& connection, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;  // refused; what was answered tells why
        text.remove_prefix(static_cast<size_t>(sent));
    }
}

std::string all_of(const UniqueFd& connection) {
    std::string text;
    char block[4096];
    for (ssize_t count = 0; (count = recv(connection.get(), block, sizeof block, 0)) > 0;)
        text.append(block, static_cast<size_t>(count));
    return text;
}

std::string ask(uint16_t port, std::string_view request) {
    const UniqueFd connection = connect_to(port);
    say(connection, request);
    return all_of(connection);
}

}  // namespace whoholds
