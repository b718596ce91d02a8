// The forms that CIEs and FDEs come in, and what is made of bad ones.
#include <gmock/gmock.h>

#include <functional>

#include "unit/unwind/cfi_bytes.h"
#include "unit/unwind/table_checks.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kStart = 0x2000;
constexpr wh_unwind_rule kPlain = make_rule(WH_CFA_SP, 8);
constexpr wh_unwind_rule kFramed = make_rule(WH_CFA_SP, 16);
const Bytes kFramedProgram = {DW_CFA_def_cfa_offset, 16};

UnwindTable one_function(const CieForm& form, bool debug_frame = false, bool dwarf64 = false) {
    CfiWriter writer(debug_frame);
    writer.fde(writer.cie(form), kStart, 0x10, kFramedProgram, dwarf64);
    return writer.table();
}

TEST(CfiEntries, reads_cie_versions_1_3_and_4) {
    for (const int version : {1, 3, 4}) expect_rule(one_function({.version = version}), kStart, kFramed);
    for (const int version : {0, 2, 5, 255}) {
        const UnwindTable table = one_function({.version = version});
        EXPECT_THAT(table.rows, IsEmpty());
        EXPECT_FALSE(table.notes.empty());
    }
}

TEST(CfiEntries, reads_dwarf64) {
    expect_rule(one_function({.dwarf64 = true}, false, true), kStart, kFramed);
    expect_rule(one_function({.augmentation = "", .dwarf64 = true}, true, true), kStart, kFramed);
    expect_rule(one_function({}, false, true), kStart, kFramed);
}

TEST(CfiEntries, reads_debug_frame) {
    for (const int version : {1, 3, 4}) {
        expect_rule(one_function({.version = version, .augmentation = ""}, true), kStart, kFramed);
    }
}

TEST(CfiEntries, reads_augmentations_that_it_knows) {
    const struct {
        const char* letters;
        Bytes data;
        bool known;
    } cases[] = {
        {"zR", {DW_EH_PE_absptr}, true},
        {"zRB", {DW_EH_PE_absptr}, true},
        {"zLR", {DW_EH_PE_udata4, DW_EH_PE_absptr}, true},
        {"zPLR",
         {DW_EH_PE_indirect | DW_EH_PE_pcrel | DW_EH_PE_sdata4, 1, 2, 3, 4, DW_EH_PE_udata4, DW_EH_PE_absptr},
         true},
        {"zR", {DW_EH_PE_absptr, 1, 2, 3}, true},
        {"zQR", {0, DW_EH_PE_absptr}, false},
        {"zPR", {DW_EH_PE_aligned, 0, 0, 0, 0, 0, 0, 0, 0, DW_EH_PE_absptr}, false},
        {"zPR", {DW_EH_PE_absptr, 0}, false},
        {"zR", {}, false},
        {"eh", {}, false},
        {"R", {}, false},
    };
    for (const auto& one : cases) {
        const UnwindTable table = one_function({.augmentation = one.letters, .augmentation_data = one.data});
        EXPECT_EQ(!table.rows.empty(), one.known) << one.letters;
        EXPECT_EQ(table.notes.empty(), one.known) << one.letters;
    }
}

TEST(CfiEntries, refuses_what_is_not_for_this_architecture) {
    EXPECT_THAT(one_function({.return_register = 30}).rows, IsEmpty());
    EXPECT_THAT(one_function({.program = {0x3f}}).rows, IsEmpty());
    EXPECT_THAT(one_function({.program = {DW_CFA_advance_loc | 1}}).rows, IsEmpty());
    EXPECT_THAT(one_function({.program = {DW_CFA_remember_state}}).rows, IsEmpty());
    EXPECT_THAT(one_function({.program = {DW_CFA_restore | 6}}).rows, IsEmpty());
}

// One function, whose address is written in the encoding.
UnwindTable encoded(int encoding, const std::function<void(Bytes& body, uint64_t field_address)>& write_start,
                    const std::function<void(Bytes& body)>& write_size) {
    CfiWriter writer;
    const size_t cie = writer.cie({.augmentation_data = {encoding}});
    Bytes body;
    write_start(body, writer.next_body_address(0));
    write_size(body);
    writer.raw_fde(cie, body.uleb(3).add({1, 2, 3}).add(kFramedProgram));
    return writer.table();
}

