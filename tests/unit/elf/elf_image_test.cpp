#include "elf/elf_image.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "unit/elf/elf_files_fixture.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> minimal_elf() {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
    return {bytes, bytes + sizeof header};
}

std::vector<uint8_t> with_byte(std::vector<uint8_t> bytes, size_t at, uint8_t value) {
    bytes[at] = value;
    return bytes;
}

void append_phdr(std::vector<uint8_t>& file, const Elf64_Phdr& header) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
    file.insert(file.end(), bytes, bytes + sizeof header);
    Elf64_Ehdr start{};
    std::memcpy(&start, file.data(), sizeof start);
    start.e_phoff = sizeof start;
    start.e_phnum += 1;
    std::memcpy(file.data(), &start, sizeof start);
}

TEST(ElfImage, refuses_what_it_cannot_read_and_says_why) {
    const std::vector<uint8_t> good = minimal_elf();
    const struct {
        std::vector<uint8_t> bytes;
        const char* reason;
    } cases[] = {
        {{}, "not an ELF file"},
        {{'#', '!', '/', 'b', 'i', 'n'}, "not an ELF file"},
        {with_byte(good, EI_CLASS, ELFCLASS32), "not a 64-bit"},
        {with_byte(good, EI_DATA, ELFDATA2MSB), "not a little-endian"},
        {with_byte(good, offsetof(Elf64_Ehdr, e_machine), EM_386), "not an ELF file for x86-64"},
        {with_byte(good, offsetof(Elf64_Ehdr, e_type), ET_REL), "neither a program nor a shared library"},
    };

    for (const auto& [bytes, reason] : cases) {
        const auto image = ElfImage::from_bytes(bytes, "some.so");

        ASSERT_FALSE(image) << reason;
        EXPECT_THAT(image.error().message, HasSubstr(reason));
        EXPECT_THAT(image.error().message, HasSubstr("some.so"));
    }
    EXPECT_TRUE(ElfImage::from_bytes(good, "good.so"));
}

TEST(ElfImage, a_segment_that_wraps_around_is_malformed) {
    std::vector<uint8_t> file = minimal_elf();
    append_phdr(file, {.p_type = PT_LOAD, .p_flags = PF_X, .p_vaddr = UINT64_MAX - 10, .p_memsz = 4096});

    const auto image = ElfImage::from_bytes(file, "wrap.so");

    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, ErrorCode::kMalformed);
}

TEST(ElfImage, T1_go_is_known_by_its_note_when_the_sections_are_cut_off) {
    std::vector<uint8_t> file = minimal_elf();
    const std::vector<uint8_t> note = {4, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 'G', 'o', 0, 0, 'a', 'b', 'c', 0};
    append_phdr(file,
                {.p_type = PT_NOTE, .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), .p_filesz = note.size()});
    const std::vector<uint8_t> without_note = file;
    file.insert(file.end(), note.begin(), note.end());

    const auto go = ElfImage::from_bytes(file, "go");
    const auto other = ElfImage::from_bytes(without_note, "other");

    ASSERT_TRUE(go && other);
    EXPECT_TRUE(go->is_go());
    EXPECT_FALSE(other->is_go());
}

TEST(ElfImage, converts_between_addresses_and_offsets_of_our_own_binary) {
    const auto image = ElfImage::open("/proc/self/exe");
    ASSERT_TRUE(image) << image.error().message;
    ASSERT_FALSE(image->segments().empty());

    const auto offset = image->offset_of(image->entry_address());

    ASSERT_TRUE(offset);
    EXPECT_EQ(image->address_of(*offset), image->entry_address());
    EXPECT_TRUE(image->is_executable(image->entry_address()));
    EXPECT_EQ(image->code_at(image->entry_address(), 16).size(), 16U);
    EXPECT_FALSE(image->offset_of(UINT64_MAX));
    EXPECT_FALSE(image->address_of(UINT64_MAX));
    EXPECT_TRUE(image->code_at(UINT64_MAX, 16).empty());
    EXPECT_FALSE(image->is_go());
}

