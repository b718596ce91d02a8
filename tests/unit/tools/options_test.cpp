#include "whoholds/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> words(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> result;
    for (std::string word; stream >> word;) result.push_back(word);
    return result;
}

ParseOutcome parse(const std::string& line) { return parse_options(words(line)); }

Options parsed(const std::string& line) {
    ParseOutcome outcome = parse(line);
    EXPECT_FALSE(outcome.exit_code.has_value()) << line << ": " << outcome.text;
    return outcome.options;
}

TEST(Options, has_defaults) {
    const Options options = parsed("-p 4711");

    EXPECT_EQ(options.action, Options::Action::kAttach);
    EXPECT_THAT(options.pids, ElementsAre(4711));
    EXPECT_THAT(options.command, IsEmpty());
    EXPECT_EQ(options.interval_s, 5);
    EXPECT_EQ(options.count, std::nullopt);
    EXPECT_EQ(options.duration_s, std::nullopt);
    EXPECT_EQ(options.min_age_s, 0);
    EXPECT_EQ(options.min_size_bytes, 0U);
    EXPECT_EQ(options.top, 10U);
    EXPECT_EQ(options.sort, Options::Sort::kBytes);
    EXPECT_THAT(options.kinds, IsEmpty());
    EXPECT_FALSE(options.json || options.quiet);
    EXPECT_EQ(options.color, Options::Color::kAuto);
    EXPECT_EQ(options.young_slots, std::nullopt);
    EXPECT_EQ(options.attach_with, Options::AttachWith::kAuto);
    EXPECT_EQ(options.go_samples, GoSamplesMode::kAuto);
}

TEST(Options, reads_the_habitual_form) {
    const Options options = parsed("-p 12,13,12 -p 14 0.5 3");

    EXPECT_THAT(options.pids, ElementsAre(12, 13, 14));
    EXPECT_EQ(options.interval_s, 0.5);
    EXPECT_EQ(options.count, 3U);
}

TEST(Options, reads_everything_else) {
    const Options options = parsed(
        "--min-age 2m --min-size 4k --top 3 --sort total --kind mapping,heap --kind heap --json --color never --quiet "
        "--duration 1.5h "
        "--young-slots 64 --ring-bytes 4096 --backlog-bytes 1M --max-stacks 5 --young-age-ms 10 --attach-with perf -p "
        "1 10 2");

    EXPECT_EQ(options.min_age_s, 120);
    EXPECT_EQ(options.min_size_bytes, 4096U);
    EXPECT_EQ(options.top, 3U);
    EXPECT_EQ(options.sort, Options::Sort::kTotal);
    EXPECT_EQ(sort_name(options.sort), "total");
    EXPECT_THAT(options.kinds, ElementsAre("mapping", "heap"));
    EXPECT_TRUE(options.json && options.quiet);
    EXPECT_EQ(options.color, Options::Color::kNever);
    EXPECT_EQ(options.duration_s, 5400);
    EXPECT_EQ(options.young_slots, 64U);
    EXPECT_EQ(options.ring_bytes, 4096U);
    EXPECT_EQ(options.backlog_bytes, 1U << 20);
    EXPECT_EQ(options.max_stacks, 5U);
    EXPECT_EQ(options.young_age_ms, 10U);
    EXPECT_EQ(options.attach_with, Options::AttachWith::kPerf);
    EXPECT_EQ(options.interval_s, 10);
    EXPECT_EQ(options.count, 2U);
}

TEST(Options, reads_pairs_in_order_and_each_ready_one_once) {
    const Options options = parsed("-p 1 --pairs zlib,gzFile --pairs FILE --pair a_new/a_free --kind pair,joinable,fd");

    std::vector<std::string> names;
    for (const Pair& pair : options.pairs) names.push_back(pair.name);
    EXPECT_THAT(names, ElementsAre("inflate", "deflate", "inflateBack", "gzFile", "FILE", "a"));
    EXPECT_THAT(options.kinds, ElementsAre("pair", "joinable", "fd"));
}

TEST(Options, prints_the_catalogue_whatever_else_is_given) {
    const ParseOutcome outcome = parse("--pairs list");

    EXPECT_EQ(outcome.exit_code, kExitReported);
    EXPECT_THAT(outcome.text, HasSubstr("SSL_new/SSL_free"));
    EXPECT_THAT(outcome.text, HasSubstr("dlopen counts references"));
}

