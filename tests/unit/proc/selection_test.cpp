#include "proc/selection.h"

#include <gtest/gtest.h>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOtherId(64, 'e');

Container container_with_id(const std::string& id) {
    Container container;
    container.id = id;
    return container;
}

TEST(Selection, container_by_id_needs_twelve_digits) {
    const Container container = container_with_id(kId);

    EXPECT_TRUE(is_container(container, "", kId));
    EXPECT_TRUE(is_container(container, "", kId.substr(0, 12)));
    EXPECT_FALSE(is_container(container, "", kId.substr(0, 11)));
    EXPECT_FALSE(is_container(container, "", kOtherId.substr(0, 12)));
    EXPECT_FALSE(is_container(container, "", kId + "0"));
    EXPECT_FALSE(is_container(container, "", ""));
}

TEST(Selection, container_by_name) {
    Container container = container_with_id(kId);
    container.name = "app";
    container.pod = "web-7d9f";
    container.pod_namespace = "shop";

    for (const char* wanted : {"app", "web-7d9f", "shop/web-7d9f", "host-1"})
        EXPECT_TRUE(is_container(container, "host-1", wanted)) << wanted;
    for (const char* wanted : {"ap", "web", "shop", "other/web-7d9f", "host-2"})
        EXPECT_FALSE(is_container(container, "host-1", wanted)) << wanted;
}

TEST(Selection, a_container_that_names_itself_like_an_id_is_not_it) {
    Container container = container_with_id(kOtherId);
    container.name = "app";

    EXPECT_FALSE(is_container(container, "", kId.substr(0, 12)));
}

TEST(Selection, cgroup_and_all_below_it) {
    const std::string unified = "0::/system.slice/shop.service/worker\n";

    for (const char* wanted : {"/system.slice", "system.slice/shop.service", "/system.slice//shop.service/worker/",
                               "/sys/fs/cgroup/system.slice/shop.service", "/sys/fs/cgroup/unified/system.slice"})
        EXPECT_TRUE(is_in_cgroup(unified, wanted, "/sys/fs/cgroup")) << wanted;
    for (const char* wanted :
         {"/", "", "/sys/fs/cgroup", "/sys/fs/cgroup/", "/system.slice/shop", "/system.slice/shop.service/worker/a",
          "/unified/system.slice", "/sys/fs/cgroup/unified", "/sys/fs/cgroup-2/system.slice"})
        EXPECT_FALSE(is_in_cgroup(unified, wanted, "/sys/fs/cgroup")) << wanted;
}

