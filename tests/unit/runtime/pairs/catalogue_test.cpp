#include "runtime/pairs/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "attach/call_shape.h"
#include "runtime/pairs/counted_references.h"
#include "runtime/pairs/pair_grammar.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

TEST(Catalogue, every_entry_parses_and_has_a_name_of_its_own) {
    std::set<std::string_view> names;
    for (const CatalogueEntry& entry : catalogue()) {
        SCOPED_TRACE(entry.name);

        const auto pair = parse_pair(entry.text);

        ASSERT_TRUE(pair) << pair.error().message;
        EXPECT_TRUE(names.insert(entry.name).second);
        for (const PairFunction& function : pair->functions) EXPECT_TRUE(is_valid(unpack(function.shape)));
    }
}

TEST(Catalogue, no_function_stands_twice_in_a_pair) {
    for (const CatalogueEntry& entry : catalogue()) {
        std::set<std::string> seen;
        const auto pair = parse_pair(entry.text);
        ASSERT_TRUE(pair);
        for (const PairFunction& function : pair->functions) EXPECT_TRUE(seen.insert(function.symbol).second);
    }
}

TEST(Catalogue, is_selected_by_group_and_by_name) {
    const auto pairs = select_pairs("sqlite,SSL,sqlite3_stmt");

    ASSERT_TRUE(pairs);
    ASSERT_EQ(pairs->size(), 4U);
    EXPECT_EQ((*pairs)[1].name, "sqlite3_stmt");
    EXPECT_EQ((*pairs)[3].name, "SSL");
    EXPECT_TRUE((*pairs)[3].is_ready_made);
}

TEST(Catalogue, says_why_something_is_not_there) {
    EXPECT_THAT(select_pairs("openssl,what").error().message, HasSubstr("\"what\" is not in the catalogue"));
    EXPECT_THAT(select_pairs("").error().message, HasSubstr("is not in the catalogue"));
    for (const std::string_view name : counted_objects()) {
        EXPECT_THAT(select_pairs(name).error().message, HasSubstr("counts references")) << name;
    }
}

TEST(Catalogue, prints_every_pair_and_what_was_left_out) {
    const std::string text = catalogue_text();

    for (const CatalogueEntry& entry : catalogue()) EXPECT_THAT(text, HasSubstr(std::string(entry.text)));
    for (const std::string_view name : counted_objects()) EXPECT_THAT(text, HasSubstr(std::string(name) + " counts"));
}

}  // namespace
}  // namespace whoholds
