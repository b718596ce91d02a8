// How descriptors are seen, decided on real files: this system's libc, and programs compiled here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "attach/attach_plan.h"
#include "attach/descriptor_plan.h"
#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

constexpr const char* kLibc = "/lib/x86_64-linux-gnu/libc.so.6";
constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";
constexpr const char* kMusl = "/lib/ld-musl-x86_64.so.1";

std::vector<Mapping> mappings_of(const std::vector<std::string>& paths) {
    std::vector<Mapping> mappings;
    for (const std::string& each : paths) {
        const std::string path = std::filesystem::canonical(each).string();
        struct stat status {};
        EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
        const uint64_t start = 0x7f0000000000 + mappings.size() * 0x10000000;
        mappings.push_back({.start = start,
                            .end = start + 0x200000,
                            .readable = true,
                            .executable = true,
                            .device_major = major(status.st_dev),
                            .device_minor = minor(status.st_dev),
                            .inode = status.st_ino,
                            .path = path});
    }
    return mappings;
}

AttachPlan plan_of(const std::vector<std::string>& paths, const PlanOptions& options = {}) {
    return make_plan(::getpid(), mappings_of(paths), options, open_elf_of(ProcRoot{}, ::getpid()));
}

bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

// What a command prints, a line each.
std::vector<std::string> lines_of(const std::string& command) {
    std::vector<std::string> lines;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::array<char, 512> line{};
    while (pipe && ::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
        lines.emplace_back(line.data());
        if (lines.back().ends_with('\n')) lines.back().pop_back();
    }
    return lines;
}

#define WH_NEEDS_FILE(path) \
    if (!std::filesystem::exists(path)) GTEST_SKIP() << (path) << " is not there"

TEST(DescriptorPlan, T37_every_function_of_libc_that_opens_or_closes_has_a_site) {
    WH_NEEDS_FILE(kLibc);
    const AttachPlan plan = plan_of({kLibc, kLoader});

    ASSERT_EQ(plan.descriptor_method, DescriptorMethod::kSites) << plan.descriptor_why;
    std::set<std::string> names;
    for (const ModulePlan& module : plan.modules) {
        for (const PlannedSite& site : module.sites) {
            names.insert(site.name);
            EXPECT_NE(site.shape, 0U);
            EXPECT_GT(site.probe_offset, 0U);
        }
    }
    for (const char* name :
         {"openat",    "creat",         "close",        "close_range",      "dup",        "dup2",
          "dup3",      "fcntl",         "pipe2",        "socket",           "socketpair", "accept",
          "accept4",   "connect",       "recvmsg",      "epoll_create1",    "eventfd2",   "timerfd_create",
          "signalfd4", "inotify_init1", "memfd_create", "open_by_handle_at"}) {
        EXPECT_TRUE(names.contains(name)) << name;
    }
}

TEST(DescriptorPlan, T41_nearly_all_sites_of_libc_are_emulated) {
    WH_NEEDS_FILE(kLibc);
    const AttachPlan plan = plan_of({kLibc, kLoader});

    size_t emulated = 0;
    for (const ModulePlan& module : plan.modules) {
        for (const PlannedSite& site : module.sites) emulated += site.emulated ? 1 : 0;
    }
    EXPECT_GT(emulated * 10, plan.site_count() * 9);
}

