// Keys and reports in, the text of an 80x24 screen out.
#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "report/text_layout.h"
#include "top/top_model.h"
#include "top/view.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

StackReport stack_of(uint64_t id, const std::string& function, uint64_t bytes) {
    StackReport stack;
    stack.kind = "heap";
    stack.id = id;
    stack.held = {bytes / 10, bytes};
    stack.acquired = {bytes / 5, bytes * 2};
    stack.headline = function;
    stack.complete = true;
    Frame frame;
    frame.function = function;
    frame.file = "/src/server.cpp";
    frame.line = static_cast<int>(id);
    frame.module = "/app/server";
    stack.frames = {frame};
    return stack;
}

Report report_of(std::vector<StackReport> stacks) {
    Report report;
    report.time = "2026-11-21T03:04:05.123Z";
    report.attached_s = 60;
    ProcessReport process;
    process.pid = 4711;
    process.command = "server";
    process.memory.rss_bytes = 64 << 20;
    process.stacks = std::move(stacks);
    Amount held;
    for (const StackReport& stack : process.stacks) {
        held.count += stack.held.count;
        held.bytes += stack.held.bytes;
    }
    process.kinds = {{.kind = "heap", .title = "native heap", .held = held, .acquired = held},
                     {.kind = "socket", .title = "sockets", .held = {.count = 3}, .acquired = {.count = 3}}};
    report.processes = {process};
    return report;
}

class Top {
public:
    explicit Top(Report report) { model.take(std::move(report)); }
    Top& press(std::string_view bytes) {
        for (const Key& key : keys_.feed(bytes)) wish = model.press(key);
        for (const Key& key : keys_.flush()) wish = model.press(key);
        return *this;
    }
    [[nodiscard]] std::string text() const { return screen_text(draw(model.state())); }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const TopRow& row : model.state().rows) names.push_back(row.stack->headline);
        return names;
    }
    [[nodiscard]] std::string selected() const { return model.state().rows[model.state().selected].stack->headline; }

    TopModel model;
    TopWish wish = TopWish::kNothing;

private:
    KeyReader keys_;
};

Report three() {
    return report_of({stack_of(1, "alpha", 3000), stack_of(2, "beta", 2000), stack_of(3, "gamma", 1000)});
}

constexpr const char* kDown = "\x1b[B";

TEST(Top, shows_process_verdict_kinds_and_stacks) {
    Top top(three());

    const std::string text = top.text();

    EXPECT_THAT(text, HasSubstr("server (pid 4711)"));
    EXPECT_THAT(text, HasSubstr("RSS 64 MiB"));
    EXPECT_THAT(text, HasSubstr("STEADY   nothing of what is followed was seen to grow"));
    EXPECT_THAT(text, HasSubstr("1 native heap 5.86 KiB  2 sockets 3"));
    EXPECT_THAT(text, HasSubstr("▼HELD   COUNT     PER MIN  OLDEST  STACK"));
    EXPECT_THAT(text, HasSubstr("2.93 KiB     300     not yet     n/a  alpha  server.cpp:1"));
    EXPECT_THAT(text, HasSubstr("h help  Enter open  Tab kind"));
}

TEST(Top, fits_every_size_from_20_by_5_on) {
    for (const SampleReport& sample : sample_reports())
        for (const auto& [width, height] : {std::pair<size_t, size_t>(20, 5), {80, 24}, {200, 60}})
            for (const char* page : {"", "f", "h", "\r"}) {
                Top top(sample.report);
                top.model.resize(width, height);
                top.press(page);
                const Screen screen = draw(top.model.state());
                EXPECT_EQ(screen.lines.size(), height) << sample.name;
                const std::string bytes = Painter({}).paint(screen);
                EXPECT_THAT(bytes, Not(HasSubstr("\n"))) << sample.name;
            }
}

TEST(Top, before_the_first_report_says_so_and_takes_keys) {
    TopModel model;

    for (const char* key : {"j", "s", "\r", "f", "x", "/", "q"}) model.press({KeyCode::kText, key});
    model.press({KeyCode::kEnter, ""});

    EXPECT_THAT(screen_text(draw(model.state())), HasSubstr("the first report is on its way"));
}

