#include <gtest/gtest.h>
#include <unistd.h>

#include "proc/mounts.h"
#include "proc/process.h"
#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOuterId(64, 'e');
const std::string kUid = "12345678-9abc-def0-1234-56789abcdef0";
const std::string kUidUnderscored = "12345678_9abc_def0_1234_56789abcdef0";
const std::string kPodSlice =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidUnderscored + ".slice";

struct Form {
    std::string what;
    std::string cgroup;
    std::string id;
    std::string pod_uid;
};

const std::vector<Form>& container_forms() {
    static const std::vector<Form> kForms = {
        {"docker, v1", "12:pids:/docker/" + kId + "\n4:memory:/docker/" + kId + "\n0::/system.slice/docker.service\n",
         kId, ""},
        {"docker, v2, systemd", "0::/system.slice/docker-" + kId + ".scope\n", kId, ""},
        {"docker, v2, cgroupfs", "0::/docker/" + kId + "\n", kId, ""},
        {"docker, its own init inside", "0::/docker/" + kId + "/init.scope\n", kId, ""},
        {"docker in docker", "0::/docker/" + kOuterId + "/docker/" + kId + "\n", kId, ""},
        {"seen from a sibling", "0::/../" + kId + "\n", kId, ""},
        {"containerd of nerdctl", "0::/system.slice/nerdctl-" + kId + ".scope\n", kId, ""},
        {"podman, root", "0::/machine.slice/libpod-" + kId + ".scope/container\n", kId, ""},
        {"podman, rootless",
         "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope/container\n", kId, ""},
        {"podman, v1", "4:memory:/machine.slice/libpod-" + kId + ".scope\n1:name=systemd:/x\n", kId, ""},
        {"podman, cgroupfs", "0::/libpod_parent/libpod-" + kId + "\n", kId, ""},
        {"kubernetes, containerd, v2", "0::" + kPodSlice + "/cri-containerd-" + kId + ".scope\n", kId, kUid},
        {"kubernetes, containerd, v1", "4:memory:" + kPodSlice + "/cri-containerd-" + kId + ".scope\n", kId, kUid},
        {"kubernetes, cri-o, v2", "0::" + kPodSlice + "/crio-" + kId + ".scope\n", kId, kUid},
        {"kubernetes, cri-o, inner folder", "0::" + kPodSlice + "/crio-" + kId + ".scope/container\n", kId, kUid},
        {"kubernetes, docker", "0::" + kPodSlice + "/docker-" + kId + ".scope\n", kId, kUid},
        {"kubernetes, cgroupfs, v1", "4:memory:/kubepods/besteffort/pod" + kUid + "/" + kId + "\n", kId, kUid},
        {"kubernetes, guaranteed, v2", "0::/kubepods/pod" + kUid + "/" + kId + "\n", kId, kUid},
        {"kubernetes, guaranteed, slice",
         "0::/kubepods.slice/kubepods-pod" + kUidUnderscored + ".slice/cri-containerd-" + kId + ".scope\n", kId, kUid},
        {"kubernetes, containerd without scopes",
         "4:memory:/system.slice/containerd.service/kubepods-burstable-pod" + kUidUnderscored +
             ".slice:cri-containerd:" + kId + "\n",
         kId, kUid},
        {"kubernetes in docker (kind)",
         "0::/docker/" + kOuterId + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + kUidUnderscored +
             ".slice/cri-containerd-" + kId + ".scope\n",
         kId, kUid},
        {"kubernetes, static pod", "0::/kubepods/burstable/pod" + std::string(32, 'a') + "/" + kId + "\n", kId,
         std::string(32, 'a')},
        {"kubernetes, pod alone", "0::" + kPodSlice + "\n", "", kUid},
        {"kubernetes, sibling in the pod", "0::/../cri-containerd-" + kId + ".scope\n", kId, ""},
        {"fargate", "4:memory:/ecs/" + std::string(32, 'b') + "/" + std::string(32, 'b') + "-1234567890\n",
         std::string(32, 'b') + "-1234567890", ""},
        {"a short id", "0::/system.slice/docker-0123456789ab.scope\n", "0123456789ab", ""},
    };
    return kForms;
}