// Every probe stands where objdump sees an instruction, and no site is missed: objdump knows nothing of ours.
TEST(DescriptorPlan, T37_objdump_sees_the_same_instructions_and_no_system_call_more) {
    WH_NEEDS_FILE(kLibc);
    if (!run("command -v objdump >/dev/null")) GTEST_SKIP() << "objdump (binutils) is not installed";
    const auto elf = ElfImage::open(kLibc);
    ASSERT_TRUE(elf) << elf.error().message;
    const AttachPlan plan = plan_of({kLibc, kLoader});
    const std::string path = std::filesystem::canonical(kLibc).string();
    std::set<uint64_t> probes;
    std::set<uint64_t> sites;
    for (const ModulePlan& module : plan.modules) {
        if (module.path != path) continue;
        for (const PlannedSite& site : module.sites) {
            probes.insert(elf->address_of(site.probe_offset).value_or(0));
            sites.insert(site.address);
        }
    }

    // The number directly before the system call, with nothing that jumps in between: objdump's view of the easy ones.
    size_t opens = 0;
    std::string before;
    for (const std::string& line : lines_of("objdump -d --no-show-raw-insn " + path)) {
        const uint64_t address = std::strtoull(line.c_str(), nullptr, 16);
        probes.erase(address);
        if (line.ends_with("\tsyscall") &&
            (before.ends_with("$0x101,%eax") || before.ends_with("$0x20,%eax") || before.ends_with("$0x29,%eax"))) {
            EXPECT_TRUE(sites.contains(address)) << line;
            ++opens;
        }
        before = line;
    }
    EXPECT_TRUE(probes.empty()) << "a probe inside of an instruction";
    EXPECT_GT(opens, 4U);
}

// Compilers and linkers make calls through a stub in several forms, and some through the slot itself.
TEST(DescriptorPlan, T37_calls_of_syscall_are_found_however_they_are_made) {
    WH_NEEDS_FILE(kLibc);
    const TempFolder folder;
    folder.write("main.c",
                 "#include <unistd.h>\n"
                 "int opens(int flags) { int fd = syscall(434, 1, flags); return fd < 0 ? -1 : fd + 1; }\n"
                 "int any(int number) { int fd = syscall(number, 1, 0); return fd < 0 ? -1 : fd + 1; }\n"
                 "int main(int count, char** words) { return words && opens(count) + any(count); }\n");
    size_t made = 0;
    for (const std::string options :
         {"-O0", "-O2 -fno-inline", "-O2 -fno-inline -fno-plt", "-O2 -fno-inline -fcf-protection=full -Wl,-z,ibtplt",
          "-O1 -Wl,-z,lazy -no-pie", "-O2 -fno-inline -fuse-ld=lld", "-O2 -fno-inline -fuse-ld=gold"}) {
        const std::string program = folder.path("program" + std::to_string(made));
        if (!run("cc -D_GNU_SOURCE " + options + " -o " + program + " " + folder.path("main.c"))) continue;
        SCOPED_TRACE(options);
        ++made;
        const AttachPlan plan = plan_of({kLibc, kLoader, program});
        const auto module = std::find_if(plan.modules.begin(), plan.modules.end(),
                                         [&](const ModulePlan& each) { return each.path == program; });
        ASSERT_NE(module, plan.modules.end());
        ASSERT_EQ(module->sites.size(), 1U);
        EXPECT_EQ(module->sites[0].name, "pidfd_open");
        EXPECT_EQ(module->sites[0].function, "opens");
    }
    if (made == 0) GTEST_SKIP() << "a C compiler is needed to make the file";
}

TEST(DescriptorPlan, T37_musl_makes_system_calls_with_any_number) {
    WH_NEEDS_FILE(kMusl);
    const AttachPlan plan = plan_of({kMusl});

    EXPECT_EQ(plan.descriptor_method, DescriptorMethod::kTracepoint);
    EXPECT_THAT(plan.descriptor_why, HasSubstr("(musl)"));
    EXPECT_EQ(plan.site_count(), 0U);
}

TEST(DescriptorPlan, T37_a_static_program_takes_the_tracepoint) {
    const TempFolder folder;
    folder.write("main.c", "#include <fcntl.h>\nint main(void) { return open(\"/\", 0) < 0; }\n");
    const std::string program = folder.path("program");
    if (!run("musl-gcc -static -o " + program + " " + folder.path("main.c")) &&
        !run("cc -static -o " + program + " " + folder.path("main.c"))) {
        GTEST_SKIP() << "a C compiler and a static libc are needed to make the file";
    }
    const AttachPlan plan = plan_of({program});

    EXPECT_EQ(plan.descriptor_method, DescriptorMethod::kTracepoint);
    EXPECT_THAT(plan.descriptor_why, HasSubstr("static program"));
    EXPECT_EQ(plan.site_count(), 0U);
    EXPECT_THAT(plan_to_text(plan), HasSubstr("by the tracepoint at the end of every system call"));
}

