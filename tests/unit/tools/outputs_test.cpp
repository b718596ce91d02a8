#include "whoholds/outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/replace_file.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class OutputsTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = "/tmp/whoholds-outputs-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name + '/';
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string content(const std::string& name) const {
        std::ifstream file(folder_ + name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    [[nodiscard]] size_t files() const {
        return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
    }

    std::string folder_;
};

Outputs opened(const Options& options) {
    auto outputs = Outputs::open(options, {}, false);
    EXPECT_TRUE(outputs) << outputs.error().message;
    return *std::move(outputs);
}

TEST_F(OutputsTest, the_file_gets_the_final_report_and_standard_output_stays_text) {
    Options options;
    options.format = "json";
    options.output = folder_ + "report.json";
    Outputs outputs = opened(options);

    ASSERT_TRUE(outputs.deliver(sample_report("leaking")));
    EXPECT_EQ(files(), 0U);
    ASSERT_TRUE(outputs.deliver(sample_report("final")));

    EXPECT_TRUE(outputs.wants_every_report());
    EXPECT_THAT(outputs.standard_output(sample_report("leaking")), StartsWith("whoholds  payments-api"));
    EXPECT_EQ(content("report.json"), write_json(sample_report("final"), {}));
    EXPECT_EQ(files(), 1U);
}

TEST_F(OutputsTest, formats_that_are_one_file_go_to_standard_output_once) {
    Options options;
    options.format = "folded";
    Outputs outputs = opened(options);

    EXPECT_FALSE(outputs.wants_every_report());
    EXPECT_THAT(outputs.standard_output(sample_report("leaking")), IsEmpty());
    Report last = sample_report("leaking");
    last.final = true;
    EXPECT_THAT(outputs.standard_output(last), StartsWith("payments-api;heap;"));
}

TEST_F(OutputsTest, with_thresholds_and_no_interval_only_their_reports_and_the_last_one_are_printed) {
    Options options;
    options.thresholds.rss_bytes = 1;
    Outputs outputs = opened(options);
    Report at_threshold = sample_report("leaking");
    at_threshold.reasons = {"RSS is 2 GiB (--on-rss 2 GiB)"};

    EXPECT_THAT(outputs.standard_output(sample_report("leaking")), IsEmpty());
    EXPECT_THAT(outputs.standard_output(at_threshold), StartsWith("THRESHOLD   RSS is 2 GiB (--on-rss 2 GiB)"));
    EXPECT_THAT(outputs.standard_output(sample_report("final")), Not(IsEmpty()));
    options.has_interval = true;
    EXPECT_THAT(opened(options).standard_output(sample_report("leaking")), Not(IsEmpty()));
}

TEST_F(OutputsTest, reports_at_a_threshold_go_to_a_file_with_their_time) {
    Options options;
    options.thresholds.rss_bytes = 1;
    options.on_report = folder_ + "oom.json";
    Outputs outputs = opened(options);
    Report at_threshold = sample_report("leaking");
    at_threshold.time = "2026-11-21T03:04:05.123Z";
    at_threshold.reasons = {"RSS is 2 GiB"};

    ASSERT_TRUE(outputs.deliver(sample_report("leaking")));
    EXPECT_EQ(files(), 0U);
    ASSERT_TRUE(outputs.deliver(at_threshold));

    EXPECT_EQ(content("oom-20261121T030405.123Z.json"), write_json(at_threshold, {}));
    EXPECT_EQ(outputs.complaint(false), "RSS is 2 GiB; the report is in " + folder_ + "oom-20261121T030405.123Z.json");
    EXPECT_EQ(outputs.complaint(true), "");
    EXPECT_THAT(outputs.standard_output(at_threshold), IsEmpty());
}

TEST_F(OutputsTest, formats_that_add_up_get_all_stacks_and_the_others_as_many_as_shown) {
    Options options;
    options.format = "folded";
    Report report = sample_report("leaking");
    report.final = true;
    FormatOptions one;
    one.top = 1;

    const std::string folded = Outputs::open(options, one, false)->standard_output(report);
    options.format = "text";
    const std::string text = Outputs::open(options, one, false)->standard_output(report);

    EXPECT_THAT(folded, HasSubstr("CRYPTO_malloc"));
    EXPECT_THAT(text, Not(HasSubstr("CRYPTO_malloc")));
}

TEST_F(OutputsTest, text_keeps_the_places_of_lines_and_json_has_the_exact_order) {
    const auto shown = [](Outputs& outputs, uint64_t first_bytes, uint64_t second_bytes) {
        Report report = sample_report("leaking");
        std::vector<StackReport>& stacks = report.processes[0].stacks;
        stacks.resize(2);
        for (StackReport& stack : stacks) stack.kind = "heap";
        stacks[0].headline = "alpha";
        stacks[1].headline = "omega";
        stacks[0].id = 1;
        stacks[1].id = 2;
        stacks[0].held.bytes = first_bytes;
        stacks[1].held.bytes = second_bytes;
        if (second_bytes > first_bytes) std::swap(stacks[0], stacks[1]);
        const std::string text = outputs.standard_output(report);
        return text.find("alpha") < text.find("omega");
    };
    Options options;
    Outputs text = opened(options);
    options.format = "json";
    Outputs json = opened(options);

    for (Outputs* outputs : {&text, &json}) EXPECT_TRUE(shown(*outputs, 1000, 900));
    EXPECT_TRUE(shown(text, 1000, 1050));
    EXPECT_FALSE(shown(json, 1000, 1050));
    EXPECT_FALSE(shown(text, 1000, 1200));
}

TEST_F(OutputsTest, binary_formats_refuse_a_terminal) {
    Options options;
    options.format = "pprof";

    const auto outputs = Outputs::open(options, {}, true);

    ASSERT_FALSE(outputs);
    EXPECT_THAT(outputs.error().message,
                HasSubstr("is binary, and standard output is a terminal: give a file with -o"));
    EXPECT_TRUE(Outputs::open(options, {}, false));
}

TEST_F(OutputsTest, a_file_that_cannot_be_written_is_refused_at_once) {
    Options options;
    options.format = "json";
    for (const std::string& name : {folder_ + "missing/report.json", folder_}) {
        options.output = name;
        EXPECT_FALSE(Outputs::open(options, {}, false)) << name;
    }
}

TEST_F(OutputsTest, a_file_is_replaced_as_a_whole) {
    ASSERT_TRUE(replace_file(folder_ + "a", "first, and longer"));
    std::ifstream reader(folder_ + "a");
    ASSERT_TRUE(replace_file(folder_ + "a", "second"));

    const std::string seen{std::istreambuf_iterator<char>(reader), std::istreambuf_iterator<char>()};
    EXPECT_EQ(seen, "first, and longer");
    EXPECT_EQ(content("a"), "second");
    EXPECT_EQ(files(), 1U);
    struct stat info {};
    ASSERT_EQ(stat((folder_ + "a").c_str(), &info), 0);
    const mode_t mask = umask(0);
    umask(mask);
    EXPECT_EQ(info.st_mode & 0777U, 0666U & ~mask);
}

TEST_F(OutputsTest, devices_are_written_to_and_stay) {
    ASSERT_TRUE(replace_file("/dev/null", "text"));
    EXPECT_TRUE(check_replaceable("/dev/null"));
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace whoholds