TEST(Container, is_found_in_every_form_of_cgroup) {
    for (const Form& form : container_forms()) {
        const auto container = parse_container(form.cgroup);

        ASSERT_TRUE(container) << form.what;
        EXPECT_EQ(container->id, form.id) << form.what;
        EXPECT_EQ(container->pod_uid, form.pod_uid) << form.what;
        EXPECT_EQ(container->pod, "") << form.what;
    }
}

TEST(Container, is_absent_outside_of_containers) {
    for (const std::string& cgroup : {
             std::string(),
             std::string("0::/\n"),
             std::string("nonsense\n\n:::\n"),
             std::string("0::/system.slice/docker.service\n"),
             std::string("0::/system.slice/containerd.service\n"),
             std::string("0::/user.slice/user-1000.slice/session-3.scope\n"),
             std::string("0::/system.slice/run-123456789012.scope\n"),
             std::string("0::/podcast/podman.service\n"),
             "0::/machine.slice/libpod-conmon-" + kId + ".scope\n",
             "0::/system.slice/crio-conmon-" + kId + ".scope\n",
             "0::/system.slice/docker-" + kId + "0.scope\n",
             "0::/a/" + kId.substr(1) + "\n",
             std::string("0::/process_api/8c4bbd3d04837b73e6b591a94799346b\n"),
         }) {
        EXPECT_FALSE(parse_container(cgroup)) << cgroup;
    }
}

// A /proc with process 42 whose root is the folder container/.
struct FakeProc : TempFolder {
    FakeProc() { link("proc/42/root", path("container")); }
    [[nodiscard]] std::optional<Container> read() const { return read_container({path("proc"), path("cgroup")}, 42); }
};

std::string environment(std::initializer_list<std::string_view> variables) {
    std::string text;
    for (const std::string_view variable : variables) text.append(variable).push_back('\0');
    return text;
}

constexpr char kNamespaceFile[] = "container/run/secrets/kubernetes.io/serviceaccount/namespace";

TEST(Container, takes_the_names_of_the_pod_from_its_environment_and_files) {
    const FakeProc proc;
    proc.write("proc/42/cgroup", "0::" + kPodSlice + "/cri-containerd-" + kId + ".scope\n");
    proc.write("proc/42/environ",
               environment({"PATH=/bin", "HOSTNAME=payments-7d9f", "KUBERNETES_SERVICE_HOST=10.0.0.1"}));
    proc.write(kNamespaceFile, "shop");
    proc.link("container/var/run", "/run");
    proc.write("proc/42/mountinfo", "1 2 0:1 /var/lib/kubelet/pods/" + kUid +
                                        "/containers/app/1a2b3c4d /dev/termination-log rw - ext4 x rw\n"
                                        "2 2 0:1 /var/lib/containerd/sandboxes/" +
                                        kOuterId + "/hostname /etc/hostname rw - ext4 x rw\n");

    const auto container = proc.read();

    ASSERT_TRUE(container);
    EXPECT_EQ(container->id, kId);
    EXPECT_EQ(container->pod, "payments-7d9f");
    EXPECT_EQ(container->pod_namespace, "shop");
    EXPECT_EQ(container->pod_uid, kUid);
    EXPECT_EQ(container->name, "app");
}

TEST(Container, prefers_a_pod_name_that_is_given_over_the_host_name) {
    const FakeProc proc;
    proc.write("proc/42/cgroup", "0::" + kPodSlice + "/crio-" + kId + ".scope\n");
    proc.write("proc/42/environ", environment({"HOSTNAME=node-1", "POD_NAME=payments-7d9f", "POD_NAMESPACE=shop"}));

    const auto container = proc.read();

    ASSERT_TRUE(container);
    EXPECT_EQ(container->pod, "payments-7d9f");
    EXPECT_EQ(container->pod_namespace, "shop");
}

TEST(Container, asks_etc_hostname_last) {
    const FakeProc proc;
    proc.write("proc/42/cgroup", "0::" + kPodSlice + "/crio-" + kId + ".scope\n");
    proc.write("container/etc/hostname", "payments-7d9f\n");

    EXPECT_EQ(proc.read()->pod, "payments-7d9f");
}

