#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "analyze/suppressions.h"
#include "recording/block_writer.h"
#include "recording/file_format.h"
#include "recording/recorder.h"
#include "recording/recording_reader.h"
#include "recording/replay.h"
#include "report/formats.h"
#include "unit/base/temp_folder.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

// As JSON says it, which has every field that people see. Findings are not recorded.
std::string words_of(Report report) {
    for (ProcessReport& process : report.processes) {
        process.findings.clear();
        process.memory_forecast.reset();
        process.why_no_verdict.clear();
        process.series.clear();
    }
    return write_json(report, {});
}

struct Folder : TempFolder {
    [[nodiscard]] std::string file() const { return path("a.whoholds"); }
    [[nodiscard]] std::string bytes() const {
        std::ifstream input(file(), std::ios::binary);
        return {std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    }
    void put(const std::string& bytes) const { std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes; }
};

std::vector<Report> all_of(const std::string& path, bool* is_cut = nullptr) {
    std::vector<Report> reports;
    auto reader = RecordingReader::open(path);
    if (!reader) return reports;
    for (;;) {
        auto report = reader->next();
        if (!report || !*report) break;
        reports.push_back(*std::move(*report));
    }
    if (is_cut != nullptr) *is_cut = reader->is_cut();
    return reports;
}

void estimate(ProcessReport& process) {
    for (StackReport& stack : process.stacks) stack.samples = 17;
    if (process.go)
        process.go->sizes.push_back({.element_bytes = 48,
                                     .has_pointers = true,
                                     .spans = 2,
                                     .span_bytes = 16384,
                                     .held = {100, 4800},
                                     .since = {5, 240}});
}

// What a recording is given, see put_back_suppressed().
std::vector<SampleReport> whole_reports() {
    std::vector<SampleReport> samples = sample_reports();
    for (SampleReport& sample : samples) {
        put_back_suppressed(sample.report);
        for (ProcessReport& process : sample.report.processes) estimate(process);
    }
    return samples;
}

TEST(Recording, gives_back_every_report_as_it_was) {
    const Folder folder;
    {
        auto recorder = Recorder::create(folder.file(), false);
        ASSERT_TRUE(recorder) << recorder.error().message;
        for (const SampleReport& sample : whole_reports()) ASSERT_TRUE(recorder->append(sample.report));
    }

    const std::vector<Report> reports = all_of(folder.file());

    const std::vector<SampleReport> samples = whole_reports();
    ASSERT_EQ(reports.size(), samples.size());
    for (size_t i = 0; i < samples.size(); i++)
        EXPECT_TRUE(words_of(reports[i]) == words_of(samples[i].report)) << samples[i].name;
}

TEST(Recording, is_for_its_owner_and_replaces_nothing_unasked) {
    const Folder folder;
    ASSERT_TRUE(Recorder::create(folder.file(), false));
    struct stat info {};
    ASSERT_EQ(stat(folder.file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);

    EXPECT_FALSE(Recorder::create(folder.file(), false));
    EXPECT_TRUE(Recorder::create(folder.file(), true));
}

TEST(Recording, that_was_cut_off_is_read_up_to_the_cut) {
    const Folder folder;
    std::vector<uint64_t> ends;
    {
        auto recorder = Recorder::create(folder.file(), false);
        ASSERT_TRUE(recorder);
        for (const SampleReport& sample : sample_reports()) {
            ASSERT_TRUE(recorder->append(sample.report));
            ends.push_back(recorder->bytes_written());
        }
    }
    const std::string bytes = folder.bytes();

    for (size_t size = 16; size < bytes.size(); size += 97) {
        folder.put(bytes.substr(0, size));
        size_t whole = 0;
        while (whole < ends.size() && ends[whole] <= size) whole++;
        EXPECT_GE(all_of(folder.file()).size(), whole) << "cut after " << size;
    }
}

TEST(Recording, says_what_is_no_recording) {
    const Folder folder;
    folder.put("#!/bin/sh\necho this is something else\n");
    const auto other = RecordingReader::open(folder.file());
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().message, HasSubstr("is not a recording"));

    std::string newer = "whoholds.rec";
    newer += std::string("\x63\0\0\0", 4);
    folder.put(newer);
    const auto of_tomorrow = RecordingReader::open(folder.file());
    ASSERT_FALSE(of_tomorrow);
    EXPECT_THAT(of_tomorrow.error().message, HasSubstr("format 99"));
}

TEST(Recording, damage_is_an_error_and_nothing_worse) {
    const Folder folder;
    {
        auto recorder = Recorder::create(folder.file(), false);
        ASSERT_TRUE(recorder);
        ASSERT_TRUE(recorder->append(sample_report("leaking")));
        ASSERT_TRUE(recorder->append(sample_report("resources")));
    }
    const std::string bytes = folder.bytes();

    for (size_t at = 16; at < bytes.size(); at += 7) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
        folder.put(damaged);
        for (const Report& report : all_of(folder.file())) EXPECT_LE(report.processes.size(), 16U);
    }
}

