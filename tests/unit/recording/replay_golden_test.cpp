// Recordings of real programs, kept in tests/golden/recordings: what is said of them must stay what it is, and files of older
// versions must stay readable. scripts/make-recordings makes them.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "recording/recording_reader.h"
#include "recording/replay.h"
#include "report/cut_report.h"
#include "report/formats.h"
#include "unit/places.h"
#include "unit/report/golden.h"

namespace whoholds {
namespace {

constexpr size_t kStacksShown = 3;

std::vector<std::string> recordings() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(test_source_dir() + "/golden/recordings"))
        if (entry.path().extension() == ".rec") names.push_back(entry.path().stem().string());
    std::ranges::sort(names);
    return names;
}

std::string text_of(Report report, bool brief) {
    FormatOptions options;
    options.top = kStacksShown;
    options.brief = brief;
    cut_report(report, kStacksShown);
    return write_text(report, options);
}

// The last report as it is printed, and the summary that a reader saw after half of the time.
class ReplayGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(ReplayGolden, says_what_it_said) {
    auto reader = RecordingReader::open(test_source_dir() + "/golden/recordings/" + GetParam() + ".rec");
    ASSERT_TRUE(reader) << reader.error().message;
    constexpr double kHalfS = 30;
    Replay replay;
    std::string half;
    std::optional<Report> last;
    for (;;) {
        auto report = reader->next();
        ASSERT_TRUE(report) << report.error().message;
        if (!*report) break;
        replay.look(**report);
        if (half.empty() && (*report)->attached_s >= kHalfS) half = text_of(**report, true);
        last = std::move(**report);
    }
    EXPECT_FALSE(reader->is_cut());
    ASSERT_TRUE(last);
    expect_golden("recordings/" + GetParam() + ".text", half + "\n" + text_of(*last, false));
}

INSTANTIATE_TEST_SUITE_P(Recordings, ReplayGolden, ::testing::ValuesIn(recordings()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace whoholds