TEST(CfiEntries, reads_pointer_encodings) {
    const auto size2 = [](Bytes& body) { body.u16(0x10); };
    const auto size4 = [](Bytes& body) { body.u32(0x10); };
    const auto size8 = [](Bytes& body) { body.u64(0x10); };
    const auto size_leb = [](Bytes& body) { body.uleb(0x10); };
    const uint64_t base = CfiWriter::kHeaderAddress;

    const UnwindTable tables[] = {
        encoded(
            DW_EH_PE_absptr, [](Bytes& body, uint64_t) { body.u64(kStart); }, size8),
        encoded(
            DW_EH_PE_udata2, [](Bytes& body, uint64_t) { body.u16(kStart); }, size2),
        encoded(
            DW_EH_PE_udata4, [](Bytes& body, uint64_t) { body.u32(kStart); }, size4),
        encoded(
            DW_EH_PE_udata8, [](Bytes& body, uint64_t) { body.u64(kStart); }, size8),
        encoded(
            DW_EH_PE_uleb128, [](Bytes& body, uint64_t) { body.uleb(kStart); }, size_leb),
        encoded(
            DW_EH_PE_sleb128, [](Bytes& body, uint64_t) { body.sleb(kStart); }, size_leb),
        encoded(
            DW_EH_PE_pcrel | DW_EH_PE_sdata4, [](Bytes& body, uint64_t at) { body.u32(kStart - at); }, size4),
        encoded(
            DW_EH_PE_pcrel | DW_EH_PE_sdata8, [](Bytes& body, uint64_t at) { body.u64(kStart - at); }, size8),
        encoded(
            DW_EH_PE_datarel | DW_EH_PE_sdata4, [&](Bytes& body, uint64_t) { body.u32(kStart - base); }, size4),
    };

    for (const UnwindTable& table : tables) {
        ASSERT_EQ(table.rows.size(), 2U);
        EXPECT_EQ(table.rows[0].address, kStart);
        EXPECT_EQ(table.rows[1].address, kStart + 0x10);
        EXPECT_TRUE(same_rule(table.rows[0].rule, kFramed));
    }
}

TEST(CfiEntries, refuses_pointers_that_need_memory_or_another_base) {
    const auto start = [](Bytes& body, uint64_t) { body.u32(kStart); };
    const auto size = [](Bytes& body) { body.u32(0x10); };
    for (const int base : {0x80, 0x90, 0x20, 0x40, 0x50, 0x70}) {
        EXPECT_THAT(encoded(base | DW_EH_PE_udata4, start, size).rows, IsEmpty()) << base;
    }
    EXPECT_THAT(encoded(DW_EH_PE_omit, start, size).rows, IsEmpty());
    EXPECT_THAT(encoded(0x05, start, size).rows, IsEmpty());
}

TEST(CfiEntries, end_marks_in_the_middle_are_passed_over) {
    CfiWriter writer;
    writer.zero();
    const size_t cie = writer.cie();
    writer.zero();
    writer.zero();
    writer.fde(cie, kStart, 0x10, {});
    writer.zero();

    EXPECT_EQ(writer.table().rows.size(), 2U);
}

TEST(CfiEntries, functions_outside_of_the_code_are_dropped) {
    const uint64_t start = CfiWriter::kCodeStart;
    const uint64_t end = CfiWriter::kCodeEnd;
    CfiWriter writer;
    const size_t cie = writer.cie();
    writer.fde(cie, 0, 0x10, {});
    writer.fde(cie, start - 1, 0x10, {});
    writer.fde(cie, end - 1, 2, {});
    writer.fde(cie, end, 1, {});
    writer.fde(cie, start, ~uint64_t{0}, {});
    writer.fde(cie, ~uint64_t{0} - 1, 0x10, {});
    writer.fde(cie, start, 0, {});

    EXPECT_THAT(writer.table().rows, IsEmpty());
    EXPECT_THAT(writer.table().notes, IsEmpty());

    writer.fde(cie, start, end - start, {});
    EXPECT_EQ(writer.table().rows.size(), 2U);
}