TEST(Options, pairs_that_cannot_be_followed_are_refused) {
    for (const char* line : {"-p 1 --pair SSL_new", "-p 1 --pairs nothing", "-p 1 --pairs X509", "-p 1 --kind pair",
                             "-p 1 --pair a_new/a_free --pair a_get/a_put", "-p 1 --pairs openssl,curl,libxml2,glib"}) {
        EXPECT_EQ(parse(line).exit_code, kExitUsage) << line;
    }
    EXPECT_THAT(parse("-p 1 --pairs openssl,curl,libxml2,glib").text, HasSubstr("21 pairs are too many"));
    EXPECT_THAT(parse("-p 1 --pairs X509").text, HasSubstr("X509 counts references"));
}

TEST(Options, takes_the_last_of_a_repeated_value) { EXPECT_EQ(parsed("-p 1 --top 3 --top 4").top, 4U); }

TEST(Options, reads_durations_and_sizes_with_units) {
    const struct {
        const char* text;
        double seconds;
    } kDurations[] = {{"5", 5},    {"0", 0},      {"0.25", 0.25}, {"500ms", 0.5}, {"5s", 5},
                      {"2m", 120}, {"2min", 120}, {"1h", 3600},   {"1d", 86400}};
    for (const auto& c : kDurations)
        EXPECT_EQ(parsed(std::string("-p 1 --min-age ") + c.text).min_age_s, c.seconds) << c.text;

    const struct {
        const char* text;
        uint64_t bytes;
    } kSizes[] = {{"0", 0},       {"100", 100},    {"100B", 100},     {"4k", 4096},    {"4K", 4096},
                  {"4KiB", 4096}, {"1M", 1 << 20}, {"0.5M", 1 << 19}, {"1g", 1 << 30}, {"1T", 1ULL << 40}};
    for (const auto& c : kSizes)
        EXPECT_EQ(parsed(std::string("-p 1 --min-size ") + c.text).min_size_bytes, c.bytes) << c.text;
}

TEST(Options, reads_thresholds) {
    const Thresholds both =
        parsed("-p 1 --on-rss 2G --on-growth 100M --on-growth 10M/min --on-oom-near 10%").thresholds;

    EXPECT_EQ(both.rss_bytes, uint64_t{2} << 30);
    EXPECT_EQ(both.growth_bytes, uint64_t{100} << 20);
    ASSERT_TRUE(both.pace);
    EXPECT_EQ(both.pace->bytes, uint64_t{10} << 20);
    EXPECT_EQ(both.pace->window_s, 60);
    EXPECT_NEAR(both.part_left.value_or(0), 0.1, 1e-9);
    EXPECT_EQ(parsed("-p 1 --on-growth 1G/6h").thresholds.pace->window_s, 6 * 3600);
    EXPECT_EQ(parsed("-p 1 --on-oom-near 200M").thresholds.room_left_bytes, uint64_t{200} << 20);
    EXPECT_FALSE(parsed("-p 1").thresholds.any());
    EXPECT_FALSE(parsed("-p 1 --on-rss 1G").has_interval);
    EXPECT_TRUE(parsed("-p 1 --on-rss 1G 60").has_interval);
    EXPECT_EQ(parsed("-p 1 --on-rss 1G --format html --on-report a.html").on_report, "a.html");
}

TEST(Options, run_leaves_the_command_alone) {
    const Options options = parsed("run --json --top 2 1 5 -- ./server -p 80 --json -- x");

    EXPECT_EQ(options.action, Options::Action::kRun);
    EXPECT_THAT(options.command, ElementsAre("./server", "-p", "80", "--json", "--", "x"));
    EXPECT_THAT(options.pids, IsEmpty());
    EXPECT_TRUE(options.json);
    EXPECT_EQ(options.top, 2U);
    EXPECT_EQ(options.interval_s, 1);
    EXPECT_EQ(options.count, 5U);
    EXPECT_EQ(parsed("--json run -- ls").command, std::vector<std::string>{"ls"});
}

