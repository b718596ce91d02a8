// Planning on made-up modules: symbols and bytes, no ELF file.
#include "attach/module_planner.h"

#include <gtest/gtest.h>

#include <string>

#include "attach/call_shape.h"
#include "unit/attach/fake_module.h"

namespace whoholds {
namespace {

TEST(ModulePlanner, plans_the_functions_of_a_libc) {
    FakeModule libc("/lib/libc.so.6");
    libc.function("malloc", 0x2000)
        .function("free", 0x2100)
        .function("mmap", 0x2200)
        .function("__libc_start_main", 0x2300);

    libc.plan();

    ASSERT_EQ(libc.result().probes.size(), 3U);
    const PlannedProbe* malloc_probe = libc.probe("malloc");
    EXPECT_EQ(malloc_probe->entry_offset, 0x1000U);
    EXPECT_EQ(malloc_probe->probe_offset(), 0x1000U);
    EXPECT_TRUE(malloc_probe->needs_return);
    EXPECT_EQ(malloc_probe->family, "libc");
    EXPECT_FALSE(libc.probe("free")->needs_return);
    EXPECT_FALSE(libc.result().is_allocator);
    EXPECT_EQ(libc.skipped_count(), 0U);
}

TEST(ModulePlanner, T14_one_probe_for_all_names_of_an_address) {
    FakeModule tcmalloc("/lib/libtcmalloc.so.4");
    tcmalloc.function("_ZdlPv", 0x2000).function("tc_free", 0x2000).function("free", 0x2000).function("malloc", 0x2100);

    tcmalloc.plan();

    ASSERT_EQ(tcmalloc.result().probes.size(), 2U);
    const PlannedProbe* free_probe = tcmalloc.probe("free");
    ASSERT_NE(free_probe, nullptr);
    EXPECT_EQ(free_probe->aliases, (std::vector<std::string>{"tc_free", "_ZdlPv"}));
}

TEST(ModulePlanner, T14_names_that_disagree_about_an_address_follow_the_first_row) {
    FakeModule folded("/lib/libfolded.so");
    folded.function("aligned_alloc", 0x2000).function("malloc", 0x2000).function("free", 0x2100);

    folded.plan();

    const PlannedProbe* probe = folded.probe("malloc");
    ASSERT_NE(probe, nullptr);
    EXPECT_TRUE(probe->aliases.empty());
    EXPECT_EQ(unpack(probe->shape).size_arg, 1U);
    EXPECT_EQ(folded.why_skipped("aligned_alloc"),
              "shares the address of malloc, whose arguments mean something else: taken for malloc");
}

TEST(ModulePlanner, T8_operator_new_is_not_probed_where_it_only_calls_malloc) {
    FakeModule libstdcpp("/lib/libstdc++.so.6");
    libstdcpp.function("_Znwm", 0x2000).function("_ZdlPv", 0x2100);

    libstdcpp.plan();

    EXPECT_TRUE(libstdcpp.result().probes.empty());
    EXPECT_EQ(libstdcpp.skipped_count(), 1U);
    EXPECT_EQ(libstdcpp.why_skipped("_Znwm"), "operator new and delete call malloc and free, which are probed");
}

TEST(ModulePlanner, T8_a_program_that_links_jemalloc_but_not_its_operators_keeps_to_malloc) {
    // push %rbx; call malloc; pop %rbx; ret, as in libstdc++.a
    const std::vector<uint8_t> wrapper = {0x53, 0xe8, 0xfa, 0x00, 0x00, 0x00, 0x5b, 0xc3};
    FakeModule program("/bin/server");
    program.function("mallocx", 0x1f00)
        .function("_Znwm", 0x2000, wrapper)
        .function("malloc", 0x2100)
        .function("free", 0x2200);

    program.plan();

    EXPECT_EQ(program.probe("_Znwm"), nullptr);
    EXPECT_NE(program.probe("malloc"), nullptr);
}

TEST(ModulePlanner, T13_an_allocators_own_operators_are_probed) {
    FakeModule jemalloc("/lib/libjemalloc.so.2");
    jemalloc.function("mallocx", 0x1f00).function("malloc", 0x2000).function("free", 0x2100);
    jemalloc.function("_Znwm", 0x2200).function("_ZdlPvm", 0x2300);

    jemalloc.plan();

    EXPECT_NE(jemalloc.probe("_Znwm"), nullptr);
    ASSERT_NE(jemalloc.probe("_ZdlPvm"), nullptr);
    EXPECT_EQ(jemalloc.probe("_ZdlPvm")->family, "jemalloc");
    EXPECT_EQ(jemalloc.probe("malloc")->family, "jemalloc");
    EXPECT_TRUE(jemalloc.result().is_allocator);
}

TEST(ModulePlanner, T13_an_allocator_that_we_do_not_know_by_name_is_one_by_replacing_malloc) {
    FakeModule unknown("/lib/libsnmalloc.so");
    unknown.function("malloc", 0x2000).function("free", 0x2100).function("_Znwm", 0x2200);

    unknown.plan();

    EXPECT_NE(unknown.probe("_Znwm"), nullptr);
    EXPECT_TRUE(unknown.result().is_allocator);
}

TEST(ModulePlanner, a_program_with_its_own_malloc_keeps_its_own_mappings) {
    FakeModule program("/bin/browser");
    program.function("malloc", 0x2000).function("free", 0x2100).function("__libc_start_main", 0x2300);

    program.plan();

    EXPECT_FALSE(program.result().is_allocator);
    EXPECT_EQ(program.result().probes.size(), 2U);
}

TEST(ModulePlanner, prefixed_jemalloc_is_found) {
    FakeModule program("/bin/rust");
    program.function("_rjem_mallocx", 0x2000).function("_rjem_malloc", 0x2100).function("_rjem_sdallocx", 0x2200);
    program.function("je_free", 0x2300)
        .function("malloc", 0x2400)
        .function("free", 0x2500)
        .function("__libc_start_main", 0x2600);

    program.plan();

    ASSERT_NE(program.probe("_rjem_malloc"), nullptr);
    EXPECT_EQ(unpack(program.probe("_rjem_malloc")->shape).size_arg, 1U);
    EXPECT_NE(program.probe("_rjem_sdallocx"), nullptr);
    EXPECT_NE(program.probe("je_free"), nullptr);
    EXPECT_EQ(program.probe("malloc")->family, "libc") << "the C library's, beside a private jemalloc";
}

TEST(ModulePlanner, thunks_are_covered_by_what_they_jump_to) {
    FakeModule mimalloc("/lib/libmimalloc.so.2");
    mimalloc.function("mi_free", 0x2000).function("mi_malloc", 0x2100);
    mimalloc.function("vfree", 0x2200, {0xe9, 0xfb, 0xfd, 0xff, 0xff});             // jmp mi_free
    mimalloc.function("mi_aligned_alloc", 0x2300, {0xe9, 0xfb, 0xfd, 0xff, 0xff});  // jmp mi_malloc: other arguments
    mimalloc.function("mi_free_size", 0x2400, {0xe9, 0xfb, 0x00, 0x00, 0x00});      // jmp free@plt
    mimalloc.bytes(0x2500, {0xff, 0x25, 0xfa, 0x0a, 0x00, 0x00}).import(0x3000, "mi_free");
    mimalloc.function("mi_free_aligned", 0x2600, {0xe9, 0xfb, 0x0f, 0x00, 0x00});  // jmp to somewhere unknown

    mimalloc.plan();

    EXPECT_EQ(mimalloc.probe("vfree"), nullptr);
    EXPECT_EQ(mimalloc.why_skipped("vfree"), "only jumps to mi_free, which is probed");
    EXPECT_EQ(mimalloc.probe("mi_free_size"), nullptr);
    EXPECT_EQ(mimalloc.why_skipped("mi_free_size"), "only jumps to mi_free, which is probed");
    EXPECT_NE(mimalloc.probe("mi_aligned_alloc"), nullptr);
    EXPECT_NE(mimalloc.probe("mi_free_aligned"), nullptr);
}

TEST(ModulePlanner, T41_the_shape_reads_arguments_where_the_probe_finds_them) {
    // mov %rdi,%rsi; mov %fs:(%rax),%rdi; ja; ret
    FakeModule mimalloc("/lib/libmimalloc.so.2");
    mimalloc.function("mi_malloc", 0x2000, {0x48, 0x89, 0xfe, 0x64, 0x48, 0x8b, 0x38, 0x77, 0x01, 0xc3, 0xc3});

    mimalloc.plan();

    const PlannedProbe* probe = mimalloc.probe("mi_malloc");
    ASSERT_NE(probe, nullptr);
    EXPECT_EQ(probe->placement.delta, 7U);
    EXPECT_EQ(probe->probe_offset(), 0x1007U);
    EXPECT_EQ(unpack(probe->shape).size_arg, 2U);
}

TEST(ModulePlanner, T41_a_probe_never_moves_past_the_next_function) {
    // test %rdi,%rdi; then another function starts with the je
    FakeModule module("/lib/libodd.so");
    module.function("free", 0x2000, {0x48, 0x85, 0xff, 0x74, 0x01, 0xc3, 0xc3})
        .function("malloc", 0x2003, {0x74, 0x01, 0xc3});

    module.plan();

    EXPECT_EQ(module.probe("free")->placement.delta, 0U);
}

TEST(ModulePlanner, T1_no_return_probe_in_a_go_module) {
    FakeModule go("/bin/go-program");
    go.function("malloc", 0x2000).function("free", 0x2100);
    go.code().is_go = true;

    go.plan();

    EXPECT_TRUE(go.result().probes.empty());
    EXPECT_TRUE(go.why_skipped("malloc").starts_with("Go module: a return probe would crash the process"));
    EXPECT_TRUE(go.why_skipped("free").starts_with("Go module"));
}

TEST(ModulePlanner, a_go_program_without_a_c_library_is_named_with_the_reason) {
    FakeModule go("/bin/go-program");
    go.code().is_go = true;

    go.plan();

    EXPECT_TRUE(go.result().probes.empty());
    EXPECT_EQ(go.skipped_count(), 1U);
    EXPECT_EQ(go.why_skipped("/bin/go-program"),
              "a Go program: its heap is the Go runtime's own, which is read from its memory and not traced; functions "
              "of a C library would be traced");
}

TEST(ModulePlanner, T5_without_return_probes_nothing_is_planned_and_the_reason_is_given) {
    FakeModule libc("/lib/libc.so.6");
    libc.function("malloc", 0x2000).function("free", 0x2100).function("munmap", 0x2200);
    PlanOptions options;
    options.return_probes_allowed = false;
    options.return_probes_refusal = "the seccomp filter would kill the process";

    libc.plan(options);

    EXPECT_TRUE(libc.result().probes.empty());
    EXPECT_EQ(libc.skipped_count(), 1U);
    EXPECT_EQ(libc.why_skipped("free"), "the seccomp filter would kill the process; releases alone would say nothing");
}

TEST(ModulePlanner, T8_the_dynamic_linkers_own_malloc_is_left_alone_but_musls_is_the_libc) {
    FakeModule loader("/lib/ld-2.31.so");
    loader.function("malloc", 0x2000).function("free", 0x2100);
    FakeModule musl("/lib/ld-musl-x86_64.so.1");
    musl.function("malloc", 0x2000).function("free", 0x2100).function("__libc_start_main", 0x2200);

    loader.plan();
    musl.plan();

    EXPECT_TRUE(loader.result().probes.empty());
    EXPECT_EQ(loader.why_skipped("malloc"), "the dynamic linker's own: it serves the linker before libc takes over");
    EXPECT_EQ(musl.result().probes.size(), 2U);
}

TEST(ModulePlanner, T16_a_hidden_allocator_counts_and_a_lone_static_function_does_not) {
    FakeModule hidden("/lib/libdatabase.so");
    hidden.function("malloc", 0x2000, kPushRet, ElfBinding::kLocal)
        .function("free", 0x2100, kPushRet, ElfBinding::kLocal);
    FakeModule lone("/lib/libparser.so");
    lone.function("free", 0x2000, kPushRet, ElfBinding::kLocal);

    hidden.plan();
    lone.plan();

    EXPECT_EQ(hidden.result().probes.size(), 2U);
    EXPECT_TRUE(lone.result().probes.empty());
    EXPECT_EQ(lone.why_skipped("free"), "a local function that happens to have this name");
}

TEST(ModulePlanner, ifuncs_and_symbols_outside_of_code_are_skipped_with_the_reason) {
    FakeModule module("/lib/libodd.so");
    module.function("malloc", 0x200000);
    module.code().ifuncs.push_back({"free", 0x2000, 16, ".dynsym", ElfBinding::kGlobal});

    module.plan();

    EXPECT_TRUE(module.result().probes.empty());
    EXPECT_EQ(module.why_skipped("malloc"), "not in the code of the file");
    EXPECT_TRUE(module.why_skipped("free").starts_with("an IFUNC"));
}

TEST(ModulePlanner, only_the_kinds_asked_for_are_planned) {
    FakeModule heap_only("/lib/libc.so.6");
    heap_only.function("malloc", 0x2000).function("mmap", 0x2100);
    PlanOptions options;
    options.mappings = false;

    heap_only.plan(options);

    ASSERT_EQ(heap_only.result().probes.size(), 1U);
    EXPECT_EQ(heap_only.result().probes[0].symbol, "malloc");
    EXPECT_EQ(heap_only.skipped_count(), 0U);
}

TEST(ModulePlanner, T17_the_loader_hook_is_glibcs_or_musls_and_not_that_of_a_static_program) {
    const auto hook = [](const char* path, bool is_libc, bool is_library) {
        ModuleCode code;
        code.symbols.push_back({"_dl_debug_state", 0x2000, 1, ".dynsym", ElfBinding::kGlobal});
        if (is_libc) code.symbols.push_back({"__libc_start_main", 0x3000, 1, ".dynsym", ElfBinding::kGlobal});
        code.is_library = is_library;
        code.offset_of = [](uint64_t address) { return std::optional<uint64_t>(address); };
        return loader_hook(code, path);
    };

    EXPECT_EQ(hook("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", false, true), 0x2000U);
    EXPECT_EQ(hook("/usr/lib/x86_64-linux-musl/libc.so", true, true), 0x2000U);
    EXPECT_EQ(hook("/lib/ld-musl-x86_64.so.1", true, true), 0x2000U);
    EXPECT_EQ(hook("/bin/static-program", true, false), std::nullopt);
    EXPECT_EQ(hook("/lib/libother.so", false, true), std::nullopt);
}

}  // namespace
}  // namespace whoholds
