// Whole files: where their CFI is found, and what is made of code that has none.
#include "unwind/cfi_reader.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <sys/auxv.h>

#include <cstring>
#include <fstream>
#include <string>

#include "unit/elf/elf_files_fixture.h"
#include "unit/unwind/libdw_witness.h"
#include "unit/unwind/table_checks.h"

namespace whoholds {
namespace {

using ::testing::IsEmpty;

class CfiReader : public CompiledFixture {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("cc");
        WH_NEEDS_TOOL("objcopy");
    }
    [[nodiscard]] bool build(const std::string& source, const std::string& suffix, const std::string& options,
                             const std::string& output) const {
        std::ofstream(path(output + suffix)) << source;
        return run("cc " + options + " -o " + output + " " + output + suffix);
    }
    // A program of assembler alone.
    [[nodiscard]] bool assemble(const std::string& source, const std::string& output,
                                const std::string& options = "-static -no-pie") const {
        return build(source, ".S", "-nostdlib " + options, output);
    }
    [[nodiscard]] ElfImage open(const std::string& name) const {
        auto image = ElfImage::open(path(name));
        EXPECT_TRUE(image) << (image ? "" : image.error().message);
        return *std::move(image);
    }
    static uint64_t address_of(const ElfImage& image, const std::string& name) {
        const auto symbols = symbols_named(image, name);
        EXPECT_EQ(symbols.size(), 1U) << name;
        return symbols.empty() ? 0 : symbols.front().address;
    }
};

std::vector<uint8_t> without_section_headers(std::vector<uint8_t> file) {
    Elf64_Ehdr header{};
    std::memcpy(&header, file.data(), sizeof header);
    header.e_shoff = 0;
    header.e_shnum = 0;
    header.e_shstrndx = 0;
    std::memcpy(file.data(), &header, sizeof header);
    return file;
}

TEST(CfiReaderFiles, section_headers_are_not_needed) {
    for (const char* file :
         {"/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/bin/env"}) {
        const std::vector<uint8_t> bytes = read_bytes(file);
        if (bytes.empty()) GTEST_SKIP() << file << " is not installed";
        const auto whole = ElfImage::from_bytes(bytes, file);
        const auto stripped = ElfImage::from_bytes(without_section_headers(bytes), file);
        ASSERT_TRUE(whole && stripped);
        ASSERT_EQ(stripped->find_section(".eh_frame"), nullptr);

        const UnwindTable expected = build_unwind_table(*whole, nullptr);
        const UnwindTable table = build_unwind_table(*stripped, nullptr);

        EXPECT_TRUE(same_rows(table, expected)) << file;
        EXPECT_GT(table.rows.size(), 100U);
        EXPECT_THAT(table.notes, IsEmpty());
    }
}

TEST(CfiReaderFiles, vdso_is_read_from_memory) {
    const uint64_t start = ::getauxval(AT_SYSINFO_EHDR);
    if (start == 0) GTEST_SKIP() << "this kernel maps no vdso";
    const auto* memory = reinterpret_cast<const uint8_t*>(start);
    Elf64_Ehdr header{};
    std::memcpy(&header, memory, sizeof header);
    const size_t size = header.e_shoff + size_t{header.e_shnum} * header.e_shentsize;
    const std::vector<uint8_t> bytes(memory, memory + size);
    const auto image = ElfImage::from_bytes(bytes, "[vdso]");
    ASSERT_TRUE(image) << image.error().message;

    const UnwindTable table = build_unwind_table(*image, nullptr);

    expect_well_formed(table);
    const auto functions = image->function_symbols(
        {.debug_roots = {}}, [](std::string_view name) { return name == "__vdso_clock_gettime"; });
    ASSERT_TRUE(functions && !functions->empty());
    expect_rule(table, functions->front().address, make_rule(WH_CFA_SP, 8));
    EXPECT_EQ(table.unsupported_bytes, 0U);
}

constexpr const char* kCode = R"(
extern int outside(int*);
int outside(int* p) { return *p; }
int one(int n) { int a[100]; a[n] = n; return outside(a) + n; }
int two(int n) { return one(n) + one(n + 1); }
int main(int argc, char** argv) { (void)argv; return two(argc); }
)";
constexpr const char* kOnlyDebugFrame =
    "-O1 -g -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-omit-frame-pointer -fno-inline ";