TEST(Recording, of_reports_that_change_little_is_small) {
    const Folder folder;
    Report report = sample_report("leaking");
    auto recorder = Recorder::create(folder.file(), false);
    ASSERT_TRUE(recorder);
    ASSERT_TRUE(recorder->append(report));
    const uint64_t first = recorder->bytes_written();

    constexpr uint64_t kMore = 720;  // an hour
    for (uint64_t i = 1; i <= kMore; i++) {
        report.seq += 1;
        report.attached_s += 5;
        for (StackReport& stack : report.processes[0].stacks) stack.acquired.count += 12 * i;
        ASSERT_TRUE(recorder->append(report));
    }

    EXPECT_LT((recorder->bytes_written() - first) / kMore, 400U);
}

TEST(Recording, forgets_what_no_report_names_any_more) {
    const Folder folder;
    Report report = sample_report("leaking");
    const std::string name = report.processes[0].stacks[0].headline;
    constexpr size_t kReports = 100;
    {
        auto recorder = Recorder::create(folder.file(), false);
        ASSERT_TRUE(recorder);
        for (size_t i = 0; i < kReports; i++) {
            report.seq = i;
            report.coverage.notes = {std::string(1 << 20, static_cast<char>('a' + i % 20)) + std::to_string(i)};
            ASSERT_TRUE(recorder->append(report));
        }
    }

    const std::vector<Report> reports = all_of(folder.file());

    ASSERT_EQ(reports.size(), kReports);
    for (size_t i = 0; i < kReports; i++) {
        EXPECT_EQ(reports[i].seq, i);
        EXPECT_TRUE(reports[i].coverage.notes[0].ends_with(std::to_string(i)));
        EXPECT_EQ(reports[i].processes[0].stacks[0].headline, name);
    }
}

TEST(Recording, tables_are_written_anew_when_they_were_forgotten) {
    recording::BlockWriter writer;
    Report report = sample_report("leaking");
    const size_t first = writer.pack(report).size();
    const size_t known = writer.pack(report).size();
    ASSERT_LT(known, first);

    report.coverage.notes = {std::string(recording::kForgetTablesBytes, '.')};
    writer.pack(report);
    report = sample_report("leaking");

    EXPECT_EQ(writer.pack(report).size(), first) << "what was known before is not known any more";
}

TEST(Recording, replay_judges_as_the_session_did) {
    const Folder folder;
    Report report = sample_report("leaking");
    ProcessReport& process = report.processes[0];
    process.attached_s = 0;
    {
        auto recorder = Recorder::create(folder.file(), false);
        ASSERT_TRUE(recorder);
        for (int look = 1; look <= 13; look++) {
            report.attached_s = 5.0 * look;
            for (StackReport& stack : process.stacks) stack.held_by_slice.clear();
            process.stacks[0].held = {static_cast<uint64_t>(100 * look), static_cast<uint64_t>(100 * look) << 10};
            ASSERT_TRUE(recorder->append(report));
        }
    }

    Replay replay;
    std::vector<Report> reports = all_of(folder.file());
    for (Report& one : reports) replay.look(one);

    ASSERT_EQ(reports.size(), 13U);
    EXPECT_NE(reports.front().processes[0].why_no_verdict, "");
    ASSERT_EQ(reports.back().processes[0].findings.size(), 1U);
    EXPECT_EQ(reports.back().processes[0].findings[0].verdict, "growing");
    EXPECT_EQ(reports.back().processes[0].findings[0].headline, process.stacks[0].headline);
}

}  // namespace
}  // namespace whoholds
