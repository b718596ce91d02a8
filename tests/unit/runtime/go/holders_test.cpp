// Who holds the objects of a type, in a program that knows it.
#include "runtime/go/holders.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

#include "runtime/go/type_reading.h"
#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class GoHeldBy : public GoForms {
protected:
    static GoTypeReading read(const GoProcess& process, std::vector<std::string> types) {
        GoTypeReader reader;
        return reader.read(
            process, [&](const auto&) { return GoTypeReader::Wanted{types}; }, [] { return true; });
    }
};

TEST_P(GoHeldBy, names_the_way_from_variables_and_goroutines) {
    GoPuppet puppet(path());
    for (const char* made : {"map 101", "shapes 50", "channel 30", "goroutines 12", "closures 20"})
        puppet.command(std::string("make ") + made);
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const GoTypeReading read = GoHeldBy::read(
        *process, {"*main.session", "*main.circle", "*main.job", "*main.kept", "main.hook.func1 (closure)"});

    ASSERT_EQ(read.problem, "");
    ASSERT_EQ(read.holders.size(), 5U);
    for (const GoTypeHolders& holders : read.holders) ASSERT_FALSE(holders.ways.empty()) << holders.type;
    const auto first = [&](size_t i) { return read.holders[i].ways.front(); };
    EXPECT_EQ(first(0).count, 101U);
    EXPECT_THAT(first(0).way, StartsWith("variable "));
    EXPECT_THAT(first(0).way, EndsWith(" -> map[string]*main.session -> *main.session"));
    EXPECT_EQ(first(1).count, 50U);
    EXPECT_THAT(first(1).way, EndsWith(" -> []main.shape -> *main.circle"));
    EXPECT_EQ(first(2).count, 30U);
    EXPECT_THAT(first(2).way, EndsWith(" -> chan *main.job -> chan *main.job (buffer) -> *main.job"));
    EXPECT_EQ(first(3).count, 12U);
    EXPECT_THAT(first(3).way, StartsWith("goroutine main."));
    EXPECT_THAT(first(3).way, HasSubstr("started by main."));
    EXPECT_THAT(first(3).way, EndsWith(" -> *main.kept"));
    EXPECT_EQ(first(4).count, 20U);
    EXPECT_THAT(first(4).way, EndsWith(" -> []func() int64 -> main.hook.func1 (closure)"));
}

TEST_P(GoHeldBy, tells_a_list_once) {
    GoPuppet puppet(path());
    puppet.command("make list 300");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const GoTypeReading read = GoHeldBy::read(*process, {"*main.node"});

    ASSERT_EQ(read.holders.size(), 1U);
    ASSERT_FALSE(read.holders[0].ways.empty());
    EXPECT_GE(read.holders[0].ways.front().count, 200U);
    EXPECT_THAT(read.holders[0].ways.front().way, EndsWith("main.node.next -> ... -> *main.node"));
}

// What is held is no garbage, and adds up; texts that a value of the user's leads to count with it.
TEST_P(GoHeldBy, counts_what_is_reached) {
    GoPuppet puppet(path());
    for (const char* made :
         {"map 101", "list 300", "channel 20000", "channel 40"})  // the second one replaces the first
        puppet.command(std::string("make ") + made);
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const GoTypeReading read = GoHeldBy::read(*process, {"*main.session"});

    ASSERT_EQ(read.problem, "");
    ASSERT_TRUE(read.reached);
    GoReached sum;
    std::map<std::string, GoTypeRow> rows;
    for (const GoTypeRow& row : read.rows) {
        rows[row.name] = row;
        if (!row.reached) continue;
        sum.bytes += row.reached->bytes;
        sum.whole_bytes += row.reached->whole_bytes;
        EXPECT_LE(row.reached->count, row.count) << row.name;
    }
    EXPECT_EQ(rows["*main.session"].reached->count, 101U);
    EXPECT_EQ(rows["*main.session"].reached->whole_bytes, rows["*main.session"].reached->bytes);
    EXPECT_GE(rows["map[string]*main.session"].reached->whole_bytes, 101 * 32);  // the names
    EXPECT_EQ(rows["*main.node"].reached->count, 300U);
    EXPECT_EQ(rows["*main.node"].reached->whole_bytes, rows["*main.node"].reached->bytes);
    EXPECT_EQ(rows["*main.job"].reached->count, 40U);
    EXPECT_GE(read.bytes, read.reached->bytes + 20'000 * 64);
    EXPECT_EQ(read.reached->bytes, read.reached->whole_bytes);
    EXPECT_LE(sum.bytes, read.reached->bytes);  // some are of no known type
}

TEST_P(GoHeldBy, gives_up_in_time) {
    GoPuppet puppet(path());
    puppet.command("make map 1000");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    GoTypeReader reader;

    const GoTypeReading read = reader.read(
        *process, [](const auto&) { return GoTypeReader::Wanted(); }, [] { return false; });

    EXPECT_TRUE(read.rows.empty());
    EXPECT_THAT(read.problem, HasSubstr("not enough time"));
}

INSTANTIATE_TEST_SUITE_P(Each, GoHeldBy, ::testing::Values("go_types", "go_types_pie", "go_1_19_types"), go_form_name);

}  // namespace
}  // namespace whoholds
