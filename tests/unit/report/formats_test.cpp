#include "report/formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "report/text_layout.h"
#include "unit/places.h"
#include "unit/report/golden.h"
#include "unit/report/html_data.h"
#include "unit/report/pprof_text.h"
#include "unit/report/sample_reports.h"
#include "unit/report/schema_check.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// One line of JSON is no golden file that anyone can review, nor is a compressed one.
std::string normalised(std::string_view format, const std::string& text) {
    if (format == "pprof") return pprof_text(text);
    if (format == "html") return html_data(text).dump(1) + '\n';  // the page around it is the same each time
    return format == "json" ? nlohmann::ordered_json::parse(text).dump(1) + '\n' : text;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

nlohmann::json json_of(const std::string& sample) {
    return nlohmann::json::parse(write_json(sample_report(sample), {}));
}

TEST(Formats, every_format_of_every_sample_has_a_golden_file) {
    for (const SampleReport& sample : sample_reports()) {
        for (const Format& format : formats()) {
            const std::string text = normalised(format.name, format.write(sample.report, {}));
            expect_golden("report/" + sample.name + '.' + std::string(format.name), text);
        }
    }
}

TEST(Formats, are_found_by_name) {
    EXPECT_NE(find_format("text"), nullptr);
    EXPECT_NE(find_format("json"), nullptr);
    EXPECT_EQ(find_format("xml"), nullptr);
}

TEST(Formats, are_found_by_the_ending_of_a_file) {
    for (const Format& format : formats()) EXPECT_EQ(format_of_file("a/b" + std::string(format.ending)), &format);
    EXPECT_EQ(format_of_file("report"), nullptr);
}

TEST(Formats, no_control_character_of_the_target_gets_through) {
    for (const Format& format : formats()) {
        for (const char c : normalised(format.name, format.write(sample_report("hostile"), {}))) {
            EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << format.name;
        }
    }
}

TEST(TextReport, no_line_is_wider_than_asked) {
    for (const SampleReport& sample : sample_reports()) {
        for (const unsigned width : {1U, 7U, 40U, 80U, 100U, 160U}) {
            FormatOptions options;
            options.width = width;
            for (const std::string& line : lines_of(write_text(sample.report, options))) {
                EXPECT_LE(display_width(line), width) << sample.name << ": " << line;
            }
        }
    }
}

TEST(TextReport, has_no_trailing_spaces) {
    for (const SampleReport& sample : sample_reports()) {
        for (const std::string& line : lines_of(write_text(sample.report, {})))
            EXPECT_FALSE(line.ends_with(' ')) << line;
    }
}

TEST(TextReport, columns_end_where_their_header_ends) {
    for (const char* sample : {"leaking", "final", "losses"}) {
        const std::vector<std::string> lines = lines_of(write_text(sample_report(sample), {}));
        size_t header = 0;
        while (header < lines.size() && !lines[header].starts_with("HELD ")) ++header;
        ASSERT_LT(header + 2, lines.size());
        for (const char* title : {"bytes", "count", "oldest", "per minute", "allocated in total"}) {
            const size_t end = lines[header].find(title) + std::string_view(title).size();
            for (size_t row = header + 1; row <= header + 2; ++row) {
                ASSERT_GT(lines[row].size(), end);
                EXPECT_NE(lines[row][end - 1], ' ') << title << ": " << lines[row];
                EXPECT_EQ(lines[row][end], ' ') << title << ": " << lines[row];
            }
        }
    }
}

TEST(Formats, periodic_reports_are_summaries_and_the_final_one_is_whole) {
    FormatOptions options;
    options.brief = true;
    expect_golden("report/findings.brief.text", write_text(sample_report("findings"), options));
    expect_golden("report/losses.brief.text", write_text(sample_report("losses"), options));
    EXPECT_EQ(write_text(sample_report("final"), options), write_text(sample_report("final"), {}));
}

TEST(TextReport, warnings_come_first) {
    EXPECT_THAT(write_text(sample_report("unattached"), {}), ::testing::StartsWith("!!  NO PROBE ATTACHED"));
    EXPECT_THAT(write_text(sample_report("final"), {}),
                ::testing::StartsWith("FINAL REPORT  after 60 s: the process exited\n"));
}

TEST(TextReport, colour_only_when_asked_and_only_for_verdicts) {
    FormatOptions color;
    color.color = true;

    EXPECT_THAT(write_text(sample_report("losses"), {}), Not(HasSubstr("\x1b")));
    EXPECT_THAT(write_text(sample_report("losses"), color), HasSubstr("\x1b[1;31m!!  NOTHING SEEN"));
    EXPECT_THAT(write_text(sample_report("losses"), color), HasSubstr("\x1b[33m  LOST"));
    EXPECT_EQ(write_text(sample_report("final"), color), write_text(sample_report("final"), {}));
}

TEST(TextReport, shows_as_many_stacks_a_kind_as_asked) {
    FormatOptions options;
    options.top = 1;
    const std::string text = write_text(sample_report("leaking"), options);

    EXPECT_THAT(text, HasSubstr("BY STACK  native heap · most bytes held now first · top 1 of 212"));
    EXPECT_THAT(text, HasSubstr("BY STACK  mappings"));
    EXPECT_THAT(text, Not(HasSubstr("CRYPTO_malloc")));
}

TEST(TextReport, coverage_and_modules_can_be_left_out) {
    FormatOptions options;
    options.show_coverage = options.show_modules = false;
    const std::string text = write_text(sample_report("leaking"), options);

    EXPECT_THAT(text, Not(HasSubstr("COVERAGE")));
    EXPECT_THAT(text, Not(HasSubstr("libcrypto")));
}

TEST(TextReport, shortens_recursion_and_very_deep_stacks) {
    Report report = sample_report("leaking");
    std::vector<Frame>& frames = report.processes[0].stacks[0].frames;
    Frame frame = frames.back();
    for (int i = 0; i < 40; ++i) {
        frame.function = "visit_" + std::to_string(i);
        frames.push_back(frame);
    }
    frame.function = "recurse";
    frames.insert(frames.end(), 100, frame);
    const std::string text = write_text(report, {});

    EXPECT_THAT(text, HasSubstr("visit_16"));
    EXPECT_THAT(text, Not(HasSubstr("visit_17")));
    EXPECT_THAT(text, HasSubstr("… 18 more frames …"));
    EXPECT_THAT(text, HasSubstr("visit_35"));
    EXPECT_THAT(text, HasSubstr("(100 times)"));
}

TEST(TextReport, T40_nothing_attached_is_not_called_nothing_held) {
    const std::string text = write_text(sample_report("unattached"), {});

    EXPECT_THAT(text, HasSubstr("HELD NOW  not known: no probe is attached"));
    EXPECT_THAT(text, Not(HasSubstr("0 B")));
}

TEST(TextReport, says_when_the_numbers_of_a_row_do_not_add_up) {
    Report report = sample_report("leaking");
    report.processes[0].kinds[0].held.count += 1;

    EXPECT_THAT(write_text(report, {}), HasSubstr("do not add up"));
    EXPECT_THAT(write_text(sample_report("leaking"), {}), Not(HasSubstr("do not add up")));
    EXPECT_THAT(write_text(sample_report("losses"), {}), Not(HasSubstr("do not add up")));
}

TEST(TextReport, kinds_without_bytes_are_counted) {
    const std::string text = write_text(sample_report("resources"), {});

    EXPECT_THAT(text, HasSubstr("sockets                         431     59 s          +12                   502\n"));
    EXPECT_THAT(text, HasSubstr("there before attach: descriptors 8, sockets 19, threads 3\n"));
    EXPECT_THAT(text, HasSubstr("BY STACK  sockets · most held now first"));
    EXPECT_THAT(text, HasSubstr("      now:  409 × TCP to 10.0.0.5:443: 406 ESTABLISHED, 3 CLOSE_WAIT\n"));
    EXPECT_THAT(text, HasSubstr("      the oldest 20 now:  19 × thread sleeping in futex_wait_queue"));
    EXPECT_THAT(text, Not(HasSubstr("do not add up")));
}

TEST(TextReport, every_kind_that_holds_anything_has_a_section) {
    const Report report = sample_report("resources");
    const std::string text = write_text(report, {});

    for (const KindReport& kind : report.processes[0].kinds) {
        if (kind.kind == "mapping") continue;  // its stack is not in the sample
        EXPECT_THAT(text, HasSubstr("BY STACK  " + kind.title)) << kind.kind;
    }
}

TEST(TextReport, connections_say_state_age_and_what_waits) {
    const std::string text = write_text(sample_report("resources"), {});

    EXPECT_THAT(text, HasSubstr("+12     59 s   406 ESTABLISHED · 3 CLOSE_WAIT\n"));
    EXPECT_THAT(text, HasSubstr("> 60 s   3 of 511 wait to be accepted\n"));
    EXPECT_THAT(text, HasSubstr("unix stream to …"));
    EXPECT_THAT(text, HasSubstr("  and 5 more endpoints\n"));
    EXPECT_THAT(text, HasSubstr("connection refused     231   shop::Client::connect\n"));
}

TEST(TextReport, shows_as_many_connections_as_asked) {
    FormatOptions options;
    options.top = 1;
    const std::string text = write_text(sample_report("resources"), options);

    EXPECT_THAT(text, HasSubstr("  and 8 more endpoints\n"));
    EXPECT_THAT(text, HasSubstr("connection refused"));
    EXPECT_THAT(text, HasSubstr("  and 1 more\n"));
}

TEST(JsonReport, items_are_named_by_what_they_are) {
    const nlohmann::json process = json_of("resources")["processes"][0];
    const auto first_item = [&](const std::string& kind) -> nlohmann::json {
        for (const auto& stack : process["stacks"]) {
            if (stack["kind"] == kind) return stack["items"].at(0);
        }
        return {};
    };

    EXPECT_EQ(first_item("socket")["fd"], 7);
    EXPECT_EQ(first_item("socket")["state"], "CLOSE_WAIT");
    EXPECT_TRUE(first_item("socket")["waiting"].is_null());
    EXPECT_EQ(first_item("fd")["deleted"], true);
    EXPECT_EQ(first_item("thread")["tid"], 4'720);
    EXPECT_EQ(first_item("joinable")["handle"], "0x7f3412345640");
    EXPECT_EQ(first_item("pair:SSL")["handle"], "0x55d0c0de2000");
    EXPECT_EQ(process["connections"][0]["states"]["CLOSE_WAIT"], 3);
    EXPECT_TRUE(process["connections"][1]["oldest_s"].is_null());
    EXPECT_TRUE(process["connect_failures"][1]["stack_id"].is_null());
    EXPECT_EQ(process["kinds"]["socket"]["before_attach"]["count"], 19);
}

TEST(JsonReport, is_one_line) {
    for (const SampleReport& sample : sample_reports()) {
        const std::string text = write_json(sample.report, {});
        EXPECT_EQ(text.find('\n'), text.size() - 1) << sample.name;
    }
}

TEST(JsonReport, keeps_to_its_schema_and_the_schema_to_it) {
    std::ifstream file(test_source_dir() + "/../userspace/report/whoholds-1.schema.json");
    const nlohmann::json schema = nlohmann::json::parse(file);

    for (const SampleReport& sample : sample_reports()) {
        EXPECT_THAT(check_schema(schema, json_of(sample.name), true), IsEmpty()) << sample.name;
    }
}

TEST(JsonReport, schema_refuses_what_is_not_a_report) {
    std::ifstream file(test_source_dir() + "/../userspace/report/whoholds-1.schema.json");
    const nlohmann::json schema = nlohmann::json::parse(file);
    nlohmann::json report = json_of("leaking");

    report["processes"][0].erase("pid");
    report["processes"][0]["stacks"][0]["id"] = "xyz";
    report["seq"] = -1;
    report["news"] = true;

    EXPECT_THAT(check_schema(schema, report, true), ::testing::SizeIs(4));
    EXPECT_THAT(check_schema(schema, report, false), ::testing::SizeIs(3));
}

TEST(JsonReport, counters_are_exact_and_the_unknown_is_null) {
    const nlohmann::json huge = json_of("huge");
    const nlohmann::json& process = huge["processes"][0];

    EXPECT_EQ(process["kinds"]["heap"]["held"]["bytes"].get<uint64_t>(), UINT64_MAX);
    EXPECT_TRUE(process["uptime_s"].is_null());
    EXPECT_TRUE(process["memory"]["rss_growth_bytes_per_min"].is_null());
    EXPECT_TRUE(process["memory"]["pss_bytes"].is_null());
    EXPECT_TRUE(json_of("two_processes")["processes"][1]["exe"].is_string());
    EXPECT_TRUE(json_of("unattached")["processes"][0]["memory"]["rss_bytes"].is_null());
    EXPECT_TRUE(json_of("leaking")["processes"][0]["kinds"]["heap"]["before_attach"].is_null());
}

TEST(JsonReport, invalid_utf_8_is_replaced) {
    EXPECT_THAT(json_of("hostile")["processes"][0]["command"].get<std::string>(),
                ::testing::EndsWith("\xef\xbf\xbd\xef\xbf\xbd"));
}

}  // namespace
}  // namespace whoholds
