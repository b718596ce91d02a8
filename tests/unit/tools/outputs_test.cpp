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
    const Outputs outputs = opened(options);

    EXPECT_FALSE(outputs.wants_every_report());
    EXPECT_THAT(outputs.standard_output(sample_report("leaking")), IsEmpty());
    Report last = sample_report("leaking");
    last.final = true;
    EXPECT_THAT(outputs.standard_output(last), StartsWith("payments-api;heap;"));
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