TEST(ElfImage, code_ends_with_its_segment) {
    std::vector<uint8_t> file = minimal_elf();
    append_phdr(file,
                {.p_type = PT_LOAD, .p_flags = PF_X, .p_offset = 0, .p_vaddr = 0x1000, .p_filesz = 64, .p_memsz = 128});
    const auto image = ElfImage::from_bytes(file, "x");
    ASSERT_TRUE(image);

    EXPECT_EQ(image->code_at(0x1000 + 60, 100).size(), 4U);
    EXPECT_TRUE(image->code_at(0x1000 + 64, 100).empty());
    EXPECT_TRUE(image->is_executable(0x1000 + 127));
}

TEST_F(ElfFiles, opens_only_regular_files) {
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);

    EXPECT_EQ(ElfImage::open(path("fifo")).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(ElfImage::open(path(".")).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(ElfImage::open("/dev/zero").error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(ElfImage::open(path("nothing")).error().code, ErrorCode::kNotFound);
}

TEST_F(ElfFiles, finds_functions_with_aliases_and_no_data) {
    ASSERT_TRUE(build_program("-rdynamic"));
    const ElfImage image = open("program");

    const auto some = symbols_named(image, "take_some");
    const auto alias = symbols_named(image, "take_alias");
    const auto weak = symbols_named(image, "take_weak");

    ASSERT_EQ(some.size(), 1U);  // once, although both tables have it
    EXPECT_STREQ(some[0].table, ".dynsym");
    EXPECT_EQ(some[0].binding, ElfBinding::kGlobal);
    EXPECT_GT(some[0].size, 0U);
    ASSERT_EQ(alias.size(), 1U);
    EXPECT_EQ(alias[0].address, some[0].address);
    ASSERT_EQ(weak.size(), 1U);
    EXPECT_EQ(weak[0].binding, ElfBinding::kWeak);
    EXPECT_TRUE(symbols_named(image, "data_not_code").empty());
    EXPECT_FALSE(image.interpreter().empty());
    EXPECT_TRUE(image.is_position_independent());
}

TEST_F(ElfFiles, T16_symbols_of_a_static_program_come_from_symtab) {
    ASSERT_TRUE(build_program("-static -no-pie"));
    const ElfImage image = open("program");

    const auto symbols = symbols_named(image, "malloc");

    ASSERT_FALSE(symbols.empty());
    EXPECT_STREQ(symbols[0].table, ".symtab");
    EXPECT_FALSE(image.is_position_independent());
    EXPECT_EQ(image.interpreter(), "");
}

TEST_F(ElfFiles, version_suffixes_are_cut) {
    std::ofstream(path("map")) << "VERS_1 { global: *; };";
    ASSERT_TRUE(compile("extern \"C\" int old_one(int n) { return n; } __asm__(\".symver old_one,take@@VERS_1\");",
                        "-shared -fPIC -Wl,--version-script=map", "lib.so"));

    EXPECT_EQ(symbols_named(open("lib.so"), "take").size(), 1U);
}

TEST_F(ElfFiles, number_of_symbols_is_bounded) {
    ASSERT_TRUE(build_program(""));

    const auto symbols = open("program").function_symbols({.debug_roots = {}, .max_symbols = 3});

    if (symbols) {
        EXPECT_LE(symbols->size(), 3U);
    } else {
        EXPECT_EQ(symbols.error().code, ErrorCode::kLimit);
    }
}

TEST_F(ElfFiles, a_file_that_shrinks_while_open_is_an_error_or_fewer_symbols) {
    ASSERT_TRUE(build_program(""));
    const ElfImage image = open("program");
    ASSERT_EQ(::truncate(path("program").c_str(), 4096), 0);

    const auto symbols = image.function_symbols({.debug_roots = {}});

    EXPECT_TRUE(!symbols || symbols->size() < 50);
}

TEST_F(ElfFiles, links_below_a_process_root_stay_inside_of_it) {
    ASSERT_TRUE(build_program(""));
    ASSERT_TRUE(run("ln -s program link && ln -s /proc/self/exe magic"));

    EXPECT_TRUE(ElfImage::open("/proc/self/root" + path("link")));
    EXPECT_FALSE(ElfImage::open("/proc/self/root" + path("magic")));
}

}  // namespace
}  // namespace whoholds