TEST_F(CfiReader, debug_frame_says_what_eh_frame_does_not) {
    ASSERT_TRUE(build(kCode, ".c", std::string(kOnlyDebugFrame) + "-gz=none", "plain"));
    ASSERT_TRUE(build(kCode, ".c", std::string(kOnlyDebugFrame) + "-gz=zlib", "packed"));
    const ElfImage plain_image = open("plain");
    const ElfImage packed_image = open("packed");
    ASSERT_NE(plain_image.find_section(".debug_frame"), nullptr);
    ASSERT_NE(packed_image.find_section(".debug_frame")->flags & SHF_COMPRESSED, 0U);

    ASSERT_TRUE(run("objcopy --compress-debug-sections=zstd plain zstd"));
    const ElfImage zstd_image = open("zstd");
    ASSERT_NE(zstd_image.find_section(".debug_frame")->flags & SHF_COMPRESSED, 0U);

    const UnwindTable plain = build_unwind_table(plain_image, nullptr);
    const UnwindTable packed = build_unwind_table(packed_image, nullptr);
    const UnwindTable zstd = build_unwind_table(zstd_image, nullptr);

    EXPECT_TRUE(same_rows(plain, packed));
    EXPECT_TRUE(same_rows(plain, zstd));
    EXPECT_THAT(zstd.notes, IsEmpty());
    EXPECT_THAT(packed.notes, IsEmpty());
    expect_rule(packed, address_of(packed_image, "two"), make_rule(WH_CFA_SP, 8));
    const LibdwWitness witness(path("plain"));
    for (size_t i = 0; i + 1 < plain.rows.size(); ++i) {
        const wh_unwind_rule theirs = witness.rule_at(plain.rows[i].address);
        EXPECT_TRUE(same_rule(plain.rows[i].rule, theirs)) << std::hex << plain.rows[i].address;
    }
}

TEST_F(CfiReader, debug_frame_may_be_in_a_file_of_its_own) {
    ASSERT_TRUE(build(kCode, ".c", kOnlyDebugFrame, "whole"));
    ASSERT_TRUE(run("objcopy --only-keep-debug whole whole.debug && objcopy --strip-all whole stripped"));
    const ElfImage whole = open("whole");
    const ElfImage stripped = open("stripped");
    const ElfImage debug = open("whole.debug");

    const UnwindTable alone = build_unwind_table(stripped, nullptr);
    const UnwindTable both = build_unwind_table(stripped, &debug);

    expect_rule(alone, address_of(whole, "two"), kGapRule);
    EXPECT_TRUE(same_rows(both, build_unwind_table(whole, nullptr)));
}

TEST_F(CfiReader, code_without_rules_that_saves_frame_pointers_is_told) {
    std::string source;
    for (int i = 0; i < 40; ++i) {
        source += "int f" + std::to_string(i) + "(int* p) { int a[9]; a[*p] = 1; return a[2] + *p; }\n";
    }
    source += "int main(void) { int n = 0; return f0(&n); }\n";
    const std::string options = "-O1 -fno-inline -fno-asynchronous-unwind-tables -fno-unwind-tables ";
    ASSERT_TRUE(build(source, ".c", options + "-fno-omit-frame-pointer", "with"));
    ASSERT_TRUE(build(source, ".c", options + "-fomit-frame-pointer", "without"));
    ASSERT_TRUE(build(source, ".c", "-O1 -fno-inline -fno-omit-frame-pointer", "described"));

    EXPECT_TRUE(build_unwind_table(open("with"), nullptr).gaps_keep_frame_pointers);
    EXPECT_FALSE(build_unwind_table(open("without"), nullptr).gaps_keep_frame_pointers);
    EXPECT_FALSE(build_unwind_table(open("described"), nullptr).gaps_keep_frame_pointers);
}

TEST_F(CfiReader, program_entry_without_rules_is_the_outermost_frame) {
    constexpr const char* kSource = ".globl _start\n_start: xor %ebp,%ebp\n call f\n hlt\n .fill 200,1,0x90\nf: ret\n";
    ASSERT_TRUE(assemble(kSource, "program"));
    ASSERT_TRUE(assemble(kSource, "library", "-shared -Wl,-e,_start"));
    constexpr const char* kCodeFirst = ".globl f\nf: push %rbx\n pop %rbx\n ret\n.fill 200,1,0x90\n";
    ASSERT_TRUE(assemble(kCodeFirst, "no_entry", "-shared -Wl,-e,f"));

    constexpr const char* kLinker = ".globl _start\n_start: mov %rsp,%rdi\n call f\n hlt\n .fill 200,1,0x90\nf: ret\n";
    ASSERT_TRUE(assemble(kLinker, "linker", "-shared -Wl,-e,_start"));

    for (const char* name : {"program", "library", "linker"}) {
        const ElfImage image = open(name);
        const UnwindTable table = build_unwind_table(image, nullptr);
        expect_well_formed(table);
        expect_rule(table, image.entry_address(), kEndRule);
        expect_rule(table, image.entry_address() + 63, kEndRule);
        expect_rule(table, image.entry_address() + 64, kGapRule);
    }
    EXPECT_THAT(build_unwind_table(open("no_entry"), nullptr).rows, IsEmpty());
}

constexpr const char* kTrampolines = R"(
.globl _start, handler_return, thread_start, covered, second_return
.type handler_return,@function
.type thread_start,@function
.type covered,@function
.type second_return,@function
_start: xor %ebp,%ebp
  .fill 100,1,0x90
handler_return: mov $15,%rax
  syscall
  .fill 16,1,0x90
thread_start: pop %rdi
  call *%r9
  mov %eax,%edi
  xor %eax,%eax
  mov $60,%al
  syscall
  .fill 16,1,0x90
covered: .cfi_startproc
  push %rbx
  .cfi_def_cfa_offset 16
  call _start
