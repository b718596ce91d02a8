// --on-rss, --on-growth, --on-oom-near: a report when memory passes a threshold, and none before.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "e2e/places.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uint64_t kMiB = 1 << 20;

// Where a memory limit can be set: a control group of version 1 or 2, "" if none can be made.
class MemoryGroup {
public:
    explicit MemoryGroup(uint64_t limit_bytes) {
        const std::string name = "whoholds-e2e-memory-" + std::to_string(getpid());
        for (const auto& [parent, file] : {std::pair("/sys/fs/cgroup/memory/", "/memory.limit_in_bytes"),
                                           std::pair("/sys/fs/cgroup/", "/memory.max")}) {
            std::error_code failed;
            const std::string path = parent + name;
            if (access((std::string(parent) + "cgroup.procs").c_str(), W_OK) != 0) continue;
            if (!std::filesystem::create_directory(path, failed)) continue;
            if (std::ofstream(path + file) << limit_bytes << std::flush) {
                path_ = path;
                return;
            }
            rmdir(path.c_str());
        }
    }
    ~MemoryGroup() {
        if (!path_.empty()) rmdir(path_.c_str());
    }
    MemoryGroup(const MemoryGroup&) = delete;
    MemoryGroup& operator=(const MemoryGroup&) = delete;

    [[nodiscard]] bool exists() const { return !path_.empty(); }
    [[nodiscard]] bool add(pid_t pid) const {
        std::ofstream file(path_ + "/cgroup.procs");
        return static_cast<bool>(file << pid << std::flush);
    }

private:
    std::string path_;
};

void grow(Puppet& puppet, uint64_t mib) { puppet.command("here " + std::to_string(mib * kMiB)); }

std::string reasons_of(const ReportReader& report) {
    std::string text;
    for (const json& reason : report.root().value("reasons", json::array())) text += reason.get<std::string>() + '\n';
    return text;
}

Whoholds waiting_for(const Puppet& puppet, std::vector<std::string> thresholds) {
    thresholds.insert(thresholds.begin(), {"-p", std::to_string(puppet.pid())});
    Whoholds whoholds(thresholds);
    EXPECT_TRUE(whoholds.wait_attached()) << whoholds.process().errors().all();
    return whoholds;
}

TEST_F(E2eTest, a_report_is_written_when_rss_passes_a_threshold_and_once_a_crossing) {
    Puppet puppet("growing");
    Whoholds whoholds = waiting_for(puppet, {"--on-rss", "64M"});

    grow(puppet, 20);
    grow(puppet, 70);
    const ReportReader first = whoholds.next_report();
    puppet.command("free");
    grow(puppet, 30);
    grow(puppet, 80);
    // Whether the way back was seen depends on when was looked; what holds either way: reports at a threshold have a reason, the
    // final one has none.
    const ReportReader last = whoholds.finish();

    EXPECT_FALSE(first.is_final());
    EXPECT_THAT(reasons_of(first), HasSubstr("growing (pid " + std::to_string(puppet.pid()) + "): RSS is "));
    EXPECT_THAT(reasons_of(first), HasSubstr("(--on-rss 64 MiB)"));
    EXPECT_EQ(first.with_function("grow_here").held, (Sum{2, 90 * kMiB}));
    EXPECT_FALSE(last.root().contains("reasons"));
}

TEST_F(E2eTest, nothing_is_written_below_the_thresholds_but_the_final_report) {
    Puppet puppet("growing");
    Whoholds whoholds = waiting_for(puppet, {"--on-rss", "900G", "--on-growth", "900G", "--on-growth", "900G/min"});

    grow(puppet, 20);
    const ReportReader only = [&] {
        whoholds.process().send_signal(SIGINT);
        return whoholds.next_report();
    }();

    EXPECT_TRUE(only.is_final());
    EXPECT_EQ(whoholds.wait(), 0);
}

TEST_F(E2eTest, periodic_reports_go_on_beside_those_of_thresholds) {
    Puppet puppet("growing");
    Whoholds whoholds = waiting_for(puppet, {"--on-growth", "50M", "--on-growth", "40M/min", "0.5"});

    const ReportReader periodic = whoholds.next_report();
    grow(puppet, 60);
    ReportReader told = whoholds.next_report();
    while (reasons_of(told).empty()) told = whoholds.next_report();
    ReportReader after = whoholds.next_report();
    while (!reasons_of(after).empty()) after = whoholds.next_report();
    whoholds.finish();

    EXPECT_EQ(reasons_of(periodic), "");
    EXPECT_THAT(reasons_of(told), HasSubstr("RSS has grown by 6"));
    EXPECT_FALSE(after.is_final());
    EXPECT_GT(after.root().at("seq"), told.root().at("seq"));
}

TEST_F(E2eTest, a_report_is_written_before_the_memory_limit_of_a_control_group_is_reached) {
    const MemoryGroup group(256 * kMiB);
    if (!group.exists()) GTEST_SKIP() << "no control group with a memory limit can be made here";
    {
        Puppet puppet("growing");
        ASSERT_TRUE(group.add(puppet.pid()));
        Whoholds whoholds = waiting_for(puppet, {"--on-oom-near", "25%"});

        grow(puppet, 200);
        const ReportReader report = whoholds.next_report();
        whoholds.finish();

        EXPECT_THAT(reasons_of(report), HasSubstr("of 256 MiB (memory."));
        EXPECT_THAT(reasons_of(report), HasSubstr("(--on-oom-near 25%)"));
        EXPECT_EQ(report.with_function("grow_here").held, (Sum{1, 200 * kMiB}));
    }
}

TEST_F(E2eTest, reports_at_a_threshold_go_to_files_of_their_own) {
    Puppet puppet("growing");
    const TemporaryFolder folder;
    Process tool({.command = {whoholds_path(), "-p", std::to_string(puppet.pid()), "--on-rss", "64M", "--on-report",
                              folder.path() + "/high.json"}});
    ASSERT_TRUE(tool.errors().next_with("attached to"));

    grow(puppet, 80);
    const auto said = tool.errors().next_with("the report is in " + folder.path() + "/high-");
    tool.send_signal(SIGINT);

    EXPECT_EQ(tool.wait(), 0);
    ASSERT_TRUE(said);
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) files.push_back(entry.path());
    ASSERT_THAT(files, SizeIs(1));
    const ReportReader report(json::parse(std::ifstream(files[0])));
    EXPECT_THAT(reasons_of(report), HasSubstr("--on-rss 64 MiB"));
    EXPECT_THAT(tool.output().next().value_or(""), HasSubstr("FINAL REPORT"));
}

}  // namespace
}  // namespace whoholds::e2e
