#include "proc/unix_sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/unique_fd.h"
#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kHeader = "Num       RefCount Protocol Flags    Type St Inode Path\n";

std::string line(std::string_view inode, std::string_view name) {
    return "0000000000000000: 00000002 00000000 00010000 0001 01 " + std::string(inode) + std::string(name) + "\n";
}

TEST(UnixSockets, have_names_by_inode) {
    const std::string text = std::string(kHeader) + line("21187", " /run/x y.sock") + line("   17", " @/tmp/.X11") +
                             line("  900", "") + line(" 901", " ");

    EXPECT_THAT(parse_unix_sockets(text), UnorderedElementsAre(Pair(21'187, "/run/x y.sock"), Pair(17, "@/tmp/.X11")));
}

TEST(UnixSockets, malformed_lines_are_passed_over) {
    for (const std::string& bad :
         {std::string(), std::string("\n\n\n"), std::string(":::::"), line("-1", " /a"), line("1x", " /a"),
          line("99999999999999999999999", " /a"), std::string("zz: 1 1 1 1 1 5 /a\n"), std::string("00: 1 1 1 5 /a\n"),
          line("0", " /a"), line("5", " /" + std::string(108, 'a')), std::string("00: g 1 1 1 1 5 /a\n")}) {
        EXPECT_THAT(parse_unix_sockets(bad), IsEmpty()) << bad;
    }
}

TEST(UnixSockets, a_name_cannot_rename_another_socket) {
    const std::string forged = line("1", " /evil\n00: 00000002 00000000 00000000 0001 01 2 /bank");

    EXPECT_THAT(parse_unix_sockets(forged + line("2", " /real")), UnorderedElementsAre(Pair(1, "/evil")));
    EXPECT_THAT(parse_unix_sockets(line("2", " /real") + forged), UnorderedElementsAre(Pair(1, "/evil")));
    EXPECT_THAT(parse_unix_sockets(line("2", " /real") + line("2", " /real")), UnorderedElementsAre(Pair(2, "/real")));
}

TEST(UnixSockets, are_read_through_the_root) {
    TempFolder folder;
    folder.write("42/net/unix", std::string(kHeader) + line("17", " /run/x") + "00: 1 1 1 1 1 18 /cut");
    const ProcRoot root{folder.path()};

    EXPECT_THAT(*unix_socket_paths(root, 42), UnorderedElementsAre(Pair(17, "/run/x")));
    EXPECT_EQ(unix_socket_paths(root, 43).error().code, ErrorCode::kNotFound);
}

TEST(UnixSockets, our_own_is_found_by_its_inode) {
    TempFolder folder;
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder.path("s");
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    struct stat info {};
    ASSERT_EQ(::fstat(fd.get(), &info), 0);

    const auto paths = unix_socket_paths({}, ::getpid());

    ASSERT_TRUE(paths) << paths.error().message;
    ASSERT_TRUE(paths->contains(info.st_ino));
    EXPECT_EQ(paths->at(info.st_ino), path);
}

}  // namespace
}  // namespace whoholds
