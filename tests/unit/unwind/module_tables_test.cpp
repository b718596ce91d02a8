#include "unwind/module_tables.h"

#include <gtest/gtest.h>

#include <deque>

namespace whoholds {
namespace {

class ModuleTablesTest : public testing::Test {
protected:
    static Mapping mapping_of(const std::string& path) {
        Mapping mapping;
        mapping.executable = true;
        mapping.inode = 1;
        mapping.path = path;
        return mapping;
    }
    size_t module_of(const std::string& path) {
        return tables_.module_of(mapping_of(path), [](const Mapping& mapping) { return ElfImage::open(mapping.path); });
    }

    std::vector<wh_unwind_rule> rules_ = std::vector<wh_unwind_rule>(WH_UNWIND_RULES);
    std::deque<std::vector<uint32_t>> segments_;
    ModuleTables tables_{rules_, [this](uint32_t) -> Result<std::span<uint32_t>> {
                             return std::span<uint32_t>(segments_.emplace_back(WH_ARENA_SEGMENT_WORDS));
                         }};
};

TEST_F(ModuleTablesTest, a_file_has_one_table_whatever_it_is_called) {
    const size_t module = module_of("/proc/self/exe");
    const ModuleTables::Statistics statistics = tables_.statistics();

    EXPECT_EQ(module_of("/proc/thread-self/exe"), module);
    EXPECT_TRUE(tables_.modules()[module].table);
    EXPECT_EQ(tables_.statistics().files, 1u);
    EXPECT_EQ(tables_.statistics().rows, statistics.rows);
    EXPECT_LT(static_cast<double>(statistics.bytes), 5.5 * static_cast<double>(statistics.rows));
}

TEST_F(ModuleTablesTest, a_file_that_cannot_be_read_has_no_table_and_a_note) {
    const size_t module = module_of("/proc/self/maps");

    EXPECT_FALSE(tables_.modules()[module].table);
    ASSERT_EQ(tables_.notes().size(), 1u);
    EXPECT_NE(tables_.notes()[0].find("/proc/self/maps"), std::string::npos);
}

}  // namespace
}  // namespace whoholds
