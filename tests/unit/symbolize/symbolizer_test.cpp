// The symboliser on ourselves (this file is compiled with the project's flags) and on small programs made for it.
#include "symbolize/symbolizer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "elf/elf_image.h"
#include "unit/elf/compiled_fixture.h"
#include "unit/symbolize/jit_dump_builder.h"

namespace whoholds {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

Symbolizer symbolizer_of(pid_t pid) {
    Symbolizer symbolizer({}, pid);
    auto maps = read_maps({}, pid);
    EXPECT_TRUE(maps);
    if (maps) symbolizer.update_mappings(*maps);
    return symbolizer;
}

__attribute__((noinline)) uint64_t here() { return address_of(__builtin_return_address(0)); }

TEST(Symbolizer, names_a_function_of_our_own_by_its_return_address) {
    Symbolizer symbolizer = symbolizer_of(::getpid());

    const uint64_t pc = here();
    const auto frames = symbolizer.symbolize(pc);

    ASSERT_FALSE(frames.empty());
    EXPECT_THAT(frames.back().function, HasSubstr("names_a_function_of_our_own_by_its_return_address"));
    EXPECT_THAT(frames.back().raw_function, HasSubstr("_ZN"));
    EXPECT_EQ(frames.back().address, pc);
    EXPECT_FALSE(frames.back().inlined);
    EXPECT_FALSE(frames.back().build_id.empty());
    EXPECT_THAT(frames.back().module, EndsWith(std::string(program_invocation_short_name)));
    EXPECT_NE(frames.back().module_address, 0U);
}

TEST(Symbolizer, names_functions_of_libc_by_the_names_people_use) {
    Symbolizer symbolizer = symbolizer_of(::getpid());

    for (const char* name : {"getenv", "fopen", "strtol", "getpid", "abort"}) {
        const uint64_t address = address_of(::dlsym(RTLD_NEXT, name));
        if (address == 0) continue;
        const std::string shown = symbolizer.symbolize(address, false).back().function;
        EXPECT_THAT(shown, HasSubstr(name));
        EXPECT_FALSE(shown.starts_with("_")) << shown;
    }
}

TEST(Symbolizer, names_the_vdso) {
    Symbolizer symbolizer = symbolizer_of(::getpid());
    const uint64_t start = ::getauxval(AT_SYSINFO_EHDR);
    if (start == 0) GTEST_SKIP() << "this kernel gave us no vdso";

    std::vector<std::string> names;
    for (uint64_t offset = 0; offset < 4096; offset += 16) {
        const auto frames = symbolizer.symbolize(start + offset, false);
        EXPECT_EQ(frames.back().module, "[vdso]");
        names.push_back(frames.back().function);
    }

    EXPECT_THAT(names, Contains(HasSubstr("clock_gettime")));
}

TEST(Symbolizer, an_address_of_nothing_is_one_empty_frame) {
    Symbolizer symbolizer = symbolizer_of(::getpid());

    for (const uint64_t pc : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
        const auto frames = symbolizer.symbolize(pc);

        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].function, "");
        EXPECT_EQ(frames[0].module, "");
        EXPECT_EQ(frames[0].address, pc);
    }
}

TEST(Symbolizer, a_process_that_is_gone_has_no_names_and_no_crash) {
    Symbolizer symbolizer({}, 0);
    symbolizer.update_mappings({{.start = 0x1000,
                                 .end = 0x2000,
                                 .executable = true,
                                 .device_major = 8,
                                 .inode = 3,
                                 .path = "/usr/lib/libgone.so"}});

    const auto frames = symbolizer.symbolize(0x1800);

    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].module, "/usr/lib/libgone.so");
    EXPECT_EQ(frames[0].function, "");
    EXPECT_THAT(symbolizer.notes(), Contains(HasSubstr("/usr/lib/libgone.so")));
}