TEST(CfiEntries, of_overlapping_functions_the_first_wins) {
    CfiWriter writer;
    const size_t cie = writer.cie();
    writer.fde(cie, kStart + 8, 0x10, kFramedProgram);
    writer.fde(cie, kStart, 0x10, {});
    writer.fde(cie, kStart, 0x20, kFramedProgram);

    const UnwindTable table = writer.table();

    ASSERT_EQ(table.rows.size(), 2U);
    expect_rule(table, kStart + 0xf, kPlain);
    expect_rule(table, kStart + 0x10, kGapRule);
}

TEST(CfiEntries, adjacent_functions_have_no_gap_between) {
    CfiWriter writer;
    const size_t cie = writer.cie();
    writer.fde(cie, kStart + 0x10, 0x10, kFramedProgram);
    writer.fde(cie, kStart, 0x10, {});
    writer.fde(cie, kStart + 0x30, 0x10, {});

    const UnwindTable table = writer.table();

    ASSERT_EQ(table.rows.size(), 5U);
    expect_rule(table, kStart + 0x20, kGapRule);
    EXPECT_EQ(table.covered_bytes, 0x30U);
}

TEST(CfiEntries, debug_frame_fills_only_what_eh_frame_leaves) {
    CfiWriter eh_frame;
    eh_frame.fde(eh_frame.cie(), kStart, 0x10, {});
    CfiWriter debug_frame(true);
    const size_t cie = debug_frame.cie({.augmentation = ""});
    for (const uint64_t start : {kStart - 0x20, kStart - 8, kStart, kStart + 0xf, kStart + 0x20}) {
        debug_frame.fde(cie, start, 0x10, kFramedProgram);
    }

    const UnwindTable table = make_unwind_table({.eh_frame = eh_frame.section(),
                                                 .debug_frames = {debug_frame.section()},
                                                 .code = {{CfiWriter::kCodeStart, CfiWriter::kCodeEnd}}});

    expect_well_formed(table);
    expect_rule(table, kStart - 0x20, kFramed);
    expect_rule(table, kStart - 8, kGapRule);
    expect_rule(table, kStart, kPlain);
    expect_rule(table, kStart + 0x10, kGapRule);
    expect_rule(table, kStart + 0x20, kFramed);
    expect_rule(table, kStart + 0x30, kGapRule);
}

TEST(CfiEntries, a_file_cut_anywhere_gives_what_is_whole) {
    CfiWriter writer;
    const size_t cie = writer.cie();
    for (uint64_t i = 0; i < 4; ++i) writer.fde(cie, kStart + i * 0x20, 0x10, kFramedProgram);
    const std::vector<uint8_t>& bytes = writer.bytes().get();

    size_t rows_before = 0;
    for (size_t size = 0; size <= bytes.size(); ++size) {
        CfiSection section = writer.section();
        section.bytes = section.bytes.first(size);
        const UnwindTable table = make_unwind_table({.eh_frame = section, .code = {{0x1000, 0x8000}}});
        expect_well_formed(table);
        EXPECT_GE(table.rows.size(), rows_before);
        rows_before = table.rows.size();
    }
    EXPECT_EQ(rows_before, 8U);
}

TEST(CfiEntries, says_how_much_was_malformed) {
    CfiWriter writer;
    const size_t cie = writer.cie();
    writer.fde(cie + 1, kStart, 0x10, {});
    writer.raw_fde(cie, {1, 2, 3});
    writer.fde(cie, kStart + 0x20, 0x10, {0x3f});

    const UnwindTable table = writer.table();

    EXPECT_THAT(table.notes, ElementsAre(".eh_frame: 2 malformed entries", "1 functions with malformed rules"));
    EXPECT_EQ(table.unsupported_bytes, 0x10U);
}

TEST(CfiEntries, stops_at_the_end_mark_where_the_size_is_not_known) {
    CfiWriter writer;
    const size_t cie = writer.cie();
    writer.fde(cie, kStart, 0x10, {});
    writer.zero();
    writer.fde(cie, kStart + 0x20, 0x10, {});
    CfiSection section = writer.section();
    section.ends_at_zero = true;

    EXPECT_EQ(make_unwind_table({.eh_frame = section, .code = {{0x1000, 0x8000}}}).rows.size(), 2U);
    EXPECT_EQ(writer.table().rows.size(), 4U);
}

}  // namespace
}  // namespace whoholds
