#include "elf/elf_image.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

constexpr const char* kProgram = R"(
extern "C" __attribute__((noinline)) int take_some(int n) { return n * 3; }
extern "C" __attribute__((alias("take_some"))) int take_alias(int n);
extern "C" __attribute__((weak, noinline)) int take_weak(int n) { return n * 5; }
extern "C" int data_not_code;
int data_not_code = 7;
static __attribute__((noinline, used)) int take_local(int n) { return n + data_not_code; }
int main(int argc, char**) { return take_some(argc) + take_weak(argc) + take_local(argc); }
)";

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

std::vector<ElfSymbol> symbols_named(const ElfImage& image, const std::string& name,
                                     const ElfImage::SymbolOptions& options = {.debug_roots = {}}) {
    auto symbols = image.function_symbols(options, [&](std::string_view candidate) { return candidate == name; });
    EXPECT_TRUE(symbols) << (symbols ? "" : symbols.error().message);
    return symbols ? *symbols : std::vector<ElfSymbol>();
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

class ElfFiles : public CompiledFixture {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("c++");
        WH_NEEDS_TOOL("objcopy");
    }
    [[nodiscard]] bool build_program(const std::string& options) const {
        return compile(kProgram, "-O1 -g " + options, "program");
    }
    [[nodiscard]] ElfImage open(const std::string& name) const {
        auto image = ElfImage::open(path(name));
        EXPECT_TRUE(image) << (image ? "" : image.error().message);
        return *std::move(image);
    }
};

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

TEST_F(ElfFiles, T16_debug_file_is_found_by_build_id) {
    ASSERT_TRUE(build_program("-Wl,--build-id=0x1234567890abcdef"));
    ASSERT_TRUE(
        run("mkdir -p debug/.build-id/12 && objcopy --only-keep-debug program "
            "debug/.build-id/12/34567890abcdef.debug && strip program"));
    const ElfImage image = open("program");

    const auto found = symbols_named(image, "_ZL10take_locali", {.debug_roots = {path("debug")}});

    EXPECT_EQ(image.build_id(), "1234567890abcdef");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_STREQ(found[0].table, "debug file");
    EXPECT_TRUE(image.is_executable(found[0].address));
    EXPECT_TRUE(symbols_named(image, "_ZL10take_locali").empty());
}

TEST_F(ElfFiles, a_debug_file_of_another_build_is_refused) {
    ASSERT_TRUE(build_program("-Wl,--build-id=0x1234567890abcdef"));
    ASSERT_TRUE(run("cp program other && objcopy --only-keep-debug other other.debug"));
    ASSERT_TRUE(build_program("-Wl,--build-id=0x1234567890abcdee"));
    ASSERT_TRUE(
        run("mkdir -p debug/.build-id/12 && mv other.debug debug/.build-id/12/34567890abcdee.debug && strip program"));

    EXPECT_TRUE(symbols_named(open("program"), "_ZL10take_locali", {.debug_roots = {path("debug")}}).empty());
}

TEST_F(ElfFiles, debug_link_is_followed_beside_the_file_in_dot_debug_and_in_the_roots) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("objcopy --only-keep-debug program program.dbg && strip program && objcopy --add-gnu-debuglink=program.dbg "
            "program"));
    const ElfImage image = open("program");
    const std::string folder = path("");

    EXPECT_EQ(symbols_named(image, "_ZL10take_locali").size(), 1U);
    ASSERT_TRUE(run("mkdir .debug && mv program.dbg .debug/"));
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali").size(), 1U);
    ASSERT_TRUE(run("mkdir -p root'" + folder + "' && mv .debug/program.dbg root'" + folder + "'"));
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali", {.debug_roots = {path("root")}}).size(), 1U);
    EXPECT_TRUE(symbols_named(image, "_ZL10take_locali").empty());
}

TEST_F(ElfFiles, debug_directory_is_where_the_target_sees_the_file) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("objcopy --only-keep-debug program program.dbg && strip program && objcopy --add-gnu-debuglink=program.dbg "
            "program"
            " && mkdir elsewhere && mv program elsewhere/"));
    const ElfImage image = open("elsewhere/program");

    EXPECT_TRUE(symbols_named(image, "_ZL10take_locali").empty());
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali", {.debug_roots = {}, .debug_directory = path("")}).size(), 1U);
    const std::string behind_root = "/proc/self/root" + path("");
    EXPECT_EQ(symbols_named(image, "_ZL10take_locali", {.debug_roots = {}, .debug_directory = behind_root}).size(), 1U);
}

TEST_F(ElfFiles, debug_link_with_a_wrong_crc_is_refused) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("objcopy --only-keep-debug program program.dbg && strip program && objcopy --add-gnu-debuglink=program.dbg "
            "program"));
    ASSERT_TRUE(run("printf x >>program.dbg"));

    EXPECT_TRUE(symbols_named(open("program"), "_ZL10take_locali").empty());
}

TEST_F(ElfFiles, T29_a_debug_link_cannot_leave_its_folder) {
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(run("cp program program.dbg && objcopy --add-gnu-debuglink=program.dbg program"));
    std::vector<uint8_t> bytes = read_bytes(path("program"));
    const std::string name = "program.dbg";
    const auto found = std::find_end(bytes.begin(), bytes.end(), name.begin(), name.end());
    ASSERT_NE(found, bytes.end());
    std::copy_n("../gram.dbg", name.size(), found);

    const auto image = ElfImage::from_bytes(bytes, path("program"));

    ASSERT_TRUE(image);
    EXPECT_EQ(image->debug_link().name, "");
}

TEST_F(ElfFiles, packed_debug_data_is_unpacked) {
    WH_NEEDS_TOOL("xz");
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("cp program mini && strip --strip-debug mini && xz -k mini && strip program && "
            "objcopy --add-section .gnu_debugdata=mini.xz program"));

    const auto found = symbols_named(open("program"), "_ZL10take_locali");

    ASSERT_EQ(found.size(), 1U);
    EXPECT_STREQ(found[0].table, ".gnu_debugdata");
}

TEST_F(ElfFiles, packed_debug_data_that_explodes_is_given_up) {
    WH_NEEDS_TOOL("xz");
    ASSERT_TRUE(build_program("-Wl,--build-id=none"));
    ASSERT_TRUE(
        run("head -c 200000000 /dev/zero | xz -1 >bomb.xz && strip program && "
            "objcopy --add-section .gnu_debugdata=bomb.xz program"));
    const ElfImage image = open("program");

    const auto symbols = image.function_symbols({.debug_roots = {}});

    if (!symbols) {
        EXPECT_EQ(symbols.error().code, ErrorCode::kLimit);
    } else {
        EXPECT_TRUE(std::none_of(symbols->begin(), symbols->end(), [](const ElfSymbol& symbol) {
            return std::string_view(symbol.table) == ".gnu_debugdata";
        }));
    }
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
