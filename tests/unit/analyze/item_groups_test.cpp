#include "analyze/item_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "unit/analyze/held_samples.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Links {
    std::map<uint32_t, std::string> targets;
    size_t asked = 0;

    std::vector<ItemGroup> group(const std::vector<HeldDescriptor>& all) {
        return group_descriptors(all, SocketView(all, nullptr), [this](uint32_t fd) {
            ++asked;
            return targets[fd];
        });
    }
};

std::vector<std::string> words_of(const std::vector<ItemGroup>& groups) {
    std::vector<std::string> words;
    for (const ItemGroup& group : groups) words.push_back(std::to_string(group.count) + " " + group.what);
    return words;
}

TEST(ItemGroups, connections_of_a_stack_by_endpoint_and_state) {
    Links links;
    const auto groups = links.group({held_tcp(3, kEstablishedState, "10.1.0.9", 1, "10.0.0.5", 443),
                                     held_tcp(4, kCloseWaitState, "10.1.0.9", 2, "10.0.0.5", 443),
                                     held_tcp(5, kListenState, "0.0.0.0", 80)});

    EXPECT_THAT(words_of(groups), ElementsAre("2 TCP to 10.0.0.5:443", "1 TCP listening on 0.0.0.0:80"));
    EXPECT_THAT(groups[0].states, ElementsAre(Pair("CLOSE_WAIT", 1), Pair("ESTABLISHED", 1)));
    EXPECT_EQ(links.asked, 0U);
}

TEST(ItemGroups, a_duplicated_descriptor_counts_as_often_as_it_is_held) {
    Links links;
    std::vector<HeldDescriptor> all = {held_tcp(3, kEstablishedState, "10.1.0.9", 1, "10.0.0.5", 443)};
    all.push_back(all[0]);

    EXPECT_THAT(words_of(links.group(all)), ElementsAre("2 TCP to 10.0.0.5:443"));
}

TEST(ItemGroups, T37_anonymous_inodes_that_share_one_inode_are_told_apart) {
    Links links;
    links.targets = {{3, "anon_inode:[eventfd]"}, {4, "anon_inode:[eventpoll]"}, {5, "anon_inode:[eventfd]"}};

    EXPECT_THAT(words_of(links.group({held_file(3, 11), held_file(4, 11), held_file(5, 11)})),
                ElementsAre("2 eventfd", "1 epoll"));
}

TEST(ItemGroups, one_file_has_its_size_once) {
    Links links;
    links.targets = {{3, "/tmp/a.log (deleted)"}, {4, "/tmp/a.log (deleted)"}};
    std::vector<HeldDescriptor> all = {held_file(3, 17, S_IFREG, 0), held_file(4, 17, S_IFREG, 0)};
    all[0].seen.size = all[1].seen.size = 1'000;

    const auto groups = links.group(all);

    EXPECT_THAT(words_of(groups), ElementsAre("2 /tmp/a.log (deleted)"));
    EXPECT_EQ(groups[0].size_bytes, 1'000U);
}

TEST(ItemGroups, many_different_ones_are_one_group_that_says_so) {
    Links links;
    std::vector<HeldDescriptor> all;
    for (uint32_t fd = 3; fd < 103; ++fd) {
        all.push_back(held_file(fd, 1'000 + fd));
        all.back().seen.size = 10;
        links.targets[fd] = "/tmp/upload-" + std::to_string(fd);
    }
    for (uint32_t fd = 200; fd < 205; ++fd)
        all.push_back(held_tcp(fd, kEstablishedState, "10.1.0.9", 1, "10.0.0." + std::to_string(fd), 443));
    for (uint32_t fd = 300; fd < 307; ++fd) all.push_back(held_file(fd, 55, S_IFIFO));
    links.targets[300] = "pipe:[55]";

    const auto groups = links.group(all);

    EXPECT_THAT(words_of(groups), ElementsAre("100 file, 100 different ones, the oldest /tmp/upload-3", "7 pipe:[55]",
                                              "5 TCP to 5 different endpoints"));
    EXPECT_EQ(groups[0].size_bytes, 1'000U);
    EXPECT_THAT(groups[2].states, ElementsAre(Pair("ESTABLISHED", 5)));
    EXPECT_LT(links.asked, 4U);
}

TEST(ItemGroups, memfds_are_no_deleted_files) {
    Links links;
    links.targets = {{3, "/memfd:jit (deleted)"}, {4, "/tmp/a (deleted)"}};
    std::vector<HeldDescriptor> all = {held_file(3, 17, S_IFREG, 0), held_file(4, 18, S_IFREG, 0)};
    EXPECT_THAT(words_of(links.group(all)), ElementsAre("1 memfd jit", "1 /tmp/a (deleted)"));

    for (uint32_t fd = 10; fd < 20; ++fd) {
        all.push_back(held_file(fd, 100 + fd, S_IFREG, 0));
        links.targets[fd] = links.targets[3];
    }
    EXPECT_THAT(words_of(links.group(all)),
                ElementsAre("11 memfd, 11 different ones, the oldest memfd jit", "1 /tmp/a (deleted)"));
}

TEST(ItemGroups, small_groups_among_many_do_not_stand_out) {
    Links links;
    links.targets[3] = "pipe:[100]";
    std::vector<HeldDescriptor> all;
    for (uint32_t fd = 3; fd < 27; ++fd) all.push_back(held_file(fd, 100 + (fd - 3) / 2, S_IFIFO));

    EXPECT_THAT(words_of(links.group(all)), ElementsAre("24 pipe, 12 different ones, the oldest pipe:[100]"));
}

TEST(ItemGroups, counts_add_up_whatever_is_held) {
    Links links;
    std::vector<HeldDescriptor> all;
    for (uint32_t fd = 0; fd < 5'000; ++fd) {
        all.push_back(fd % 3 == 0 ? held_file(fd, fd % 7)
                                  : held_unix(fd, fd % 2 ? kEstablishedState : kClosedState, fd));
        if (fd % 5 == 0) all.back() = held_socket(fd, AF_NETLINK, SOCK_RAW, 0, kClosedState);
    }

    uint64_t sum = 0;
    for (const ItemGroup& group : links.group(all)) sum += group.count;

    EXPECT_EQ(sum, all.size());
}

TEST(ItemGroups, threads_by_what_they_do) {
    ItemReport sleeping;
    sleeping.is_thread = true;
    sleeping.type = "thread";
    sleeping.state = "sleeping";
    sleeping.wait_channel = "futex_wait";
    sleeping.cpu_s = 0.5;
    sleeping.size_bytes = 8'192;
    ItemReport running = sleeping;
    running.state = "running";
    running.wait_channel = "";
    running.cpu_s = std::nullopt;

    const auto groups = group_items(std::vector{running, sleeping, sleeping});

    EXPECT_THAT(words_of(groups), ElementsAre("2 thread sleeping in futex_wait", "1 thread running"));
    EXPECT_EQ(groups[0].cpu_s, 1.0);
    EXPECT_EQ(groups[0].size_bytes, 16'384U);
    EXPECT_EQ(groups[1].cpu_s, std::nullopt);
    EXPECT_THAT(group_items(std::vector{ItemReport{}}), IsEmpty());
}

}  // namespace
}  // namespace whoholds
