// What the real `go tool pprof` reads out of our profiles.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "report/formats.h"
#include "unit/report/command_output.h"
#include "unit/report/pprof_text.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string go_program() {
    for (const char* path : {"/usr/local/go/bin/go", "/usr/bin/go", "/usr/lib/go-1.19/bin/go"}) {
        if (access(path, X_OK) == 0) return path;
    }
    return {};
}

class PprofTool : public ::testing::Test {
protected:
    void SetUp() override {
        go_ = go_program();
        if (go_.empty()) GTEST_SKIP() << "no go, whose pprof would read the profile";
        std::string name = "/tmp/whoholds-pprof-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }

    std::string write(const std::string& name, const Report& report) const {
        std::ofstream(folder_ + '/' + name, std::ios::binary) << write_pprof(report, {});
        return folder_ + '/' + name;
    }
    // It keeps files and a cache below its home.
    [[nodiscard]] std::string pprof(const std::string& arguments) const {
        return output_of(fmt::format("PPROF_TMPDIR={} {} tool pprof {}", folder_, go_, arguments));
    }

    std::string go_;
    std::string folder_;
};

// Where the modules are in another run.
Report moved(Report report) {
    for (StackReport& stack : report.processes[0].stacks) {
        for (Frame& frame : stack.frames) frame.address += 0x123000;
    }
    return report;
}

TEST_F(PprofTool, top_shows_held_bytes_by_function) {
    const std::string text = pprof("-top -cum " + write("a.pb.gz", sample_report("leaking")));

    EXPECT_THAT(text, HasSubstr("Type: inuse_space\n"));
    EXPECT_THAT(text, HasSubstr("shop::Session::open"));
    EXPECT_THAT(text, HasSubstr("std::vector::vector (inline)"));
    EXPECT_THAT(text, Not(HasSubstr("ended with")));
}

TEST_F(PprofTool, every_kind_has_four_values) {
    const std::string file = write("a.pb.gz", sample_report("resources"));

    EXPECT_THAT(pprof("-top -sample_index=socket_inuse_objects " + file), HasSubstr("shop::Server::accept_loop"));
    EXPECT_THAT(pprof("-top -sample_index=alloc_space " + file), HasSubstr("shop::WriteBuffer::WriteBuffer"));
    EXPECT_THAT(pprof("-tags -sample_index=socket_inuse_objects " + file), HasSubstr("socket"));
}

TEST_F(PprofTool, raw_shows_modules_with_their_build_ids) {
    const std::string text = pprof("-raw " + write("a.pb.gz", sample_report("leaking")));

    EXPECT_THAT(text, HasSubstr("1: 0x0/0x800000000000/0x0 /opt/shop/bin/payments-api "));
    EXPECT_THAT(text, HasSubstr("8d3f0c9ab1e2d4f60718293a4b5c6d7e8f901234 [FN]"));
}

TEST_F(PprofTool, base_takes_away_what_another_run_had_at_other_addresses) {
    const std::string base = write("base.pb.gz", sample_report("leaking"));
    Report later = moved(sample_report("leaking"));
    later.processes[0].stacks[0].held.bytes += 1 << 20;
    later.processes[0].kinds[0].held.bytes += 1 << 20;
    const std::string file = write("later.pb.gz", later);

    const std::string text = pprof(fmt::format("-addresses -top -base {} {}", base, file));

    EXPECT_THAT(text, HasSubstr("Total samples = 1MB"));
    EXPECT_THAT(text, Not(HasSubstr(" -"))) << "or a place of one run is not that of the other";
}

TEST_F(PprofTool, hostile_huge_and_empty_reports_can_be_read) {
    for (const SampleReport& sample : sample_reports()) {
        if (sample.report.processes.empty()) continue;  // nothing to show, which pprof calls an error
        const std::string text = pprof("-raw " + write(sample.name + ".pb.gz", sample.report));
        EXPECT_THAT(text, Not(HasSubstr("ended with"))) << sample.name;
    }
}

TEST(Pprof, inlined_frames_are_lines_of_one_location) {
    EXPECT_THAT(pprof_text(write_pprof(sample_report("leaking"), {})),
                HasSubstr("std::vector<char>::vector /usr/include/c++/12/bits/stl_vector.h:378 <- "
                          "shop::WriteBuffer::WriteBuffer src/net/write_buffer.cpp:31\n"));
}

TEST(Pprof, what_the_listed_stacks_do_not_cover_is_a_sample_of_its_own) {
    Report report = sample_report("leaking");
    report.processes[0].stacks.clear();
    EXPECT_THAT(pprof_text(write_pprof(report, {})), HasSubstr("[other stacks]"));

    report.selection = "blocks held for 2 min or longer";
    EXPECT_THAT(pprof_text(write_pprof(report, {})), Not(HasSubstr("[other stacks]")));
    EXPECT_THAT(pprof_text(write_pprof(report, {})), HasSubstr("comment inuse values: blocks held for 2 min"));
}

TEST(Pprof, values_beyond_its_range_are_the_largest_it_has) {
    const std::string text = pprof_text(write_pprof(sample_report("huge"), {}));
    EXPECT_THAT(text, Not(StartsWith("broken")));
    EXPECT_THAT(text, HasSubstr("sample 9223372036854775807 9223372036854775807 "));
}

}  // namespace
}  // namespace whoholds