// The name of our file in /tmp is what a JIT in this process would use.
TEST(Symbolizer, code_of_a_jit_is_named_by_its_perf_map) {
    constexpr size_t kSize = 4096;
    void* code = ::mmap(nullptr, kSize, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(code, MAP_FAILED);
    const std::string map_path = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
    const auto append = [&](uint64_t offset, const char* name) {
        std::ofstream(map_path, std::ios::app) << std::hex << address_of(code) + offset << " 40 " << name << "\n";
    };
    append(0, "LazyCompile:*handle /app/server.js:12");
    Symbolizer symbolizer = symbolizer_of(::getpid());

    const Frame first = symbolizer.symbolize(address_of(code) + 0x20).back();
    const Frame unknown = symbolizer.symbolize(address_of(code) + 0x120).back();
    append(0x100, "later\x1b[31m");
    symbolizer.update_mappings(*read_maps({}, ::getpid()));
    const Frame later = symbolizer.symbolize(address_of(code) + 0x120).back();
    ::unlink(map_path.c_str());
    ::munmap(code, kSize);

    EXPECT_EQ(first.function, "LazyCompile:*handle /app/server.js:12");
    EXPECT_EQ(first.module, "[jit]");
    EXPECT_EQ(unknown.function, "");
    EXPECT_EQ(unknown.module, "[jit]");
    EXPECT_EQ(later.function, "later?[31m");
}

// A jitdump file is found by the executable mapping of it that the JIT makes for perf.
class JitDumpOf : public CompiledFixture {};

TEST_F(JitDumpOf, this_process_names_code_with_lines_and_wins_over_the_perf_map) {
    constexpr size_t kSize = 4096;
    void* code = ::mmap(nullptr, kSize, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(code, MAP_FAILED);
    const uint64_t at = address_of(code);
    JitDumpBuilder builder;
    builder.lines(at, {{at, 3, "/app/server.js"}, {at + 0x20, 12, "\xff"}}).load(at, 0x40, "JS:*handle");
    write_bytes(path("jit-1.dump"), builder.bytes());
    const int file = ::open(path("jit-1.dump").c_str(), O_RDWR | O_CLOEXEC);
    void* marker = ::mmap(nullptr, kSize, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    ASSERT_NE(marker, MAP_FAILED);
    const std::string map_path = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
    std::ofstream(map_path) << std::hex << at << " 40 from the map\n" << at + 0x80 << " 40 only in the map\n";
    Symbolizer symbolizer = symbolizer_of(::getpid());

    const Frame first = symbolizer.symbolize(at + 0x30).back();
    const Frame in_map = symbolizer.symbolize(at + 0x90).back();
    builder.load(at + 0x20, 0x20, "later\x1b[31m");
    ASSERT_EQ(::pwrite(file, builder.bytes().data(), builder.bytes().size(), 0),
              static_cast<ssize_t>(builder.bytes().size()));
    symbolizer.update_mappings(*read_maps({}, ::getpid()));
    const Frame later = symbolizer.symbolize(at + 0x30).back();
    ::unlink(map_path.c_str());
    ::munmap(code, kSize);
    ::munmap(marker, kSize);
    ::close(file);

    EXPECT_EQ(first.function, "JS:*handle");
    EXPECT_EQ(first.file, "/app/server.js");
    EXPECT_EQ(first.line, 12);
    EXPECT_EQ(first.module, "[jit]");
    EXPECT_EQ(in_map.function, "only in the map");
    EXPECT_EQ(later.function, "later?[31m");
    EXPECT_EQ(later.line, 0);
    EXPECT_THAT(symbolizer.notes(), Each(Not(HasSubstr("jit-1.dump:"))));
}

TEST_F(JitDumpOf, another_format_is_refused_with_a_note) {
    constexpr size_t kSize = 4096;
    write_bytes(path("jit-1.dump"), JitDumpBuilder(0x4454694A).bytes());
    const int file = ::open(path("jit-1.dump").c_str(), O_RDONLY | O_CLOEXEC);
    void* marker = ::mmap(nullptr, kSize, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    ASSERT_NE(marker, MAP_FAILED);
    ::close(file);
    Symbolizer symbolizer = symbolizer_of(::getpid());

    (void)symbolizer.symbolize(address_of(marker), false);
    ::munmap(marker, kSize);

    EXPECT_THAT(symbolizer.notes(), Contains(HasSubstr("jit-1.dump: written in the other byte order")));
}

constexpr const char* kLibrary = R"(
static inline __attribute__((always_inline)) unsigned long return_address() {
    return (unsigned long)__builtin_return_address(0);
}
static __attribute__((noinline)) unsigned long where_from() { return return_address(); }
namespace shop {
template <class T> __attribute__((noinline)) unsigned long sell(T) { return where_from() + 0 * sizeof(T); }
static inline __attribute__((always_inline)) unsigned long wrap(int n) {
    return sell(n);
}
}
extern "C" __attribute__((noinline)) unsigned long enter(int n) {
    unsigned long pc = shop::wrap(n);
    __asm__ volatile("");
    return pc;
}
extern "C" __attribute__((noinline)) unsigned long enter_wrap(int n) {
    unsigned long pc = where_from();
    __asm__ volatile("" : : "r"(n));
    return pc;
}
)";

class SymbolizedLibrary : public CompiledFixture {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("c++");
        WH_NEEDS_TOOL("objcopy");
    }
    void TearDown() override {
        if (handle_ != nullptr) ::dlclose(handle_);
        CompiledFixture::TearDown();
    }
    // Loads the library and returns a return address inside of its function.
    uint64_t load_and_call(const std::string& function) {
        handle_ = ::dlopen(path("lib.so").c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle_ == nullptr) return 0;
        void* symbol = ::dlsym(handle_, function.c_str());
        unsigned long (*call)(int) = nullptr;
        std::memcpy(&call, &symbol, sizeof call);
        return call == nullptr ? 0 : call(1);
    }
    void unload() {
        ::dlclose(handle_);
        handle_ = nullptr;
    }
    void* handle_ = nullptr;
};

constexpr const char* kLibraryOptions = "-O1 -g -shared -fPIC -fno-optimize-sibling-calls";

TEST_F(SymbolizedLibrary, T17_a_library_that_was_unloaded_keeps_its_names) {
    ASSERT_TRUE(compile(kLibrary, kLibraryOptions, "lib.so"));
    const uint64_t pc = load_and_call("enter_wrap");
    ASSERT_NE(pc, 0U);
    Symbolizer symbolizer = symbolizer_of(::getpid());

    unload();
    symbolizer.update_mappings(*read_maps({}, ::getpid()));
    const auto frames = symbolizer.symbolize(pc);

    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].function, "enter_wrap");
    EXPECT_THAT(frames[0].file, EndsWith("lib.so.cpp"));
    EXPECT_EQ(frames[0].line, 18);
    EXPECT_EQ(frames[0].module, path("lib.so"));
}