TEST(Options, plan_takes_a_pid_on_either_side) {
    EXPECT_EQ(parsed("plan -p 3").action, Options::Action::kPlan);
    EXPECT_THAT(parsed("plan -p 3").pids, ElementsAre(3));
    EXPECT_EQ(parsed("-p 3 plan").action, Options::Action::kPlan);
    EXPECT_TRUE(parsed("plan -p 3 --json").json);
}

TEST(Options, the_format_of_a_file_is_what_its_ending_says_unless_told) {
    EXPECT_EQ(parsed("-p 1").format, "text");
    EXPECT_EQ(parsed("-p 1 --json").format, "json");
    EXPECT_TRUE(parsed("-p 1 --format json").json);
    EXPECT_EQ(parsed("-p 1 -o a/held.pb.gz").format, "pprof");
    EXPECT_EQ(parsed("-p 1 --output a.folded").output, "a.folded");
    EXPECT_EQ(parsed("-p 1 --format folded -o held.txt").format, "folded");
    EXPECT_EQ(parsed("report a.rec -o a.pb.gz").format, "pprof");
    EXPECT_EQ(parsed("record -o a.rec -p 1").record_to, "a.rec");
    EXPECT_EQ(parsed("record -o a.rec -p 1").output, "");
}

TEST(Options, help_and_version_end_well) {
    for (const char* line : {"--help", "-h", "run --help", "plan -h", "-p 1 --help"}) {
        const ParseOutcome outcome = parse(line);
        EXPECT_EQ(outcome.exit_code, kExitReported) << line;
        for (const char* part : {"Usage: whoholds -p PID", "--min-age DURATION",
                                 "Examples:", "Exit codes:", "6  nothing could be attached"}) {
            EXPECT_THAT(outcome.text, HasSubstr(part)) << line;
        }
        EXPECT_THAT(outcome.text, ::testing::Not(HasSubstr("young-slots"))) << line;
    }
    EXPECT_EQ(parse("--version").exit_code, kExitReported);
    EXPECT_THAT(parse("--version").text, ::testing::StartsWith("whoholds "));
}

