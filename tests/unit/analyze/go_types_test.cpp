// Types on a Go heap from look to look.
#include "analyze/go_types.h"

#include <gmock/gmock.h>

namespace whoholds {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

GoTypeReading reading_of(std::vector<GoTypeRow> rows) {
    GoTypeReading reading;
    reading.rows = std::move(rows);
    reading.main_module = "example.com/shop";
    for (const GoTypeRow& row : reading.rows) {
        reading.objects += row.count;
        reading.bytes += row.bytes;
    }
    return reading;
}

// A type of the user's that leaks slowly, a text that leaks more, garbage that comes and goes.
GoTypeReading leaking_at(uint64_t look) {
    const uint64_t garbage = look % 2 == 0 ? 100'000 : 10;
    return reading_of({{"*cart.Item", "example.com/shop/cart", true, 10 + look, 100 * (10 + look)},
                       {"string", "", true, 10 + look, 1000 * (10 + look)},
                       {"*json.decodeState", "encoding/json", true, garbage, garbage * 200},
                       {"type not known, 64 bytes", "", false, look, 64 * look}});
}

TEST(GoTypeLedger, puts_the_users_type_that_grows_first) {
    GoTypeLedger ledger;
    for (uint64_t look = 0; look < 9; ++look) ledger.look(leaking_at(look), static_cast<double>(look) * 60, 0.1);

    ProcessReport report;
    Coverage coverage;
    ledger.fill(3, {}, 500, report, coverage);

    ASSERT_TRUE(report.types);
    ASSERT_EQ(report.types->types.size(), 3U);
    EXPECT_EQ(report.types->omitted, 1U);
    EXPECT_EQ(report.types->types[0].name, "*cart.Item");
    EXPECT_TRUE(report.types->types[0].grows);
    EXPECT_NEAR(report.types->types[0].growth_per_min->count, 1, 1e-6);
    EXPECT_EQ(report.types->types[1].name, "string");
    EXPECT_FALSE(report.types->types[2].grows);
    EXPECT_EQ(report.types->unknown.count, 8U);
    EXPECT_NEAR(report.types->age_s, 20, 1e-6);
    EXPECT_THAT(ledger.worth_a_search(leaking_at(9).rows, {}), Contains("*cart.Item"));
}

TEST(GoTypeLedger, searches_and_shows_what_the_user_asks_for) {
    GoTypeLedger ledger;
    ledger.look(leaking_at(0), 0, 0.1);

    ProcessReport report;
    Coverage coverage;
    ledger.fill(1, {"Item"}, 0, report, coverage);

    EXPECT_EQ(ledger.worth_a_search(leaking_at(0).rows, {"cart.Item"}).front(), "*cart.Item");
    EXPECT_EQ(report.types->types.front().name, "*cart.Item");
}

TEST(GoTypeLedger, says_why_there_are_none) {
    GoTypeLedger ledger;
    GoTypeReading failed;
    failed.problem = "Go's heap is too busy";
    ledger.look(failed, 0, 0.1);

    ProcessReport report;
    Coverage coverage;
    ledger.fill(10, {}, 0, report, coverage);

    EXPECT_FALSE(report.types);
    EXPECT_THAT(coverage.notes, Contains(HasSubstr("too busy")));
}

TEST(GoTypeNames, are_understood_without_star_and_package) {
    EXPECT_TRUE(means_go_type("*http.Transport", "*http.Transport"));
    EXPECT_TRUE(means_go_type("http.Transport", "*http.Transport"));
    EXPECT_TRUE(means_go_type("Transport", "*http.Transport"));
    EXPECT_FALSE(means_go_type("port", "*http.Transport"));
    EXPECT_FALSE(means_go_type("main.T]", "*main.Box[other.main.T]"));
}

}  // namespace
}  // namespace whoholds