TEST(DescriptorPlan, T37_a_go_program_takes_the_tracepoint) {
    const TempFolder folder;
    folder.write("main.go", "package main\nfunc main() {}\n");
    const std::string program = folder.path("program");
    if (!run("cd " + folder.path("") + " && CGO_ENABLED=0 GOFLAGS=-mod=mod go build -o program main.go"))
        GTEST_SKIP() << "go is needed to make the file";
    const AttachPlan plan = plan_of({program});

    EXPECT_EQ(plan.descriptor_method, DescriptorMethod::kTracepoint);
    EXPECT_THAT(plan.descriptor_why, HasSubstr("(Go)"));
}

TEST(DescriptorPlan, many_probes_that_are_dear_to_take_away_are_not_placed) {
    WH_NEEDS_FILE(kLibc);
    const AttachPlan plan = plan_of({kLibc, kLoader}, {.cheap_detach = false});

    EXPECT_EQ(plan.descriptor_method, DescriptorMethod::kTracepoint);
    EXPECT_THAT(plan.descriptor_why, HasSubstr("without uprobe_multi links"));
    EXPECT_EQ(plan.site_count(), 0U);
    EXPECT_NE(plan.probe_count(), 0U);
}

TEST(DescriptorPlan, later_modules_follow_what_was_decided_before) {
    WH_NEEDS_FILE(kLoader);
    const AttachPlan sites = plan_of({kLoader}, {.descriptor_method_so_far = DescriptorMethod::kSites});
    const AttachPlan tracepoint = plan_of({kLoader}, {.descriptor_method_so_far = DescriptorMethod::kTracepoint});

    EXPECT_EQ(sites.descriptor_method, DescriptorMethod::kSites);
    ASSERT_EQ(sites.modules.size(), 1U);
    EXPECT_TRUE(sites.modules[0].probes.empty());
    EXPECT_NE(sites.site_count(), 0U);
    EXPECT_EQ(tracepoint.descriptor_method, DescriptorMethod::kTracepoint);
    EXPECT_EQ(tracepoint.site_count(), 0U);
    EXPECT_TRUE(tracepoint.modules.empty());
}

TEST(DescriptorPlan, before_libc_is_loaded_nothing_is_decided) {
    WH_NEEDS_FILE(kLoader);
    const AttachPlan plan = plan_of({"/proc/self/exe", kLoader});

    EXPECT_EQ(plan.descriptor_method, DescriptorMethod::kNone);
    EXPECT_THAT(plan.descriptor_why, HasSubstr("not loaded yet"));
    EXPECT_EQ(plan.site_count(), 0U);
}

TEST(DescriptorPlan, without_descriptors_there_is_no_word_of_them) {
    WH_NEEDS_FILE(kLibc);
    const AttachPlan plan = plan_of({kLibc, kLoader}, {.descriptors = false});

    EXPECT_EQ(plan.descriptor_method, DescriptorMethod::kNone);
    EXPECT_EQ(plan.site_count(), 0U);
    EXPECT_THAT(plan_to_text(plan), ::testing::Not(HasSubstr("descriptors")));
}

TEST(DescriptorPlan, text_counts_sites_and_json_lists_each) {
    WH_NEEDS_FILE(kLibc);
    const AttachPlan plan = plan_of({kLibc, kLoader});

    const std::string text = plan_to_text(plan);
    const nlohmann::json json = nlohmann::json::parse(plan_to_json(plan));

    EXPECT_THAT(text, HasSubstr("descriptors: by probes right behind " + std::to_string(plan.site_count())));
    EXPECT_THAT(text, HasSubstr("emulated\n"));
    EXPECT_EQ(json["descriptors"]["method"], "sites");
    size_t listed = 0;
    for (const auto& module : json["modules"]) listed += module["sites"].size();
    EXPECT_EQ(listed, plan.site_count());
}

}  // namespace
}  // namespace whoholds