TEST(Top, rows_keep_their_places_until_one_has_clearly_more) {
    Top top(three());

    top.model.take(report_of({stack_of(2, "beta", 3100), stack_of(1, "alpha", 3000), stack_of(3, "gamma", 1000)}));
    EXPECT_THAT(top.names(), ElementsAre("alpha", "beta", "gamma"));
    top.model.take(report_of({stack_of(2, "beta", 3500), stack_of(1, "alpha", 3000), stack_of(3, "gamma", 1000)}));
    EXPECT_THAT(top.names(), ElementsAre("beta", "alpha", "gamma"));
    top.model.take(report_of({stack_of(4, "delta", 9000), stack_of(2, "beta", 3500), stack_of(1, "alpha", 3600)}));
    EXPECT_THAT(top.names(), ElementsAre("delta", "beta", "alpha"));
    top.press("s").press("b");
    EXPECT_THAT(top.names(), ElementsAre("delta", "alpha", "beta"));
}

TEST(Top, the_selection_stays_with_its_stack) {
    Top top(three());
    top.press(kDown);
    ASSERT_EQ(top.selected(), "beta");

    top.model.take(report_of({stack_of(2, "beta", 9000), stack_of(1, "alpha", 3000), stack_of(3, "gamma", 1000)}));
    EXPECT_EQ(top.selected(), "beta");
    EXPECT_EQ(top.model.state().selected, 0U);
    top.model.take(report_of({stack_of(1, "alpha", 3000), stack_of(3, "gamma", 1000)}));
    EXPECT_EQ(top.selected(), "alpha");
}

