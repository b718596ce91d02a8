// The image that scripts/container/build makes: what it holds, what it says of itself, and that it runs.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "container/ledger.h"
#include "container/tool.h"

namespace whoholds::container {
namespace {

using ::testing::HasSubstr;

class Image : public ContainerTest {
protected:
    void SetUp() override {
        ContainerTest::SetUp();
        if (!IsSkipped() && !tool_is_static()) GTEST_SKIP() << "the static program was not built: scripts/build-static";
    }

    // In place of the plain image of the other tests.
    void build() {
        std::string engine;
        for (const std::string& word : podman_.command()) engine += word + " ";
        const Ended built =
            run_command({WH_SOURCE_DIR "/scripts/container/build", "--engine", engine, "--program", tool_program(),
                         "--tag", "whoholds", "--source", "https://example.org/whoholds"},
                        podman_.environment());
        ASSERT_EQ(built.exit_code, 0) << built.errors;
    }
};

TEST_F(Image, is_labelled_and_holds_one_program) {
    if (IsSkipped()) return;
    build();
    const Ended labels = podman_.run({"inspect", "--format={{json .Config}}", "whoholds"});
    const nlohmann::json config = nlohmann::json::parse(labels.output, nullptr, false);
    ASSERT_TRUE(config.is_object()) << labels.errors;
    const nlohmann::json& label = config["Labels"];
    EXPECT_EQ(label.value("org.opencontainers.image.title", ""), "whoholds");
    EXPECT_EQ(label.value("org.opencontainers.image.version", ""), WH_VERSION);
    EXPECT_EQ(label.value("org.opencontainers.image.licenses", ""), "GPL-2.0-or-later");
    EXPECT_EQ(label.value("org.opencontainers.image.source", ""), "https://example.org/whoholds");
    EXPECT_FALSE(label.value("org.opencontainers.image.description", "").empty());
    EXPECT_FALSE(label.value("org.opencontainers.image.revision", "").empty());
    EXPECT_EQ(config["Entrypoint"], nlohmann::json({"/whoholds"}));
    EXPECT_EQ(config["User"], "0:0");

    const Ended version = podman_.run({"run", "--rm", "--network=none", "--read-only", "whoholds", "--version"});
    EXPECT_EQ(version.output, "whoholds " WH_VERSION "\n");
}

// By a user who has no rights and no numbers of users to give away, from a copy of what the build needs.
constexpr const char* kBuildAsNobody = R"(set -e
folder=$1; source=$2; program=$3
mkdir -p "$folder/source/scripts" "$folder/home"
cp -R "$source/CMakeLists.txt" "$source/LICENSE" "$folder/source/"
cp -R "$source/scripts/lib.sh" "$source/scripts/container" "$folder/source/scripts/"
cp "$program" "$folder/whoholds"
cp "$CONTAINERS_CONF" "$folder/containers.conf"
export CONTAINERS_CONF="$folder/containers.conf"
chown -R 65534:65534 "$folder"
export HOME="$folder/home" XDG_RUNTIME_DIR="$folder/home"
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
podman="podman --root=$folder/store --runroot=$folder/run --storage-driver=vfs"
$as_nobody unshare --user true || exit 77
$as_nobody "$folder/source/scripts/container/build" --engine "$podman" --program "$folder/whoholds" --tag whoholds:rootless
$as_nobody $podman image inspect --format '{{.Config.User}}' whoholds:rootless)";

TEST_F(Image, is_built_without_root) {
    if (IsSkipped()) return;
    const e2e::TemporaryFolder folder;
    const Ended built = run_command({"sh", "-c", kBuildAsNobody, "build", folder.path(), WH_SOURCE_DIR, tool_program()},
                                    podman_.environment());
    if (built.exit_code == 77) GTEST_SKIP() << "this kernel gives no user namespaces to others than root";
    EXPECT_EQ(built.exit_code, 0) << built.errors;
    EXPECT_EQ(built.output, "0:0\n") << "and is run as root";
}

// Nothing may be written anywhere, no loader, no locale, no /etc: and all kinds are followed.
TEST_F(Image, traces_everything_without_a_place_to_write) {
    if (IsSkipped()) return;
    build();
    podman_.make_image("target", {target_path("ledger")});
    Ledger ledger(podman_, "tgt", "target");
    Tool tool(podman_,
              {"--pid=container:tgt", "--privileged", "--read-only", "--read-only-tmpfs=false",
               "--env=LANG=de_DE.UTF-8", "--env=DEBUGINFOD_URLS=http://127.0.0.1:1"},
              joined({"--pairs=stdio"}, report_everything("1")));
    ASSERT_TRUE(tool.wait_attached()) << tool.wait_errors();
    const nlohmann::json counted = ledger.work();
    const e2e::ReportReader report = tool.finish();
    expect_exact(counted, report);
    for (const char* kind : {"heap", "mapping", "fd", "thread"})
        EXPECT_TRUE(report.process()["kinds"].contains(kind)) << kind;
    EXPECT_THAT(tool.wait_errors(), HasSubstr("DEBUGINFOD_URLS is ignored"));
    for (const nlohmann::json& stack : report.stacks("heap")) EXPECT_TRUE(stack.value("complete", true)) << stack;

    const Ended plan = podman_.run({"run", "--rm", "--network=none", "--privileged", "--read-only",
                                    "--pid=container:tgt", "whoholds", "plan", "-p", "1"});
    EXPECT_EQ(plan.exit_code, 0) << plan.errors;
    EXPECT_THAT(plan.output, HasSubstr("malloc"));
}

}  // namespace
}  // namespace whoholds::container