TEST(Options, help_fits_100_columns) {
    std::istringstream stream(parse("--help").text);
    for (std::string line; std::getline(stream, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST(Options, usage_errors_are_one_sentence_that_says_what_to_do) {
    const struct {
        const char* line;
        const char* part;
    } kCases[] = {
        {"", "-p PID"},
        {"-p", "needs a value"},
        {"-p abc", "\"abc\" is not a process ID"},
        {"-p 0", "\"0\" is not a process ID"},
        {"-p -1", "\"-1\" is not a process ID"},
        {"-p 1,", "\"\" is not a process ID"},
        {"-p 12x", "\"12x\" is not a process ID"},
        {"-p 4194305", "is not a process ID"},
        {"-p 99999999999999999999", "is not a process ID"},
        {"-p 1 0", "an interval of 0 is not possible"},
        {"-p 1 0.0", "an interval of 0.0 is not possible"},
        {"-p 1 -5", "an interval of -5 is not possible"},
        {"-p 1 -.5", "-.5"},
        {"-p 1 1e-9", "is not an interval"},
        {"-p 1 0.001", "at least 0.01"},
        {"-p 1 inf", "is not an interval"},
        {"-p 1 nan", "is not an interval"},
        {"-p 1 99999999999", "too long"},
        {"-p 1 abc", "is not an interval"},
        {"-p 1 5 0", "for COUNT: give a whole number from 1"},
        {"-p 1 5 1.5", "for COUNT"},
        {"-p 1 5 3 4", "\"4\" is one argument too many"},
        {"-p 1 --foo", "--foo is not an option"},
        {"-p 1 --top 0", "--top"},
        {"-p 1 --top -1", "--top"},
        {"-p 1 --top", "--top needs a value"},
        {"-p 1 --min-size 4q", "is not a size"},
        {"-p 1 --min-size -4", "is not a size"},
        {"-p 1 --min-size 9999999T", "is not a size"},
        {"-p 1 --min-age x", "is not a duration"},
        {"-p 1 --min-age -3s", "not negative"},
        {"-p 1 --duration 0", "longer than zero"},
        {"-p 1 --kind heap,foo", "\"foo\" is not a kind"},
        {"-p 1 --sort size", "give one of bytes, count, age, total"},
        {"-p 1 --color yes", "give one of auto, always, never"},
        {"-p 1 --format xml", "\"xml\" is not a format: give one of text, json, "},
        {"-p 1 --json --format pprof", "--json means --format json"},
        {"-p 1 --metrics-listen x", "no address to listen at: give PORT or ADDRESS:PORT"},
        {"plan -p 1 --metrics-listen 9435", "leave --metrics-listen and --push away"},
        {"-p 1 --push https://x", "only http:// is spoken here"},
        {"-p 1 -o report", "say with --format what it is to be"},
        {"diff a b --format pprof", "text and JSON"},
        {"plan -p 1 -o a.json", "leave -o away"},
        {"plan -p 1 --format pprof", "text and JSON"},
        {"-p 1 --attach-with kprobe", "give one of auto, multi, perf, no-cookies"},
        {"run", "two dashes"},
        {"run --", "two dashes"},
        {"run ls -l", "two dashes"},
        {"run ls", "two dashes"},
        {"run -p 1 -- ls", "leave -p away"},
        {"-p 1 -- ls", "two dashes come before the command that run starts"},
        {"plan", "plan needs a process"},
        {"plan -p 1 5", "leave INTERVAL away"},
        {"run plan -- ls", "one command at a time"},
        {"report", "report needs a recording"},
        {"report a.rec b.rec", "report needs a recording"},
        {"diff", "diff needs one recording or two"},
        {"diff -p 1 a.rec", "leave the processes away"},
        {"report a.rec --from 5", "--from"},
        {"-p 1 --suppressions /nonexistent/known.supp", "/nonexistent/known.supp"},
        {"plan -p 1 --suppressions known.supp", "leave --suppressions away"},
        {"-p 1 --on-rss 0", "more than zero bytes"},
        {"-p 1 --on-rss 2X", "is not a size: give --on-rss"},
        {"-p 1 --on-growth 10M/", "is not a duration: give --on-growth"},
        {"-p 1 --on-growth 10M/0.1s", "within a second at least"},
        {"-p 1 --on-growth /min", "is not a size"},
        {"-p 1 --on-oom-near 0%", "give a part between 0% and 100%"},
        {"-p 1 --on-oom-near %", "give a part between 0% and 100%"},
        {"-p 1 --on-report a.html", "--on-report needs a threshold"},
        {"-p 1 --on-rss 1G --on-report a", "is none of .txt, .json"},
        {"-p 1 --on-rss 1G --format html", "add --on-report FILE"},
        {"report a.rec --on-rss 1G", "leave --on-rss and the like away"},
        {"plan -p 1 --on-rss 1G", "leave --on-rss and the like away"},
        {"top", "no process was named"},
        {"top -p 1 --json", "leave -o, --format, --json and --quiet away"},
        {"top -p 1 -o a.html", "leave -o, --format, --json and --quiet away"},
        {"top -p 1 --on-rss 1G", "leave --on-rss and the like away"},
        {"top -p 1 --push http://h", "leave --metrics-listen and --push away"},
        {"record -p 1", "record needs a file"},
        {"record -o a.rec", "no process was named"},
    };
    for (const auto& c : kCases) {
        const ParseOutcome outcome = parse(c.line);
        EXPECT_EQ(outcome.exit_code, kExitUsage) << c.line;
        EXPECT_THAT(outcome.text, HasSubstr(c.part)) << c.line;
        EXPECT_THAT(outcome.text, ::testing::Not(HasSubstr("\n"))) << c.line;
    }
}

TEST(Options, usage_errors_do_not_drive_the_terminal) {
    const ParseOutcome outcome = parse_options({"-p", "1\x1b[2J"});

    EXPECT_EQ(outcome.exit_code, kExitUsage);
    EXPECT_EQ(outcome.text.find('\x1b'), std::string::npos);
}

TEST(Options, an_empty_value_is_refused) {
    for (const char* name : {"--min-age", "--top", "--sort", "-p", "--color", "--ring-bytes"}) {
        EXPECT_EQ(parse_options({"-p", "1", name, ""}).exit_code, kExitUsage) << name;
    }
}

}  // namespace
}  // namespace whoholds
