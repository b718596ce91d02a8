// Planning on real files: this process, and copies of its libc.
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attach/attach_plan.h"
#include "attach/call_shape.h"
#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

constexpr const char* kLibc = "libc.so.6";

std::string path_of_libc() {
    Dl_info info{};
    void* libc = ::dlopen(kLibc, RTLD_NOW | RTLD_NOLOAD);
    void* function = libc == nullptr ? nullptr : ::dlsym(libc, "malloc");
    if (function == nullptr || ::dladdr(function, &info) == 0) return {};
    return std::filesystem::canonical(info.dli_fname).string();
}

Mapping mapping_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return {.start = 0x7f0000000000,
            .end = 0x7f0000200000,
            .readable = true,
            .executable = true,
            .device_major = major(status.st_dev),
            .device_minor = minor(status.st_dev),
            .inode = status.st_ino,
            .path = path};
}

AttachPlan plan_files(const std::vector<Mapping>& mappings) {
    return make_plan(::getpid(), mappings, {}, open_elf_of(ProcRoot{}, ::getpid()));
}

const PlannedProbe* find_probe(const AttachPlan& plan, std::string_view symbol) {
    for (const ModulePlan& module : plan.modules) {
        for (const PlannedProbe& probe : module.probes) {
            const auto& aliases = probe.aliases;
            if (probe.symbol == symbol || std::find(aliases.begin(), aliases.end(), symbol) != aliases.end())
                return &probe;
        }
    }
    return nullptr;
}

bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

TEST(Planner, T15_finds_malloc_of_this_process_where_the_dynamic_linker_put_it) {
    const auto mappings = read_maps(ProcRoot{}, ::getpid());
    ASSERT_TRUE(mappings) << mappings.error().message;
    const std::string libc = path_of_libc();
    ASSERT_FALSE(libc.empty());

    const AttachPlan plan = plan_files(*mappings);

    const auto module = std::find_if(plan.modules.begin(), plan.modules.end(),
                                     [&](const ModulePlan& each) { return each.path == libc; });
    ASSERT_NE(module, plan.modules.end()) << plan_to_text(plan);
    const auto probe = std::find_if(module->probes.begin(), module->probes.end(),
                                    [](const PlannedProbe& each) { return each.symbol == "malloc"; });
    ASSERT_NE(probe, module->probes.end());
    const auto code = std::find_if(mappings->begin(), mappings->end(), [&](const Mapping& each) {
        return each.path == libc && each.executable && probe->entry_offset - each.file_offset < each.end - each.start;
    });
    ASSERT_NE(code, mappings->end());
    const uint64_t runtime_address = code->start + (probe->entry_offset - code->file_offset);
    EXPECT_EQ(runtime_address, reinterpret_cast<uint64_t>(::dlsym(::dlopen(kLibc, RTLD_NOW | RTLD_NOLOAD), "malloc")));
    EXPECT_FALSE(module->build_id.empty());
    EXPECT_LE(module->first_address, code->start);
    EXPECT_GE(module->end_address, code->end);
}

TEST(Planner, T17_watches_the_dynamic_linker_of_this_process) {
    const auto mappings = read_maps(ProcRoot{}, ::getpid());
    ASSERT_TRUE(mappings);

    const AttachPlan plan = plan_files(*mappings);

    EXPECT_NE(plan.loader_offset, 0U);
    EXPECT_FALSE(plan.loader_open_path.empty());
}

TEST(Planner, T41_most_functions_of_libc_are_probed_at_the_low_price) {
    const AttachPlan plan = plan_files({mapping_of(path_of_libc())});

    for (const char* symbol : {"malloc", "free", "calloc", "realloc"}) {
        const PlannedProbe* probe = find_probe(plan, symbol);
        ASSERT_NE(probe, nullptr) << symbol;
        EXPECT_TRUE(probe->placement.emulated) << symbol << ": " << probe->placement.why;
        EXPECT_EQ(probe->needs_return, needs_return(unpack(probe->shape))) << symbol;
    }
}

TEST(Planner, T14_no_two_probes_share_an_address) {
    const auto mappings = read_maps(ProcRoot{}, ::getpid());
    ASSERT_TRUE(mappings);

    const AttachPlan plan = plan_files(*mappings);

    for (const ModulePlan& module : plan.modules) {
        for (size_t i = 1; i < module.probes.size(); ++i) {
            EXPECT_LT(module.probes[i - 1].address, module.probes[i].address) << module.path;
        }
    }
    const PlannedProbe* alias = find_probe(plan, "__libc_malloc");
    ASSERT_NE(alias, nullptr);
    EXPECT_EQ(alias, find_probe(plan, "malloc"));
}