TEST_F(SymbolizedLibrary, T17_a_stack_taken_before_another_library_took_the_place_keeps_its_names) {
    ASSERT_TRUE(compile("extern \"C\" int first() { return 1; }", "-shared -fPIC", "first.so"));
    ASSERT_TRUE(compile("extern \"C\" int second() { return 1; }", "-shared -fPIC", "second.so"));
    void* place = nullptr;
    const auto map_whole = [&](const char* name) {
        const int file = ::open(path(name).c_str(), O_RDONLY | O_CLOEXEC);
        place = ::mmap(place, std::filesystem::file_size(path(name)), PROT_READ | PROT_EXEC,
                       MAP_PRIVATE | (place == nullptr ? 0 : MAP_FIXED), file, 0);
        ::close(file);
    };
    const auto offset_in = [&](const char* library, const std::string& function) {
        const auto image = ElfImage::open(path(library));
        const auto found = image->function_symbols({.debug_roots = {}}, [&](auto name) { return name == function; });
        return *image->offset_of(found->front().address);
    };
    Symbolizer symbolizer({}, ::getpid());
    const auto function_at = [&](uint64_t offset, uint32_t layout) {
        return symbolizer.symbolize(address_of(place) + offset, false, layout).back().function;
    };

    map_whole("first.so");
    symbolizer.update_mappings(*read_maps({}, ::getpid()), 1);
    map_whole("second.so");
    symbolizer.update_mappings(*read_maps({}, ::getpid()), 2);

    EXPECT_EQ(function_at(offset_in("first.so", "first"), 1), "first");
    EXPECT_EQ(function_at(offset_in("second.so", "second"), 2), "second");
    EXPECT_EQ(function_at(offset_in("second.so", "second"), 0), "second");
    EXPECT_EQ(function_at(offset_in("second.so", "second"), 7), "") << "a layout that was never seen";
    EXPECT_EQ(symbolizer.symbolize(address_of(::dlsym(RTLD_NEXT, "getenv")), false, 7).back().function, "getenv");
    ::munmap(place, std::filesystem::file_size(path("first.so")));
}

TEST_F(SymbolizedLibrary, T29_a_file_put_in_the_place_of_a_mapped_one_is_not_read) {
    ASSERT_TRUE(compile(kLibrary, kLibraryOptions, "lib.so"));
    ASSERT_TRUE(compile("extern \"C\" int other() { return 1; }", "-shared -fPIC", "other.so"));
    const uint64_t pc = load_and_call("enter_wrap");
    ASSERT_NE(pc, 0U);
    ASSERT_TRUE(run("mv other.so lib.so"));

    const auto frames = symbolizer_of(::getpid()).symbolize(pc);

    EXPECT_THAT(frames.back().function, AnyOf("enter_wrap", ""));  // by map_files when that is permitted
}

TEST_F(SymbolizedLibrary, stripped_files_show_exports_module_and_build_id) {
    ASSERT_TRUE(compile(kLibrary, std::string(kLibraryOptions) + " -Wl,--build-id=0x0123456789abcdef", "lib.so"));
    ASSERT_TRUE(run("strip lib.so"));
    const uint64_t pc = load_and_call("enter_wrap");
    ASSERT_NE(pc, 0U);

    const auto frames = symbolizer_of(::getpid()).symbolize(pc);

    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].function, "enter_wrap");
    EXPECT_EQ(frames[0].file, "");
    EXPECT_EQ(frames[0].line, 0);
    EXPECT_EQ(frames[0].build_id, "0123456789abcdef");
}