TEST(Top, scrolls_with_the_selection) {
    std::vector<StackReport> many;
    for (uint64_t i = 0; i < 100; i++) many.push_back(stack_of(i + 1, "f" + std::to_string(i), 100'000 - 100 * i));
    Top top(report_of(many));

    EXPECT_THAT(top.text(), HasSubstr(" f0 "));
    top.press("\x1b[6~\x1b[6~");
    EXPECT_THAT(top.text(), Not(HasSubstr(" f0 ")));
    EXPECT_THAT(top.text(), HasSubstr(' ' + top.selected() + ' '));
    top.press("\x1b[F");
    EXPECT_EQ(top.selected(), "f99");
    EXPECT_THAT(top.text(), HasSubstr(" f99 "));
    top.press("\x1b[H");
    EXPECT_EQ(top.selected(), "f0");
    top.model.resize(80, 9);
    EXPECT_THAT(top.text(), HasSubstr(" f0 "));
}

TEST(Top, filters_while_it_is_typed) {
    Top top(three());

    top.press("/GAM");
    EXPECT_THAT(top.names(), ElementsAre("gamma"));
    EXPECT_THAT(top.text(), HasSubstr("filter: GAM_"));
    top.press("\r");
    EXPECT_THAT(top.text(), HasSubstr("filter: GAM  h help"));
    top.press("/x");
    EXPECT_THAT(top.text(), HasSubstr("no stack matches the filter"));
    top.press("\x7f\r");
    EXPECT_THAT(top.names(), ElementsAre("gamma"));
    top.press("\x1b");
    EXPECT_THAT(top.names(), ElementsAre("alpha", "beta", "gamma"));
    top.press("/server.cpp\r");
    EXPECT_THAT(top.names(), ElementsAre("alpha", "beta", "gamma"));
}

TEST(Top, sorts_by_a_key_and_the_other_way_round) {
    Top top(three());

    top.press("c");
    EXPECT_THAT(top.text(), HasSubstr("▼COUNT"));
    top.press("c");
    EXPECT_THAT(top.text(), HasSubstr("▲COUNT"));
    EXPECT_THAT(top.names(), ElementsAre("gamma", "beta", "alpha"));
    top.press("t");
    EXPECT_THAT(top.text(), HasSubstr("▼IN TOTAL"));
    EXPECT_THAT(top.names(), ElementsAre("alpha", "beta", "gamma"));
}

TEST(Top, shows_memory_as_soon_as_there_is_any_until_told_otherwise) {
    Report report = three();
    std::swap(report.processes[0].kinds[0], report.processes[0].kinds[1]);
    Report without = report;
    without.processes[0].kinds.pop_back();
    Top top(without);
    EXPECT_EQ(top.model.state().kind, "socket");
    top.model.take(report);
    EXPECT_EQ(top.model.state().kind, "heap");
    top.press("1");
    top.model.take(report);
    EXPECT_EQ(top.model.state().kind, "socket");
}

TEST(Top, changes_the_kind) {
    Top top(three());

    top.press("2");
    EXPECT_EQ(top.model.state().kind, "socket");
    EXPECT_THAT(top.text(), HasSubstr("nothing of this kind is held"));
    top.press("\t");
    EXPECT_EQ(top.model.state().kind, "heap");
    top.press("\x1b[Z");
    EXPECT_EQ(top.model.state().kind, "socket");
    top.press("9");
    EXPECT_EQ(top.model.state().kind, "socket");
}

TEST(Top, opens_a_stack_and_follows_it) {
    Top top(three());

    top.press(kDown).press("\r");
    EXPECT_THAT(top.text(), HasSubstr("native heap held now: 1.95 KiB in 200"));
    EXPECT_THAT(top.text(), HasSubstr("> beta  /src/server.cpp:2"));
    top.model.take(report_of({stack_of(2, "beta", 4096)}));
    EXPECT_THAT(top.text(), HasSubstr("native heap held now: 4 KiB in 409"));
    top.model.take(report_of({stack_of(1, "alpha", 4096)}));
    EXPECT_THAT(top.text(), HasSubstr("nothing is held any more"));
    top.press("q");
    EXPECT_EQ(top.wish, TopWish::kNothing);
    EXPECT_THAT(top.names(), ElementsAre("alpha"));
}

TEST(Top, says_first_what_was_found) {
    Top top(sample_report("findings"));

    const std::string text = top.text();

    EXPECT_THAT(text, HasSubstr("LEAK     +12 connections/min  Api::create_user  users.cpp:88\n"));
    EXPECT_THAT(text, HasSubstr("\n         RLIMIT_NOFILE in 41 min: +12 connections, +48 threads, +1.6 MiB native\n"));
    EXPECT_THAT(text, HasSubstr("HOLDING"));
    EXPECT_THAT(text, HasSubstr("\n! "));
    top.model.resize(120, 30);
    EXPECT_THAT(top.text(), HasSubstr("Api::create_user  users.cpp:88  RLIMIT_NOFILE in 41 min\n"));
    EXPECT_THAT(top.press("f").text(), HasSubstr("until it is mended: restart it within 41 min"));
}

TEST(Top, while_paused_nothing_moves) {
    Top top(three());

    top.press("p");
    top.model.take(report_of({stack_of(9, "omega", 9000)}));
    EXPECT_THAT(top.names(), ElementsAre("alpha", "beta", "gamma"));
    EXPECT_THAT(top.text(), HasSubstr("PAUSED"));
    top.press(" ");
    EXPECT_THAT(top.names(), ElementsAre("omega"));
    EXPECT_THAT(top.text(), Not(HasSubstr("PAUSED")));
}

TEST(Top, shows_one_process_at_a_time) {
    Report report = three();
    report.processes.push_back(report.processes[0]);
    report.processes[1].pid = 4712;
    report.processes[1].command = "worker";
    Top top(report);

    EXPECT_THAT(top.text(), HasSubstr("server (pid 4711)  [1 of 2]"));
    top.press("]");
    EXPECT_THAT(top.text(), HasSubstr("worker (pid 4712)  [2 of 2]"));
    std::swap(report.processes[0], report.processes[1]);
    top.model.take(report);
    EXPECT_THAT(top.text(), HasSubstr("worker (pid 4712)  [1 of 2]"));
    report.processes.erase(report.processes.begin());
    top.model.take(report);
    EXPECT_THAT(top.text(), HasSubstr("server (pid 4711)"));
    EXPECT_THAT(top.text(), HasSubstr("\npid 4712 is gone, this is another  h help"));
    EXPECT_THAT(top.press("j").text(), HasSubstr("\nh help"));
}

TEST(Top, at_the_end_stays_to_be_looked_at) {
    Top top(three());

    top.press("p");
    top.model.end("the process exited");

    EXPECT_THAT(top.text(), HasSubstr("ENDED"));
    EXPECT_THAT(top.text(), HasSubstr("the process exited: this is the last that was seen"));
    EXPECT_EQ(top.press("q").wish, TopWish::kQuit);
}

TEST(Top, leaves_by_q_and_ctrl_c_from_everywhere_by_the_latter) {
    Top top(three());

    EXPECT_EQ(top.press("q").wish, TopWish::kQuit);
    EXPECT_EQ(top.press("\x1b[21~").wish, TopWish::kQuit);
    EXPECT_EQ(top.press("/\x03").wish, TopWish::kQuit);
    EXPECT_EQ(top.press("\x1b"
                        "h\x03")
                  .wish,
              TopWish::kQuit);
    EXPECT_EQ(top.press("\x1a").wish, TopWish::kSuspend);
    EXPECT_EQ(top.press("\x0c").wish, TopWish::kRedraw);
}

TEST(Top, help_fits_80_columns_and_lists_the_keys) {
    Top top(three());

    top.press("?");

    std::istringstream lines(top.text());
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 80U) << line;
    for (const char* key : {"Tab", "Enter", "F4", "Ctrl-C", "IN TOTAL"}) EXPECT_THAT(top.text(), HasSubstr(key));
}

}  // namespace
}  // namespace whoholds