TEST(Planner, T42_a_path_of_any_length_and_T30_of_any_name) {
    const TempFolder folder;
    std::string name;
    for (int i = 0; i < 12; ++i) name += std::string(90, static_cast<char>('a' + i)) + "/";
    name += "not a library.data";
    std::filesystem::create_directories(std::filesystem::path(folder.path(name)).parent_path());
    std::filesystem::copy_file(path_of_libc(), folder.path(name));
    const Mapping mapping = mapping_of(folder.path(name));

    const AttachPlan plan = plan_files({mapping});

    ASSERT_EQ(plan.modules.size(), 1U) << plan_to_text(plan);
    EXPECT_GT(mapping.path.size(), 1000U);
    EXPECT_EQ(plan.modules[0].path, mapping.path);
    EXPECT_THAT(plan.modules[0].open_path, HasSubstr(mapping.path));
    EXPECT_NE(find_probe(plan, "malloc"), nullptr);
}

TEST(Planner, T1_a_go_binary_is_refused) {
    const TempFolder folder;
    const std::string go = folder.path("go-program");
    folder.write("buildinfo", "\xff Go buildinf:");
    if (!run("objcopy --add-section .go.buildinfo=" + folder.path("buildinfo") + " " + path_of_libc() + " " + go)) {
        GTEST_SKIP() << "objcopy (binutils) is needed to make the file";
    }

    const AttachPlan plan = plan_files({mapping_of(go)});

    EXPECT_EQ(plan.probe_count(), 0U);
    ASSERT_FALSE(plan.skipped.empty());
    EXPECT_THAT(plan.skipped[0].why, HasSubstr("Go module: a return probe would crash the process"));
}

TEST(Planner, T16_a_static_program_brings_its_own_malloc_and_no_dynamic_linker) {
    const TempFolder folder;
    folder.write("main.c", "#include <stdlib.h>\nint main(void) { free(malloc(17)); return 0; }\n");
    const std::string program = folder.path("static-program");
    if (!run("cc -static -O1 -fno-builtin -o " + program + " " + folder.path("main.c"))) {
        GTEST_SKIP() << "a C compiler and a static libc are needed to make the file";
    }

    const AttachPlan plan = plan_files({mapping_of(program)});

    ASSERT_EQ(plan.modules.size(), 1U) << plan_to_text(plan);
    EXPECT_NE(find_probe(plan, "malloc"), nullptr);
    EXPECT_NE(find_probe(plan, "free"), nullptr);
    EXPECT_NE(find_probe(plan, "munmap"), nullptr);
    EXPECT_FALSE(plan.modules[0].is_allocator);
    EXPECT_EQ(plan.loader_offset, 0U);
}

TEST(Planner, T16_several_allocators_in_one_process_are_all_planned) {
    const TempFolder folder;
    std::filesystem::copy_file(path_of_libc(), folder.path("preloaded.so"));
    Mapping second = mapping_of(folder.path("preloaded.so"));
    second.start += 0x10000000;
    second.end += 0x10000000;

    const AttachPlan plan = plan_files({mapping_of(path_of_libc()), second});

    ASSERT_EQ(plan.modules.size(), 2U);
    EXPECT_EQ(plan.modules[0].probes.size(), plan.modules[1].probes.size());
}

TEST(Planner, a_file_mapped_in_pieces_is_one_module) {
    const std::string libc = path_of_libc();
    Mapping header = mapping_of(libc);
    header.executable = false;
    header.end = header.start + 0x1000;
    Mapping code = mapping_of(libc);
    code.start = header.end;
    Mapping more_code = code;
    more_code.start = code.end;
    more_code.end = more_code.start + 0x1000;

    const AttachPlan plan = plan_files({header, code, more_code});

    ASSERT_EQ(plan.modules.size(), 1U);
    EXPECT_EQ(plan.modules[0].first_address, header.start);
    EXPECT_EQ(plan.modules[0].end_address, more_code.end);
}

TEST(Planner, T29_another_file_at_the_path_is_not_taken_for_the_mapped_one) {
    Mapping mapping = mapping_of(path_of_libc());
    mapping.inode += 1;

    const AttachPlan plan = plan_files({mapping});

    EXPECT_TRUE(plan.modules.empty());
    ASSERT_EQ(plan.skipped.size(), 1U);
    EXPECT_THAT(plan.skipped[0].why, HasSubstr("is not the file that is mapped"));
}

TEST(Planner, T29_a_device_number_that_differs_is_accepted_where_inode_and_path_agree) {
    Mapping mapping = mapping_of(path_of_libc());
    mapping.device_major += 1;

    EXPECT_EQ(plan_files({mapping}).modules.size(), 1U);
}

