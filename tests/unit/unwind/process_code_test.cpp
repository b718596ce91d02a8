#include "unwind/process_code.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

Mapping mapping_of(uint64_t start, uint64_t end, bool executable, const std::string& path = "", uint64_t offset = 0) {
    Mapping mapping;
    mapping.start = start;
    mapping.end = end;
    mapping.executable = executable;
    mapping.path = path;
    mapping.inode = path.empty() || path[0] != '/' ? 0 : 7;
    mapping.file_offset = offset;
    return mapping;
}

size_t first_module(const Mapping&) { return 0; }

TEST(CodeMappings, only_executable_ones_of_files_and_the_vdso) {
    const auto found =
        code_mappings({mapping_of(0x1000, 0x2000, false, "/bin/a"), mapping_of(0x2000, 0x4000, true, "/bin/a", 0x1000),
                       mapping_of(0x8000, 0x9000, true, "[vdso]", 0x55), mapping_of(0xa000, 0xb000, true, "[vsyscall]"),
                       mapping_of(0xc000, 0xd000, false)},
                      false, first_module);

    EXPECT_EQ(found, (std::vector<CodeMapping>{{0x2000, 0x4000, 0x1000, 0}, {0x8000, 0x9000, 0, 0}}));
}

const std::vector<Mapping> kJit = {mapping_of(0x1000, 0x2000, false), mapping_of(0x2000, 0x3000, true),
                                   mapping_of(0x3000, 0x4000, true), mapping_of(0x4000, 0x5000, false),
                                   mapping_of(0x6000, 0x7000, true)};

TEST(CodeMappings, code_made_at_run_time_is_joined_where_it_touches) {
    EXPECT_EQ(code_mappings(kJit, false, first_module),
              (std::vector<CodeMapping>{{0x2000, 0x4000, 0, kNoModule}, {0x6000, 0x7000, 0, kNoModule}}));
}

TEST(CodeMappings, memory_beside_code_that_keeps_frame_pointers_is_taken_for_code_to_come) {
    EXPECT_EQ(code_mappings(kJit, true, first_module),
              (std::vector<CodeMapping>{{0x1000, 0x5000, 0, kNoModule}, {0x6000, 0x7000, 0, kNoModule}}));
}

UnwindModule module_with_table() {
    UnwindModule module;
    module.segments.push_back({.virtual_address = 0x401040,
                               .memory_size = 0x2000,
                               .file_offset = 0x1040,
                               .file_size = 0x2000,
                               .executable = true});
    module.table = PlacedTable{.index_at = 8, .first_bucket = 0x1004, .bucket_count = 9, .bucket_shift = 10};
    return module;
}

TEST(PackMappings, bias_holds_where_segments_begin_in_the_middle_of_a_page) {
    const std::vector<CodeMapping> code = {{0x7f0000001000, 0x7f0000004000, 0x1000, 0}};
    const std::vector<UnwindModule> modules = {module_with_table()};

    const auto packed = pack_mappings(code, modules, false);

    ASSERT_EQ(packed.size(), 1u);
    EXPECT_EQ(packed[0].flags, WH_MAPPING_TABLE);
    EXPECT_EQ(packed[0].start - packed[0].bias, 0x401000u);
    EXPECT_EQ(packed[0].index_at, 8u);
    EXPECT_EQ(packed[0].bucket_count, 9u);
}

TEST(PackMappings, what_is_not_understood_has_no_flags_and_ends_a_walk) {
    UnwindModule without_table = module_with_table();
    without_table.table.reset();
    const std::vector<UnwindModule> modules = {without_table, module_with_table()};
    const std::vector<CodeMapping> code = {{0x1000, 0x2000, 0x1000, 0}, {0x3000, 0x4000, 0x900000, 1}};

    for (const wh_mapping& mapping : pack_mappings(code, modules, true)) EXPECT_EQ(mapping.flags, 0);
}

TEST(PackMappings, T32_code_of_a_jit_is_trusted_only_if_it_keeps_frame_pointers) {
    const std::vector<CodeMapping> code = {{0x1000, 0x2000, 0, kNoModule}};
    EXPECT_EQ(pack_mappings(code, {}, true)[0].flags, WH_MAPPING_FRAME_POINTERS);
    EXPECT_EQ(pack_mappings(code, {}, false)[0].flags, WH_MAPPING_FRAME_POINTERS_GUESS);
}

TEST(CodeHistory, T17_tells_when_an_address_means_other_code) {
    const CodeMapping a{0x1000, 0x5000, 0x1000, 1};
    CodeHistory history;
    EXPECT_FALSE(history.update(std::vector{a}));
    EXPECT_FALSE(history.update(std::vector{a}));
    EXPECT_FALSE(history.update(std::vector<CodeMapping>{})) << "nothing else is there";
    EXPECT_FALSE(history.update(std::vector{a})) << "the same came back";
    EXPECT_TRUE(history.update(std::vector{CodeMapping{0x2000, 0x3000, 0, 2}})) << "a part was replaced";
    EXPECT_TRUE(history.update(std::vector{a}));
    EXPECT_TRUE(history.update(std::vector{CodeMapping{0x1000, 0x5000, 0x2000, 1}})) << "another part of the file";
}

TEST(CodeHistory, T17_the_same_file_in_pieces_is_the_same) {
    CodeHistory history;
    EXPECT_FALSE(history.update(std::vector{CodeMapping{0x1000, 0x5000, 0x1000, 1}}));
    EXPECT_FALSE(
        history.update(std::vector{CodeMapping{0x1000, 0x2000, 0x1000, 1}, CodeMapping{0x3000, 0x5000, 0x3000, 1}}));
    EXPECT_FALSE(history.update(std::vector{CodeMapping{0x2000, 0x4000, 0x2000, 1}}));
    EXPECT_FALSE(history.update(std::vector{CodeMapping{0x8000, 0x9000, 0, kNoModule}}));
    EXPECT_FALSE(history.update(std::vector{CodeMapping{0x8000, 0xa000, 0, kNoModule}})) << "a JIT makes more";
    EXPECT_TRUE(history.update(std::vector{CodeMapping{0x8000, 0x9000, 0, 3}}));
}

}  // namespace
}  // namespace whoholds