TEST(Selection, cgroup_of_version_1) {
    const std::string text = "4:cpu,cpuacct:/shop/a\n3:memory:/other\n1:name=systemd:/init.scope\n";

    for (const char* wanted : {"/shop", "/sys/fs/cgroup/cpu/shop", "/sys/fs/cgroup/cpu,cpuacct/shop/a",
                               "/sys/fs/cgroup/memory/other", "/sys/fs/cgroup/systemd/init.scope"})
        EXPECT_TRUE(is_in_cgroup(text, wanted, "/sys/fs/cgroup")) << wanted;
    for (const char* wanted : {"/sys/fs/cgroup/memory/shop", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids/shop"})
        EXPECT_FALSE(is_in_cgroup(text, wanted, "/sys/fs/cgroup")) << wanted;
}

class SelectionFixture : public ::testing::Test {
protected:
    SelectionFixture() : root_{folder_.path() + "/proc", folder_.path() + "/cgroup"} {}

    void add(pid_t pid, const std::string& command, char state = 'S', uint32_t flags = 0) {
        const std::string name = "proc/" + std::to_string(pid);
        std::string stat = std::to_string(pid) + " (" + command + ") " + state + " 1 1 1 0 -1 " + std::to_string(flags);
        for (int i = 10; i <= 52; i++) stat += " 7";
        folder_.write(name + "/stat", stat + "\n");
    }
    void set_exe(pid_t pid, const std::string& target) { folder_.link("proc/" + std::to_string(pid) + "/exe", target); }
    void set_cgroup(pid_t pid, const std::string& text) {
        folder_.write("proc/" + std::to_string(pid) + "/cgroup", text);
    }
    void set_namespace(const std::string& process, const std::string& name, const std::string& target) {
        folder_.link("proc/" + process + "/ns/" + name, target);
    }
    std::vector<pid_t> select(const ProcessSelection& selection) {
        return selected_processes(root_, selection, 9).value_or({});
    }

    TempFolder folder_;
    ProcRoot root_;
};

TEST_F(SelectionFixture, by_command_without_zombies_kernel_threads_and_itself) {
    add(11, "nginx");
    add(3, "nginx");
    add(4, "nginx", 'Z');
    add(5, "nginx", 'S', 0x00200000);
    add(6, "nginx-2");
    add(9, "nginx");
    folder_.write("proc/12/comm", "nginx\n");
    folder_.write("proc/sys/stat", "nginx\n");

    EXPECT_EQ(select({.commands = {"nginx"}}), (std::vector<pid_t>{3, 11}));
}

TEST_F(SelectionFixture, a_command_is_as_long_as_the_kernel_keeps_it) {
    add(3, "a-rather-long-n");

    EXPECT_EQ(select({.commands = {"a-rather-long-name"}}), (std::vector<pid_t>{3}));
}

TEST_F(SelectionFixture, hostile_command) {
    add(3, "x) R 1 (nginx");
    add(4, "nginx) R 1 1 1 0 -1 0 (");

    EXPECT_EQ(select({.commands = {"nginx"}}), (std::vector<pid_t>{}));
    EXPECT_EQ(select({.commands = {"x) R 1 (nginx"}}), (std::vector<pid_t>{3}));
}

TEST_F(SelectionFixture, by_executable) {
    folder_.write("server", "");
    add(3, "a");
    set_exe(3, "/usr/sbin/nginx");
    add(4, "b");
    set_exe(4, "/usr/sbin/nginx (deleted)");
    add(5, "c");
    set_exe(5, folder_.path() + "/server");
    add(6, "d");

    EXPECT_EQ(select({.executables = {"/usr/sbin/nginx"}}), (std::vector<pid_t>{3, 4}));
    EXPECT_EQ(select({.executables = {"nginx"}}), (std::vector<pid_t>{3, 4}));
    EXPECT_EQ(select({.executables = {folder_.path() + "/./server"}}), (std::vector<pid_t>{5})) << "the same file";
    EXPECT_EQ(select({.executables = {"/usr/sbin/ngin"}}), (std::vector<pid_t>{}));
}

TEST_F(SelectionFixture, by_container_or_cgroup_and_all_of_them_together) {
    add(3, "a");
    set_cgroup(3, "0::/system.slice/docker-" + kId + ".scope\n");
    add(4, "b");
    set_cgroup(4, "0::/system.slice/docker-" + kOtherId + ".scope\n");
    add(5, "c");
    set_cgroup(5, "0::/user.slice\n");
    add(6, "d");

    EXPECT_EQ(select({.containers = {kId.substr(0, 12)}}), (std::vector<pid_t>{3}));
    EXPECT_EQ(select({.cgroups = {"/system.slice"}}), (std::vector<pid_t>{3, 4}));
    EXPECT_EQ(select({.containers = {kId}, .cgroups = {"/user.slice"}, .commands = {"d"}}),
              (std::vector<pid_t>{3, 5, 6}));
}

TEST_F(SelectionFixture, by_host_name_of_a_container) {
    add(3, "a");
    set_cgroup(3, "0::/system.slice/docker-" + kId + ".scope\n");
    folder_.write("proc/3/root/etc/hostname", "shop-1\n");

    EXPECT_EQ(select({.containers = {"shop-1"}}), (std::vector<pid_t>{3}));
}

// In a container that has joined the PID namespace of another one.
class HiddenContainers : public SelectionFixture {
protected:
    HiddenContainers() {
        set_namespace("self", "mnt", "mnt:[4026532300]");
        set_namespace("self", "pid", "pid:[4026532200]");
        for (pid_t pid : {1, 7}) {
            add(pid, "app");
            set_cgroup(pid, "0::/\n");
            set_namespace(std::to_string(pid), "mnt", "mnt:[4026532100]");
        }
        add(8, "our-shell");
        set_cgroup(8, "0::/\n");
        set_namespace("8", "mnt", "mnt:[4026532300]");
    }
    ProcessSelection widened(const std::string& container) {
        ProcessSelection selection{.containers = {container}};
        widen_if_hidden(root_, selection, 9);
        return selection;
    }
};

TEST_F(HiddenContainers, all_but_our_own_are_taken_for_the_one_that_is_meant) {
    EXPECT_EQ(select({.containers = {kId}}), (std::vector<pid_t>{}));
    EXPECT_EQ(select(widened(kId)), (std::vector<pid_t>{1, 7}));
}

TEST_F(HiddenContainers, but_not_those_that_show_another_one) {
    set_cgroup(7, "0::/../cri-containerd-" + kOtherId + ".scope\n");

    EXPECT_EQ(select(widened(kId)), (std::vector<pid_t>{1}));
}

TEST_F(HiddenContainers, nothing_is_guessed_where_one_shows_it) {
    set_cgroup(7, "0::/../cri-containerd-" + kId + ".scope\n");

    EXPECT_EQ(select(widened(kId)), (std::vector<pid_t>{7}));
}

TEST_F(HiddenContainers, nothing_is_guessed_for_a_name_or_on_the_host) {
    EXPECT_EQ(select(widened("app")), (std::vector<pid_t>{}));
    EXPECT_EQ(select(widened(kId.substr(0, 12))), (std::vector<pid_t>{}));
    folder_.remove("proc/self/ns/pid");
    set_namespace("self", "pid", "pid:[4026531836]");
    EXPECT_EQ(select(widened(kId)), (std::vector<pid_t>{}));
}

TEST(Selection, words) {
    const ProcessSelection selection{.containers = {"app"}, .commands = {"a\x1b[31m"}};

    EXPECT_EQ(selection.words().substr(0, 24), "container app, command a");
    EXPECT_EQ(selection.words().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace whoholds
