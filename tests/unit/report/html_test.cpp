// HTML reports, also as the real Chromium draws them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "report/formats.h"
#include "unit/report/command_output.h"
#include "unit/report/html_data.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t count_of(const std::string& text, std::string_view part) {
    size_t count = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
    return count;
}

Report hostile_html() {
    Report report = sample_report("leaking");
    ProcessReport& process = report.processes[0];
    const std::string evil = "</script><script>document.title='owned'</script><!--\"'&lt;\xe2\x80\xa8";
    process.command = process.exe = process.stacks[0].headline = evil;
    for (Frame& frame : process.stacks[0].frames) frame.function = frame.file = frame.module = evil;
    report.coverage.notes = {evil, "WHOHOLDS_SCRIPT WHOHOLDS_DATA"};
    return report;
}

Report many_stacks(size_t count) {
    Report report = sample_report("findings");
    ProcessReport& process = report.processes[0];
    StackReport stack = process.stacks[0];
    process.stacks.clear();
    for (size_t i = 0; i < count; ++i) {
        for (size_t depth = 0; depth < stack.frames.size(); ++depth)
            stack.frames[depth].function = fmt::format("f{}_{}", depth, (i * 7 + depth) % (1 + i / (depth + 1)));
        stack.held.bytes = 100 + i * 37 % 100'000;
        process.stacks.push_back(stack);
    }
    return report;
}

class Chromium : public ::testing::Test {
protected:
    void SetUp() override {
        if (access("/usr/bin/chromium", X_OK) != 0) GTEST_SKIP() << "no chromium";
        std::string name = "/tmp/whoholds-html-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        if (!page_of(Report{}).ends_with("</html>\n")) GTEST_SKIP() << "chromium does not run here";
    }
    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }
    // What became of the page when its script had run.
    [[nodiscard]] std::string page_of(const Report& report, const std::string& what_the_user_does = "") const {
        const std::string file = folder_ + "/report.html";
        std::string page = write_html(report, {});
        if (!what_the_user_does.empty())
            page.insert(page.rfind("</body>"), "<script>{" + what_the_user_does + "}</script>");
        std::ofstream(file) << page;
        return output_of(fmt::format(
            "(timeout 100 /usr/bin/chromium --headless --no-sandbox --disable-gpu --user-data-dir={0}/profile "
            "--dump-dom file://{1} 2>{0}/errors)",
            folder_, file));
    }

    std::string folder_;
};

TEST_F(Chromium, draws_findings_totals_stacks_and_growth) {
    const std::string page = page_of(sample_report("findings"));

    EXPECT_THAT(page, HasSubstr("data-drawn=\"yes\""));
    EXPECT_THAT(page, HasSubstr("<span class=\"verdict\">LEAK</span><span class=\"headline\">Api::create_user</span>"));
    EXPECT_THAT(page, HasSubstr("memory.max: reached in 29 min (24 min to 37 min)"));
    EXPECT_THAT(page, HasSubstr("<td class=\"left\">native heap</td><td>18.3 MiB</td><td>9,120</td>"));
    EXPECT_THAT(page, HasSubstr("shop::WriteBuffer::WriteBuffer"));
    EXPECT_THAT(page, HasSubstr("<path d=\"M0.0 "));
    EXPECT_THAT(page, HasSubstr("1,204,553 events seen"));
}

TEST_F(Chromium, the_graph_can_be_searched_zoomed_and_turned_around) {
    const std::string choose_count =
        "const by = document.getElementById('unit'); by.value = 'count'; by.dispatchEvent(new Event('change'));";
    const std::string search =
        "const box = document.getElementById('search'); box.value = 'WRITEBUFFER'; box.dispatchEvent(new "
        "Event('input'));";
    const std::string click_second_row =
        "const canvas = document.getElementById('canvas'), place = canvas.getBoundingClientRect();"
        "canvas.dispatchEvent(new MouseEvent('click', {clientX: place.left + 5, clientY: place.top + 25}));";
    const std::string invert = "document.getElementById('inverted').click();";
    const Report report = sample_report("findings");

    EXPECT_THAT(page_of(report, search), HasSubstr("54.2 MiB in 3 stacks · found: 54.1 MiB (99.9 %)"));
    EXPECT_THAT(page_of(report, choose_count), HasSubstr("9,120 in number in 4 stacks"));
    EXPECT_THAT(page_of(report, click_second_row), HasSubstr("zoomed to payments-api+0x18e1: 54.1 MiB"));
    EXPECT_THAT(page_of(report, invert + click_second_row),
                HasSubstr("zoomed to std::vector&lt;char&gt;::vector: 54.1 MiB"));
}

TEST_F(Chromium, hostile_names_are_text) {
    const std::string page = page_of(hostile_html());

    EXPECT_THAT(page, HasSubstr("data-drawn=\"yes\""));
    EXPECT_THAT(page, Not(HasSubstr("<title>owned")));
    EXPECT_EQ(count_of(page, "<script"), 2U);
}

TEST_F(Chromium, ten_thousand_stacks_are_drawn) {
    const std::string page = page_of(many_stacks(10'000));

    EXPECT_THAT(page, HasSubstr("data-drawn=\"yes\""));
    EXPECT_THAT(page, HasSubstr(" in 10,000 stacks"));
}

TEST(HtmlReport, is_one_file_that_asks_for_nothing) {
    const std::string page = write_html(sample_report("findings"), {});

    for (const char* word : {"http://", "https://", " src=", " href=", "@import", "url("}) {
        if (std::string_view(word) == "http://") continue;  // the name of SVG's namespace
        EXPECT_THAT(page, Not(HasSubstr(word)));
    }
    EXPECT_EQ(count_of(page, "http://"), count_of(page, "http://www.w3.org/2000/svg"));
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(HtmlReport, no_name_ends_the_script_that_it_is_in) {
    const std::string page = write_html(hostile_html(), {});

    EXPECT_EQ(count_of(page, "<script"), 2U);
    EXPECT_EQ(count_of(page, "</script>"), 2U);
    EXPECT_EQ(count_of(page, "<!--"), 0U);
    EXPECT_EQ(count_of(page, "'use strict'"), 1U);
    const auto data = html_data(page);
    EXPECT_THAT(data["processes"][0]["command"].get<std::string>(), HasSubstr("</script><script>"));
}

}  // namespace
}  // namespace whoholds
