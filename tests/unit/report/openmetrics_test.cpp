#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "report/formats.h"
#include "unit/report/command_output.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Promtool : public ::testing::Test {
protected:
    void SetUp() override {
        if (access("/usr/bin/promtool", X_OK) != 0) GTEST_SKIP() << "no promtool (package prometheus)";
        std::string name = "/tmp/whoholds-metrics-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }
    std::string folder_;
};

TEST_F(Promtool, accepts_the_prometheus_text_of_every_sample) {
    for (const SampleReport& sample : sample_reports()) {
        std::ofstream(folder_ + "/metrics") << write_prometheus(sample.report, {});
        EXPECT_THAT(output_of("/usr/bin/promtool check metrics <" + folder_ + "/metrics"), IsEmpty()) << sample.name;
    }
}

// Its reader of OpenMetrics is the one that imports samples, which want a time.
TEST_F(Promtool, accepts_the_openmetrics_of_every_sample) {
    for (const SampleReport& sample : sample_reports()) {
        std::istringstream lines(write_openmetrics(sample.report, {}));
        std::ofstream file(folder_ + "/metrics");
        for (std::string line; std::getline(lines, line);)
            file << line << (line.starts_with('#') ? "\n" : " 1795230245\n");
        file.close();
        const std::string text = output_of(fmt::format(
            "/usr/bin/promtool tsdb create-blocks-from openmetrics {0}/metrics {0}/{1}", folder_, sample.name));
        EXPECT_THAT(text, Not(HasSubstr("ended with"))) << sample.name << text;
    }
}

std::vector<std::string> series_of(const Report& report, const FormatOptions& options = {}) {
    std::vector<std::string> series;
    std::istringstream lines(write_openmetrics(report, options));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with('#')) series.push_back(line.substr(0, line.rfind(' ')));
    }
    return series;
}

TEST(OpenMetrics, no_series_is_there_twice) {
    for (const SampleReport& sample : sample_reports()) {
        const std::vector<std::string> series = series_of(sample.report);
        EXPECT_EQ(std::set<std::string>(series.begin(), series.end()).size(), series.size()) << sample.name;
    }
}

TEST(OpenMetrics, the_number_of_series_does_not_grow_with_what_is_held) {
    Report report = sample_report("leaking");
    const ProcessReport process = report.processes[0];
    for (int i = 0; i < 1000; ++i) {
        report.processes[0].stacks.push_back(process.stacks[0]);
        report.processes[0].stacks.back().headline = fmt::format("f{}", i);
    }
    for (int i = 0; i < 100; ++i) {
        report.processes.push_back(process);
        report.processes.back().pid = 10'000 + i;
    }

    EXPECT_LT(series_of(report).size(), 600U);
    FormatOptions one;
    one.top = one.top_processes = 1;
    EXPECT_LT(series_of(report, one).size(), 60U);
}

TEST(OpenMetrics, headlines_add_up_to_what_is_held) {
    const std::string text = write_openmetrics(sample_report("leaking"), {});
    EXPECT_THAT(text, HasSubstr("whoholds_headline_held_bytes{pid=\"4711\",command=\"payments-api\",kind=\"heap\","
                                "headline=\"shop::WriteBuffer::WriteBuffer\"} 56727962\n"));
    EXPECT_THAT(text, HasSubstr("headline=\"(other)\"} 7459\n"));
    EXPECT_THAT(text, EndsWith("# EOF\n"));
}

TEST(OpenMetrics, tells_findings_and_when_a_limit_is_reached) {
    const std::string text = write_openmetrics(sample_report("findings"), {});
    EXPECT_THAT(text,
                HasSubstr("whoholds_finding{pid=\"4711\",command=\"payments-api\",verdict=\"leak\",rule=\"growth\","
                          "headline=\"Api::create_user\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("limit=\"RLIMIT_NOFILE\",headline=\"Api::create_user\",bound=\"high\"} +Inf\n"));
    EXPECT_THAT(text, HasSubstr("limit=\"memory.max\",headline=\"\",bound=\"expected\"} 1740\n"));
}

}  // namespace
}  // namespace whoholds
