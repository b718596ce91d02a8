// The stories of Go services (tests/stories): attached while they run under load, whoholds must name the guilty line of the user's
// code within a minute; repaired, they stay quiet. Their modules come from the network: scripts/stories builds them, then runs these.
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "e2e/report_reader.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

struct Story {
    std::string program;
    std::string service;                    // of the server, that it talks to
    std::vector<std::string> guilty;        // functions, any of which is the answer
    std::vector<std::string> leaking_type;  // words of a type's name, any of which is the answer
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.program; }

const std::vector<Story> kStories = {
    {"firestore_per_request",
     "grpc",
     {"example.com/stories/firestore_per_request/api.(*API).CreateUser"},
     {"grpc", "firestore", "transport"}},
    {"dial_sites",
     "grpc",
     {"example.com/stories/dial_sites/backends.(*Backends).Billing",
      "example.com/stories/dial_sites/backends.(*Backends).Search",
      "example.com/stories/dial_sites/backends.(*Backends).Audit"},
     {"grpc", "transport"}},
    {"timer_transport", "https", {"main.refreshPrices"}, {"http.", "tls."}},
};

// Whom a report names first of those that took something since the attach; "" for nobody.
std::string first_headline(const ReportReader& report, const std::string& kind) {
    for (const json& stack : report.stacks(kind))
        if (!stack.value("before_attach", false)) return text_of(stack, "headline");
    return "";
}

std::string first_growing_type(const ReportReader& report) {
    for (const json& type : report.process().value("types", json::array()))
        if (type.value("grows", false)) return text_of(type, "name");
    return "";
}

class Stories : public E2eTest, public ::testing::WithParamInterface<Story> {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        const char* folder = std::getenv("WHOHOLDS_STORIES");
        if (folder == nullptr) GTEST_SKIP() << "scripts/stories builds the programs of the stories, and runs this";
        folder_ = folder;
        server_ = std::make_unique<Process>(Launch{.command = {folder_ + "/server"}});
        const auto line = server_->output().next();
        ASSERT_TRUE(line) << server_->errors().all();
        addresses_ = json::parse(*line);
    }

    std::unique_ptr<Process> start(const std::vector<std::string>& more) {
        const Story& story = GetParam();
        std::vector<std::string> command = {folder_ + "/" + story.program, "-server",
                                            addresses_.at(story.service).get<std::string>()};
        command.insert(command.end(), more.begin(), more.end());
        auto program = std::make_unique<Process>(Launch{.command = command});
        EXPECT_TRUE(program->output().next_with("DONE")) << program->errors().all();
        return program;
    }

    // What is first of each kind, and whether it is the answer.
    [[nodiscard]] std::map<std::string, std::pair<bool, std::string>> answers(const ReportReader& report) const {
        std::map<std::string, std::pair<bool, std::string>> answers;
        for (const char* kind : {"goroutine", "socket", "go_heap"}) {
            const std::string first = first_headline(report, kind);
            answers[kind] = {std::ranges::count(GetParam().guilty, first) > 0, first};
        }
        const std::string type = first_growing_type(report);
        const bool is_right = std::ranges::any_of(
            GetParam().leaking_type, [&](const std::string& word) { return type.find(word) != std::string::npos; });
        answers["type"] = {is_right, type};
        return answers;
    }

private:
    std::string folder_;
    std::unique_ptr<Process> server_;
    json addresses_;
};

TEST_P(Stories, within_a_minute_the_guilty_line_is_named) {
    const auto program = start({"-period", "50ms"});

    Whoholds whoholds = Whoholds::attach(program->pid(), {"2", "--sort", "bytes", "--duration", "60s"});
    std::map<std::string, std::pair<bool, std::string>> said;
    ReportReader report;
    const auto is_right = [](const auto& answer) { return answer.second.first; };
    do {
        report = whoholds.next_report();
        if (!report.root().is_object()) break;
        said = answers(report);
    } while (!report.is_final() && !std::ranges::all_of(said, is_right));

    for (const auto& [kind, answer] : said) {
        std::printf("%-10s %s %s\n", kind.c_str(), answer.first ? "names" : "does NOT name", answer.second.c_str());
        EXPECT_TRUE(answer.first) << kind << " says first: " << answer.second;
    }
    std::printf("after %.0f s\n", report.root().value("attached_s", 0.0));
    EXPECT_TRUE(program->is_running()) << program->errors().all();
}

TEST_P(Stories, each_guilty_line_is_one_finding_with_all_that_it_leaks) {
    const auto program = start({"-period", "50ms"});

    Whoholds whoholds = Whoholds::attach(program->pid(), {"4", "--duration", "60s"});
    ReportReader report;
    do {
        report = whoholds.next_report();
    } while (report.root().is_object() && !report.is_final());

    const auto& guilty = GetParam().guilty;
    std::multiset<std::string> named;
    for (const json& finding : report.process().value("findings", json::array())) {
        const std::string headline = text_of(finding, "headline");
        named.insert(headline);
        EXPECT_THAT(guilty, ::testing::Contains(headline)) << text_of(finding, "reason");
        EXPECT_EQ(text_of(finding, "verdict"), "leak") << text_of(finding, "reason");
        const auto kinds = finding.value("kinds", std::vector<std::string>());
        EXPECT_THAT(kinds, ::testing::UnorderedElementsAre("socket", "goroutine", "go_heap")) << headline;
    }
    EXPECT_EQ(named, std::multiset<std::string>(guilty.begin(), guilty.end()));
}

TEST_P(Stories, repaired_there_is_no_finding_after_a_minute) {
    const auto program = start({"-period", "50ms", "-fixed"});

    Whoholds whoholds = Whoholds::attach(program->pid(), {"4", "--duration", "60s"});
    ReportReader report;
    do {
        report = whoholds.next_report();
    } while (report.root().is_object() && !report.is_final());

    EXPECT_EQ(report.process().value("findings", json()), json::array());
}

TEST_P(Stories, repaired_it_is_quiet) {
    const auto program = start({"-period", "50ms", "-fixed"});

    Whoholds whoholds = Whoholds::attach(program->pid(), {"1"});
    for (int i = 0; i < 3; ++i) whoholds.next_report();  // what is made once has been made
    std::map<std::string, std::pair<uint64_t, uint64_t>> held;
    for (int i = 0; i < 8; ++i) {
        const ReportReader report = whoholds.next_report();
        for (const char* kind : {"goroutine", "socket"}) {
            const uint64_t count = report.kind(kind).held.count;
            auto [lowest_highest, is_new] = held.try_emplace(kind, count, count);
            lowest_highest->second = {std::min(lowest_highest->second.first, count),
                                      std::max(lowest_highest->second.second, count)};
        }
    }
    whoholds.finish();

    // A request more or less that is being answered right now.
    for (const auto& [kind, range] : held) EXPECT_LE(range.second - range.first, 3U) << kind;
    EXPECT_TRUE(program->is_running()) << program->errors().all();
}

INSTANTIATE_TEST_SUITE_P(Each, Stories, ::testing::ValuesIn(kStories),
                         [](const auto& one) { return one.param.program; });

}  // namespace
}  // namespace whoholds::e2e