TEST(Container, has_no_pod_under_plain_docker) {
    const FakeProc proc;
    proc.write("proc/42/cgroup", "0::/system.slice/docker-" + kId + ".scope\n");
    proc.write("proc/42/environ", environment({"HOSTNAME=0123456789ab"}));

    const auto container = proc.read();

    ASSERT_TRUE(container);
    EXPECT_EQ(container->pod, "");
    EXPECT_EQ(container->pod_namespace, "");
}

TEST(Container, is_found_by_its_mounts_from_inside_of_its_own_namespace) {
    for (const std::string& folder : {std::string("/var/lib/docker/containers/"),
                                      std::string("/home/u/.local/share/containers/storage/overlay-containers/")}) {
        const FakeProc proc;
        proc.write("proc/42/cgroup", "0::/\n");
        const std::string own = folder + kId;
        proc.write("proc/42/mountinfo", "1 2 0:1 " + own + "/hostname /etc/hostname rw - ext4 /dev/x rw\n" +
                                            "2 2 0:1 " + own + "/hosts /etc/hosts rw - ext4 /dev/x rw\n");

        const auto container = proc.read();

        ASSERT_TRUE(container) << folder;
        EXPECT_EQ(container->id, kId);
        EXPECT_EQ(container->name, "");
    }
}

TEST(Container, does_not_take_the_pods_own_container_for_this_one) {
    const FakeProc proc;
    proc.write("proc/42/cgroup", "0::/\n");
    proc.write("proc/42/mountinfo", "1 2 0:1 /run/containers/storage/overlay-containers/" + kOuterId +
                                        "/userdata/hostname /etc/hostname rw - ext4 x rw\n"
                                        "2 2 0:1 /var/lib/kubelet/pods/" +
                                        kUid + "/etc-hosts /etc/hosts rw - ext4 x rw\n");

    const auto container = proc.read();

    ASSERT_TRUE(container);
    EXPECT_EQ(container->id, "");
    EXPECT_EQ(container->pod_uid, kUid);
}

TEST(Container, knows_a_pod_by_its_service_account_when_the_cgroup_is_hidden) {
    const FakeProc proc;
    proc.write("proc/42/cgroup", "0::/\n");
    proc.write("proc/42/environ", environment({"KUBERNETES_SERVICE_HOST=10.0.0.1", "HOSTNAME=payments-7d9f"}));
    EXPECT_FALSE(proc.read());

    proc.write("container/var/run/secrets/kubernetes.io/serviceaccount/namespace", "shop\n");
    const auto container = proc.read();

    ASSERT_TRUE(container);
    EXPECT_EQ(container->id, "");
    EXPECT_EQ(container->pod, "payments-7d9f");
    EXPECT_EQ(container->pod_namespace, "shop");
}

TEST(Container, T29_takes_no_name_from_a_hostile_target) {
    const FakeProc proc;
    proc.write("proc/42/cgroup", "0::" + kPodSlice + "/crio-" + kId + ".scope\n");
    proc.write("proc/42/environ",
               environment({"POD_NAME=\x1b[2J", "HOSTNAME=a b", "NOEQUALS", "", "NAMESPACE=" + std::string(254, 'a')}));
    proc.write("secret", "of-the-host");
    proc.link("container/etc/hostname", proc.path("secret"));

    const auto container = proc.read();

    ASSERT_TRUE(container);
    EXPECT_EQ(container->pod, "");
    EXPECT_EQ(container->pod_namespace, "");
}

TEST(Container, survives_a_process_that_vanishes) {
    const TempFolder proc;

    EXPECT_FALSE(read_container({proc.path()}, 42));
}

TEST(Mounts, unescapes_and_skips_optional_fields_and_nonsense) {
    const auto mounts = parse_mounts(
        "36 35 98:0 /a\\040b /mnt\\011x\\134 rw,noatime master:1 shared:2 - ext3 /dev/root rw\n"
        "nonsense\n"
        "36 35 98:0 / /no/separator rw\n"
        "37 35 98:0 /../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw");

    ASSERT_EQ(mounts.size(), 2U);
    EXPECT_EQ(mounts[0].root, "/a b");
    EXPECT_EQ(mounts[0].mount_point, "/mnt\tx\\");
    EXPECT_EQ(mounts[0].type, "ext3");
    EXPECT_EQ(mounts[1].root, "/../..");
    EXPECT_EQ(mounts[1].type, "cgroup2");
}

}  // namespace
}  // namespace whoholds