.cfi_endproc
second_return: mov $15,%rax
  syscall
  .fill 16,1,0x90
)";

TEST_F(CfiReader, trampolines_are_known_by_their_code) {
    ASSERT_TRUE(assemble(kTrampolines, "program"));
    const ElfImage image = open("program");

    const UnwindTable table = build_unwind_table(image, nullptr);

    expect_well_formed(table);
    const uint64_t first = address_of(image, "handler_return");
    expect_rule(table, first - 2, kGapRule);
    expect_rule(table, first - 1, kSignalRule);
    expect_rule(table, first + 8, kSignalRule);
    expect_rule(table, first + 9, kGapRule);
    const uint64_t thread = address_of(image, "thread_start");
    expect_rule(table, thread - 1, kGapRule);
    expect_rule(table, thread, kEndRule);
    expect_rule(table, thread + 11, kEndRule);
    expect_rule(table, thread + 12, kGapRule);
    // The byte before may be looked up for the call that ends `covered` or for a handler's return: nobody knows.
    const uint64_t second = address_of(image, "second_return");
    expect_rule(table, second - 2, make_rule(WH_CFA_SP, 16));
    expect_rule(table, second - 1, kUnsupportedRule);
    expect_rule(table, second, kSignalRule);
}

// glibc's: its CFI says nothing special, but a function that makecontext started returns to its first byte.
constexpr const char* kContextEnd = R"(
.globl _start, context_end, other_end
.type context_end,@function
.type other_end,@function
_start: .cfi_startproc
  .cfi_undefined rip
  hlt
.cfi_endproc
  .fill 15,1,0x90
context_end: .cfi_startproc
  mov %rbx,%rsp
  mov (%rsp),%rdi
  test %rdi,%rdi
  hlt
.cfi_endproc
  .fill 15,1,0x90
other_end: .cfi_startproc
  hlt
.cfi_endproc
  .fill 15,1,0x90
)";

TEST_F(CfiReader, stacks_of_makecontext_end_where_it_makes_them_return_to) {
    ASSERT_TRUE(assemble(kContextEnd, "program"));
    const ElfImage image = open("program");

    const UnwindTable table = build_unwind_table(image, nullptr);

    expect_well_formed(table);
    const uint64_t context = address_of(image, "context_end");
    expect_rule(table, context - 2, kGapRule);
    expect_rule(table, context - 1, kEndRule);
    expect_rule(table, context, make_rule(WH_CFA_SP, 8));
    const uint64_t other = address_of(image, "other_end");
    expect_rule(table, other - 1, kGapRule);
}

constexpr const char* kLinkageTables = R"(
.globl _start
_start: xor %ebp,%ebp
  .fill 100,1,0x90
.section .plt,"ax"
.balign 16
  pushq 0x1000(%rip)
  jmp *0x1000(%rip)
  .balign 16
  jmp *0x1000(%rip)
  push $0x12345678
  .byte 0xe9, 0, 0, 0, 0
  jmp *0x1000(%rip)
  push $0x12345678
  .byte 0xe9, 0, 0, 0, 0
.section .plt.got,"ax"
.balign 16
  jmp *0x1000(%rip)
  xchg %ax,%ax
.section .plt.odd,"ax"
.balign 16
  call _start
  .fill 11,1,0x90
)";

TEST_F(CfiReader, linkage_tables_without_rules_get_them) {
    ASSERT_TRUE(assemble(kLinkageTables, "program"));
    const ElfImage image = open("program");
    ASSERT_NE(image.find_section(".plt"), nullptr);
    const uint64_t plt = image.find_section(".plt")->address;

    const UnwindTable table = build_unwind_table(image, nullptr);

    expect_well_formed(table);
    expect_rule(table, plt, make_rule(WH_CFA_SP, 16));
    expect_rule(table, plt + 6, make_rule(WH_CFA_SP, 24));
    expect_rule(table, plt + 16, make_rule(WH_CFA_PLT, 0, {}, 11));
    expect_rule(table, plt + 47, make_rule(WH_CFA_PLT, 0, {}, 11));
    if (const ElfSection* got = image.find_section(".plt.got"))
        expect_rule(table, got->address, make_rule(WH_CFA_SP, 8));
    if (const ElfSection* odd = image.find_section(".plt.odd")) expect_rule(table, odd->address, kGapRule);
}

TEST_F(CfiReader, go_code_stays_a_gap_whatever_debug_frame_says) {
    ASSERT_TRUE(build(kCode, ".c", kOnlyDebugFrame, "c"));
    std::ofstream(path("info")) << "anything";
    ASSERT_TRUE(run("objcopy --add-section .go.buildinfo=info c go"));
    const ElfImage image = open("go");
    ASSERT_TRUE(image.is_go());

    expect_rule(build_unwind_table(image, nullptr), address_of(image, "two"), kGapRule);
    expect_rule(build_unwind_table(open("c"), nullptr), address_of(image, "two"), make_rule(WH_CFA_SP, 8));
}

}  // namespace
}  // namespace whoholds
