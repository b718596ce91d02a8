// Rules derived from code: of all functions of installed libraries, place by place against what their CFI says.
#include "unwind/decoded_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "elf/elf_image.h"
#include "unit/unwind/table_checks.h"
#include "unwind/cfi_entries.h"
#include "unwind/cfi_reader.h"
#include "unwind/cfi_source.h"

namespace whoholds {
namespace {

std::vector<CodeBytes> text_of_file(const ElfImage& image) {
    const ElfSection* text = image.find_section(".text");
    if (text == nullptr) return {};
    return {{text->address, image.code_at(text->address, text->size)}};
}

const wh_unwind_rule kEntryRule = make_rule(WH_CFA_SP, 8);

// Functions as .eh_frame has them. One that does not begin as if it had been called is a part of another.
std::vector<CodeExtent> extents_of(const ElfImage& image, const UnwindTable& table) {
    std::vector<CodeExtent> extents;
    const Result<CfiBytes> eh_frame = read_eh_frame(image);
    if (!eh_frame) return extents;
    for (const CfiFde& fde : read_cfi_entries(eh_frame->section, executable_ranges(image)).fdes)
        extents.push_back({fde.code, !same_rule(rule_at(table.rows, fde.code.start), kEntryRule)});
    return extents;
}

std::vector<CodeExtent> exported_extents_of(const ElfImage& image) {
    std::vector<CodeExtent> extents;
    const auto symbols = image.function_symbols({.debug_roots = {}});
    if (!symbols) return extents;
    for (const ElfSymbol& symbol : *symbols) {
        if (symbol.size != 0) extents.push_back({{symbol.address, symbol.address + symbol.size}});
    }
    return extents;
}

bool agrees_about_cfa(const StackState& state, const wh_unwind_rule& rule) {
    if (cfa_kind_of(rule) == WH_CFA_SP) return state.stack_pointer == rule.cfa_offset;
    return cfa_kind_of(rule) == WH_CFA_FP && state.kind == StackState::FramePointer::kFrame &&
           state.frame_pointer == rule.cfa_offset;
}

bool agrees_about_frame_pointer(const StackState& state, const wh_unwind_rule& rule) {
    const wh_unwind_rule ours = state.rule();
    // To say less is not wrong: of hand-written code, CFI does not always tell that it writes rbp.
    if (fp_kind_of(ours) == WH_FP_UNSUPPORTED) return true;
    // And where it was saved though nothing needs that yet.
    const bool is_saved = fp_kind_of(ours) == WH_FP_AT_CFA;
    if (fp_kind_of(rule) == WH_FP_AT_CFA && is_saved) return ours.fp_offset == rule.fp_offset;
    // Compilers do not say when it was popped.
    if (fp_kind_of(rule) == WH_FP_AT_CFA) return -8 * rule.fp_offset > state.stack_pointer;
    return fp_kind_of(rule) == WH_FP_SAME;
}

// A return takes its address from where the stack pointer points to. Hand-written CFI does not always say so.
bool is_return(const ElfImage& image, uint64_t address) {
    std::vector<uint8_t> code = image.code_at(address, 2);
    return code.size() == 2 && (code[0] == 0xc3 || (code[0] == 0xf3 && code[1] == 0xc3));
}

// The CFI of some functions in assembler does not follow their pushes.
bool has_one_row(const UnwindTable& table, const UnwindRange& function) {
    const auto next = std::upper_bound(table.rows.begin(), table.rows.end(), function.start,
                                       [](uint64_t address, const UnwindRow& row) { return address < row.address; });
    return next == table.rows.end() || next->address >= function.end;
}

struct Library {
    const char* name;
    const char* path;
};

void PrintTo(const Library& library, std::ostream* out) { *out << library.path; }

class DecodedLibraries : public ::testing::TestWithParam<Library> {
protected:
    void SetUp() override {
        if (!std::filesystem::exists(GetParam().path)) GTEST_SKIP() << GetParam().path << " is not installed";
    }

    static void expect_alike(const DecodedCode& decoded, const UnwindTable& table, const ElfImage& image) {
        const std::vector<CodeExtent> functions = extents_of(image, table);
        std::set<uint64_t> undescribed;
        size_t different = 0;
        for (const DecodedPlace& place : decoded.places) {
            const wh_unwind_rule rule = rule_at(table.rows, place.address);
            const wh_cfa_kind kind = cfa_kind_of(rule);
            if (kind == WH_CFA_NONE || kind == WH_CFA_END) continue;
            if (agrees_about_cfa(place.state, rule) && agrees_about_frame_pointer(place.state, rule)) continue;
            if (same_rule(place.state.rule(), kEntryRule) && is_return(image, place.address)) continue;
            const auto after = std::upper_bound(
                functions.begin(), functions.end(), place.address,
                [](uint64_t address, const CodeExtent& function) { return address < function.code.start; });
            if (after != functions.begin() && has_one_row(table, std::prev(after)->code)) {
                undescribed.insert(std::prev(after)->code.start);
                continue;
            }
            if (++different <= 10) {
                ADD_FAILURE() << std::hex << place.address << ": " << text_of(place.state.rule())
                              << ", CFI: " << text_of(rule);
            }
        }
        EXPECT_LE(undescribed.size(), 2U);  // glibc's __mpn_addmul_1 and __mpn_submul_1
        EXPECT_EQ(different, 0U) << "of " << decoded.places.size();
    }
};

TEST_P(DecodedLibraries, whatever_is_said_of_a_function_its_CFI_says_too) {
    const auto image = ElfImage::open(GetParam().path);
    ASSERT_TRUE(image) << image.error().message;
    const UnwindTable table = build_unwind_table(*image, nullptr);

    const DecodedCode decoded = decode_code(text_of_file(*image), extents_of(*image, table));

    expect_alike(decoded, table, *image);
    const auto share = static_cast<double>(decoded.accepted) / static_cast<double>(decoded.accepted + decoded.refused);
    RecordProperty("accepted_share", std::to_string(share));
    EXPECT_GT(share, 0.95);
    EXPECT_GT(decoded.accepted, 500U);
}

TEST_P(DecodedLibraries, functions_that_have_no_symbol_are_found) {
    const auto image = ElfImage::open(GetParam().path);
    ASSERT_TRUE(image) << image.error().message;
    const UnwindTable table = build_unwind_table(*image, nullptr);

    const DecodedCode decoded = decode_code(text_of_file(*image), exported_extents_of(*image));

    expect_alike(decoded, table, *image);
    EXPECT_GT(decoded.accepted, 500U);
}

INSTANTIATE_TEST_SUITE_P(Installed, DecodedLibraries,
                         ::testing::Values(Library{"libc", "/lib/x86_64-linux-gnu/libc.so.6"},
                                           Library{"libstdcxx", "/lib/x86_64-linux-gnu/libstdc++.so.6"},
                                           Library{"libcrypto", "/lib/x86_64-linux-gnu/libcrypto.so.3"},
                                           Library{"libm", "/lib/x86_64-linux-gnu/libm.so.6"},
                                           Library{"python", "/usr/bin/python3"}),
                         [](const ::testing::TestParamInfo<Library>& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace whoholds