TEST(Planner, what_cannot_be_read_is_skipped_with_the_reason) {
    const TempFolder folder;
    folder.write("script", "#!/bin/sh\n");
    Mapping gone = mapping_of(folder.path("script"));
    gone.path = "/nowhere/at/all.so";
    const Mapping device = {.start = 0x1000, .end = 0x2000, .executable = true, .inode = 5, .path = "/dev/zero"};

    const AttachPlan plan = plan_files({mapping_of(folder.path("script")), gone, device});

    EXPECT_TRUE(plan.modules.empty());
    EXPECT_EQ(plan.skipped.size(), 3U);
    for (const Skipped& skipped : plan.skipped) EXPECT_FALSE(skipped.why.empty()) << skipped.what;
    EXPECT_THAT(plan_to_text(plan), HasSubstr("NOTHING TO ATTACH TO"));
}

TEST(Planner, a_32_bit_module_is_skipped_with_the_reason) {
    const TempFolder folder;
    std::filesystem::copy_file(path_of_libc(), folder.path("old.so"));
    std::fstream file(folder.path("old.so"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4).put(1);  // EI_CLASS: ELFCLASS32
    file.close();

    const AttachPlan plan = plan_files({mapping_of(folder.path("old.so"))});

    EXPECT_TRUE(plan.modules.empty());
    ASSERT_EQ(plan.skipped.size(), 1U);
    EXPECT_THAT(plan.skipped[0].why, HasSubstr("not a 64-bit ELF file"));
}

TEST(Planner, an_unlinked_library_is_reached_by_its_mapping) {
    const TempFolder folder;
    const std::string path = folder.path("unlinked.so");
    std::filesystem::copy_file(path_of_libc(), path);
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
    ASSERT_NE(memory, MAP_FAILED);
    folder.remove("unlinked.so");
    auto mappings = read_maps(ProcRoot{}, ::getpid());
    ASSERT_TRUE(mappings);
    std::erase_if(*mappings, [&](const Mapping& each) { return each.path != path; });

    const AttachPlan plan = plan_files(*mappings);
    ::munmap(memory, 4096);

    ASSERT_EQ(mappings->size(), 1U);
    EXPECT_TRUE((*mappings)[0].deleted);
    if (plan.modules.empty()) {
        ASSERT_EQ(plan.skipped.size(), 1U);
        GTEST_SKIP() << "map_files is closed to us: " << plan.skipped[0].why;
    }
    EXPECT_THAT(plan.modules[0].open_path, HasSubstr("/map_files/"));
}

TEST(Planner, text_names_place_price_and_reasons) {
    AttachPlan plan;
    plan.pid = 42;
    PlannedProbe probe;
    probe.symbol = "free";
    probe.aliases = {"mi_free", "_ZdlPv"};
    probe.family = "mimalloc";
    probe.table = ".dynsym";
    probe.shape = pack({.operation = WH_OPERATION_RELEASE, .kind = WH_KIND_HEAP, .key_arg = 1});
    probe.placement = {.delta = 3, .emulated = true, .instruction = "je 0x2f8", .why = "moved 3 bytes to je"};
    ModulePlan module;
    module.path = "/lib/lib\x1b[31mevil.so";
    module.build_id = "abc123";
    module.probes = {probe};
    plan.modules = {module};
    plan.skipped = {{"libfoo.so", "32-bit"}};

    const std::string text = plan_to_text(plan);

    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_THAT(text, HasSubstr("build id abc123"));
    EXPECT_THAT(text, HasSubstr("+3 je 0x2f8"));
    EXPECT_THAT(text, HasSubstr("cheap"));
    EXPECT_THAT(text, HasSubstr("free is also mi_free, _ZdlPv"));
    EXPECT_THAT(text, HasSubstr("libfoo.so\n      32-bit"));
    EXPECT_THAT(text, HasSubstr("pid 42: 1 function in 1 module (1 cheap"));
}

TEST(Planner, json_says_what_the_text_says) {
    const AttachPlan plan = plan_files({mapping_of(path_of_libc())});

    const nlohmann::json json = nlohmann::json::parse(plan_to_json(plan));

    ASSERT_EQ(json["modules"].size(), 1U);
    EXPECT_EQ(json["modules"][0]["path"], plan.modules[0].path);
    EXPECT_EQ(json["modules"][0]["probes"].size(), plan.probe_count());
    EXPECT_EQ(json["modules"][0]["probes"][0]["probe_offset"], plan.modules[0].probes[0].probe_offset());
}

}  // namespace
}  // namespace whoholds
