// The tables of programs and libraries that are installed, row by row against libdw.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "unit/unwind/libdw_witness.h"
#include "unit/unwind/table_checks.h"
#include "unwind/cfi_reader.h"

namespace whoholds {
namespace {

struct SystemFile {
    const char* name;
    const char* path;
    size_t row_step = 1;                   // how many rows to go on from one that is compared
    double max_unsupported_share = 0.001;  // of the code; hand-written assembler computes with other registers
};

void PrintTo(const SystemFile& file, std::ostream* out) { *out << file.path; }

class UnwindSystemFiles : public ::testing::TestWithParam<SystemFile> {
protected:
    void SetUp() override {
        if (!std::filesystem::exists(GetParam().path)) GTEST_SKIP() << GetParam().path << " is not installed";
        auto image = ElfImage::open(GetParam().path);
        ASSERT_TRUE(image) << image.error().message;
        table_ = build_unwind_table(*image, nullptr);
    }

    UnwindTable table_;
};

// The few instructions behind the system call of clone, whose CFI ends in front of it.
bool is_behind_clone(const ElfImage& image, uint64_t address) {
    constexpr uint64_t kCloneBytes = 10;
    constexpr std::array<uint8_t, 5> kClone = {0x0f, 0x05, 0x48, 0x85, 0xc0};  // syscall; test %rax,%rax
    const std::vector<uint8_t> code = image.code_at(address - kCloneBytes, kCloneBytes + kClone.size());
    return std::ranges::search(code, kClone).begin() != code.end();
}

// What no CFI describes, but its code gave away.
bool is_from_code(const wh_unwind_rule& ours, const wh_unwind_rule& theirs, const ElfImage& image, uint64_t address) {
    if (!same_rule(theirs, kGapRule)) return false;
    const wh_cfa_kind kind = cfa_kind_of(ours);
    if (kind == WH_CFA_END || kind == WH_CFA_SIGNAL || kind == WH_CFA_PLT) return true;
    return same_rule(ours, make_rule(WH_CFA_SP, 8)) && is_behind_clone(image, address);
}

TEST_P(UnwindSystemFiles, every_row_says_what_libdw_says) {
    const LibdwWitness witness(GetParam().path);
    const auto image = ElfImage::open(GetParam().path);
    ASSERT_TRUE(image) << image.error().message;
    size_t compared = 0;
    size_t different = 0;
    for (size_t i = 0; i + 1 < table_.rows.size(); i += GetParam().row_step) {
        for (const uint64_t address : {table_.rows[i].address, table_.rows[i + 1].address - 1}) {
            const wh_unwind_rule& ours = table_.rows[i].rule;
            const wh_unwind_rule theirs = witness.rule_at(address);
            ++compared;
            if (same_rule(ours, theirs) || is_from_code(ours, theirs, *image, address)) continue;
            ++different;
            if (different <= 10) {
                ADD_FAILURE() << std::hex << address << ": " << text_of(ours) << ", libdw: " << text_of(theirs);
            }
        }
    }
    EXPECT_GT(compared, 100U);
    EXPECT_EQ(different, 0U);
}

TEST_P(UnwindSystemFiles, nearly_all_code_has_a_rule_that_the_kernel_part_evaluates) {
    EXPECT_GT(table_.covered_bytes, 0U);
    const double share = static_cast<double>(table_.unsupported_bytes) / static_cast<double>(table_.covered_bytes);
    EXPECT_LE(share, GetParam().max_unsupported_share);
    EXPECT_TRUE(table_.notes.empty()) << table_.notes.front();
}

TEST_P(UnwindSystemFiles, placed_form_leads_to_the_same_rules) {
    expect_well_formed(table_);
    TestArena arena;
    const auto placed = arena.arena.place(table_, arena.rules);
    ASSERT_TRUE(placed) << placed.error().message;

    expect_placed_alike(table_, arena, *placed);

    EXPECT_LT(placed->bytes, 6 * 4 * table_.rows.size());
    EXPECT_EQ(arena.rules.refused(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Installed, UnwindSystemFiles,
                         ::testing::Values(SystemFile{"libc", "/lib/x86_64-linux-gnu/libc.so.6"},
                                           SystemFile{"libstdcxx", "/lib/x86_64-linux-gnu/libstdc++.so.6"},
                                           SystemFile{"dynamic_linker", "/lib64/ld-linux-x86-64.so.2", 1, 0.03},
                                           SystemFile{"python", "/usr/bin/python3"},
                                           SystemFile{"redis", "/usr/bin/redis-server"},
                                           SystemFile{"libcrypto", "/lib/x86_64-linux-gnu/libcrypto.so.3", 1, 0.03},
                                           SystemFile{"node", "/usr/bin/node", 5, 0.003},
                                           SystemFile{"gdb", "/usr/bin/gdb", 5}, SystemFile{"git", "/usr/bin/git"}),
                         [](const ::testing::TestParamInfo<SystemFile>& file) { return std::string(file.param.name); });

}  // namespace
}  // namespace whoholds