TEST_F(SymbolizedLibrary, debug_file_beside_the_library_gives_lines) {
    ASSERT_TRUE(compile(kLibrary, kLibraryOptions, "lib.so"));
    ASSERT_TRUE(
        run("objcopy --only-keep-debug lib.so lib.dbg && strip lib.so && objcopy --add-gnu-debuglink=lib.dbg lib.so"));
    const uint64_t pc = load_and_call("enter_wrap");
    ASSERT_NE(pc, 0U);

    const auto frames = symbolizer_of(::getpid()).symbolize(pc);

    EXPECT_EQ(frames.back().function, "enter_wrap");
    EXPECT_EQ(frames.back().line, 18);
}

TEST_F(SymbolizedLibrary, inlined_calls_are_frames_of_their_own) {
    ASSERT_TRUE(compile(kLibrary, kLibraryOptions, "lib.so"));
    uint64_t in_sell = load_and_call("enter");
    ASSERT_NE(in_sell, 0U);
    Symbolizer symbolizer = symbolizer_of(::getpid());
    EXPECT_EQ(symbolizer.symbolize(in_sell).back().function, "shop::sell<int>");

    // The call of sell() within enter(): the first call instruction of its code.
    const uint64_t enter = address_of(::dlsym(handle_, "enter"));
    const auto* code = reinterpret_cast<const uint8_t*>(enter);
    const uint64_t pc = enter + static_cast<uint64_t>(std::find(code, code + 64, 0xe8) - code) + 5;
    const auto frames = symbolizer.symbolize(pc);

    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].function, "shop::wrap");
    EXPECT_TRUE(frames[0].inlined);
    EXPECT_EQ(frames[0].line, 9);
    EXPECT_EQ(frames[1].function, "enter");
    EXPECT_FALSE(frames[1].inlined);
    EXPECT_EQ(frames[1].line, 13);
}

TEST_F(SymbolizedLibrary, without_time_names_come_first_and_lines_with_the_next_batch) {
    ASSERT_TRUE(compile(kLibrary, kLibraryOptions, "lib.so"));
    const uint64_t pc = load_and_call("enter_wrap");
    ASSERT_NE(pc, 0U);
    Symbolizer symbolizer = symbolizer_of(::getpid());
    const auto stopped_clock = [] { return uint64_t{0}; };

    symbolizer.set_budget_ms(0, stopped_clock);
    const Frame first = symbolizer.symbolize(pc).back();
    symbolizer.set_budget_ms(1000, stopped_clock);
    const Frame second = symbolizer.symbolize(pc).back();

    EXPECT_EQ(first.function, "enter_wrap");
    EXPECT_EQ(first.line, 0);
    EXPECT_EQ(second.function, "enter_wrap");
    EXPECT_EQ(second.line, 18);
}

TEST_F(SymbolizedLibrary, names_outlive_the_process) {
    ASSERT_TRUE(compile(R"(#include <unistd.h>
        int main() { char c; write(1, "x", 1); return read(0, &c, 1) < 0; })",
                        "-O1 -g", "program"));
    int to_child[2];
    int from_child[2];
    ASSERT_EQ(::pipe2(to_child, O_CLOEXEC) | ::pipe2(from_child, O_CLOEXEC), 0);
    const std::string program = path("program");
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::dup2(to_child[0], 0);
        ::dup2(from_child[1], 1);
        ::execl(program.c_str(), program.c_str(), nullptr);
        ::_exit(127);
    }
    char started = 0;
    ASSERT_EQ(::read(from_child[0], &started, 1), 1);
    const auto maps = read_maps({}, child);
    ASSERT_TRUE(maps);
    const auto image = ElfImage::open(program);
    const auto symbols =
        image->function_symbols({.debug_roots = {}}, [](std::string_view name) { return name == "main"; });
    ASSERT_EQ(symbols->size(), 1U);
    const auto text = std::find_if(maps->begin(), maps->end(), [&](const Mapping& mapping) {
        return mapping.executable && mapping.path == program;
    });
    ASSERT_NE(text, maps->end());
    const uint64_t pc = text->start + *image->offset_of(symbols->front().address) - text->file_offset;
    Symbolizer symbolizer({}, child);

    symbolizer.update_mappings(*maps);
    ::close(to_child[1]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const Frame frame = symbolizer.symbolize(pc, false).back();
    for (const int fd : {to_child[0], from_child[0], from_child[1]}) ::close(fd);

    EXPECT_EQ(frame.function, "main");
    EXPECT_EQ(frame.line, 2);
}

}  // namespace
}  // namespace whoholds
