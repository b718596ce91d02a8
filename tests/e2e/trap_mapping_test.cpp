// T18: mmap, munmap and mremap keep exactly the pages that are mapped. Pages are numbered within the puppet's arena.
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

constexpr uint64_t kPage = 4096;

struct MappingCase {
    std::string name;
    std::vector<std::string> commands;
    std::vector<std::string> answers;  // of the commands, "" for any
    uint64_t held_pages;
};

std::ostream& operator<<(std::ostream& out, const MappingCase& one) { return out << one.name; }

class T18Mappings : public E2eTest, public ::testing::WithParamInterface<MappingCase> {};

TEST_P(T18Mappings, held_pages_are_exact) {
    const MappingCase& one = GetParam();
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    for (size_t i = 0; i < one.commands.size(); i++) {
        const std::string answer = puppet.command(one.commands[i]);
        const bool matters = i < one.answers.size() && !one.answers[i].empty();
        EXPECT_TRUE(!matters || answer == one.answers[i]) << one.commands[i] << ": " << answer;
    }
    const ReportReader report = whoholds.finish();

    const Totals mapping = report.kind("mapping");
    EXPECT_EQ(mapping.held.bytes, one.held_pages * kPage);
    EXPECT_EQ(report.all_stacks("mapping").held.bytes, one.held_pages * kPage);
    EXPECT_EQ(mapping.held.bytes, mapping.acquired.bytes - mapping.released.bytes);
    EXPECT_EQ(report.kind("heap").acquired, (Sum{0, 0}));
}

INSTANTIATE_TEST_SUITE_P(
    Each, T18Mappings,
    ::testing::Values(
        MappingCase{"mapped_and_unmapped", {"map 0 16", "map 20 3", "unmap 0 16"}, {"", "", "0"}, 3},
        MappingCase{"partly_unmapped_at_the_start", {"map 0 16", "unmap 0 2"}, {}, 14},
        MappingCase{"partly_unmapped_in_the_middle", {"map 0 16", "unmap 6 3"}, {}, 13},
        MappingCase{"partly_unmapped_at_the_end", {"map 0 16", "unmap 15 1"}, {}, 15},
        MappingCase{"unmapped_piece_by_piece", {"map 0 4", "unmap 1 1", "unmap 3 1", "unmap 0 1", "unmap 2 1"}, {}, 0},
        MappingCase{"unmapped_across_several", {"map 0 4", "map 4 4", "map 8 4", "unmap 2 8"}, {}, 4},
        MappingCase{"unmapped_beyond_its_end", {"map 0 4", "unmap 2 100"}, {}, 2},
        MappingCase{"unmapped_twice", {"map 0 4", "unmap 0 4", "unmap 0 4"}, {"", "0", "0"}, 0},
        MappingCase{"mapped_over_the_middle", {"map 0 16", "map 4 4"}, {}, 16},
        MappingCase{"mapped_over_several", {"map 0 4", "map 6 4", "map 2 6"}, {}, 10},
        MappingCase{"unmap_that_fails", {"map 0 4", "unmap_unaligned 0 4"}, {"", "-1"}, 4},
        MappingCase{"part_of_a_page", {"map_bytes 0 5000", "unmap 0 2"}, {}, 0},
        MappingCase{"grown_in_place", {"map 0 4", "hole 4 8", "remap 0 4 8"}, {"", "0", "in place"}, 8},
        MappingCase{"shrunk_in_place", {"map 0 16", "remap 0 16 5"}, {"", "in place"}, 5},
        MappingCase{"growth_that_fails", {"map 0 4", "map 4 4", "remap 0 4 8"}, {"", "", "failed"}, 8},
        MappingCase{"grown_by_moving", {"map 0 4", "map 4 4", "remap 0 4 9 maymove"}, {"", "", "moved"}, 13},
        MappingCase{"part_moved_away", {"map 0 16", "remap 4 4 4 fixed 100"}, {"", "moved"}, 16},
        MappingCase{"moved_over_another", {"map 0 4", "map 100 8", "remap 0 4 4 fixed 102"}, {"", "", "moved"}, 8},
        MappingCase{"moved_and_shrunk", {"map 0 16", "remap 0 16 4 fixed 100"}, {"", "moved"}, 4},
        MappingCase{"moved_but_old_kept", {"map 0 4", "remap 0 4 4 dontunmap 100"}, {"", "moved"}, 8},
        MappingCase{"moved_then_unmapped", {"map 0 4", "remap 0 4 4 fixed 100", "unmap 100 4"}, {"", "moved", "0"}, 0}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace whoholds::e2e
