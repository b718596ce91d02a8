// Where the runtime's variables are: what the machine code says, and what the symbol table says.
#include "runtime/go/variables.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

std::map<std::string, uint64_t> symbols_of(const std::string& path) {
    std::map<std::string, uint64_t> symbols;
    FILE* output = ::popen(("nm '" + path + "' 2>/dev/null").c_str(), "r");
    if (output == nullptr) return symbols;
    unsigned long long address = 0;
    char type = 0;
    char name[512];
    char line[1024];
    while (std::fgets(line, sizeof line, output) != nullptr) {
        if (std::sscanf(line, "%llx %c %511s", &address, &type, name) == 3) symbols[name] = address;
    }
    ::pclose(output);
    return symbols;
}

TEST(GoVariables, taken_from_code_are_those_of_the_symbol_table) {
    size_t compared = 0;
    for (const char* name : {"go_runtime", "go_1_19_runtime", "go_cgo_puppet", "go_library", "go_puppet"}) {
        const std::string path = target_path(name);
        const auto symbols = path.empty() ? std::map<std::string, uint64_t>() : symbols_of(path);
        if (symbols.empty()) continue;
        const auto image = ElfImage::open(path);
        ASSERT_TRUE(image) << image.error().message;
        const auto code = GoCode::open(*image);
        ASSERT_TRUE(code) << code.error().message;
        const auto layout = go_layout(code->minor_version());
        ASSERT_TRUE(layout);

        const auto found = find_go_variables(*image, *code, *layout);

        ASSERT_TRUE(found) << name << ": " << found.error().message;
        EXPECT_EQ(found->profile_buckets, symbols.at("runtime.mbuckets")) << name;
        EXPECT_EQ(found->profile_cycle, symbols.at("runtime.mProfCycle")) << name;
        EXPECT_EQ(found->profile_rate, symbols.at("runtime.MemProfileRate")) << name;
        EXPECT_EQ(found->goroutine_count, symbols.at("runtime.allglen")) << name;
        EXPECT_EQ(found->goroutines, symbols.at("runtime.allgptr")) << name;
        EXPECT_EQ(found->heap, symbols.at("runtime.mheap_")) << name;
        EXPECT_EQ(found->memory_stats, symbols.at("runtime.memstats")) << name;
        EXPECT_EQ(found->gc_controller, symbols.at("runtime.gcController")) << name;
        EXPECT_EQ(found->max_procs, symbols.at("runtime.gomaxprocs")) << name;
        ++compared;
    }
    if (compared == 0) GTEST_SKIP() << "neither go nor nm is installed";
}

TEST(GoLayouts, there_is_one_for_each_version_from_1_18_on) {
    EXPECT_FALSE(go_layout(17));
    for (unsigned minor = kOldestGoMinor; minor <= kNewestGoMinor; ++minor) {
        const auto layout = go_layout(minor);
        ASSERT_TRUE(layout);
        EXPECT_EQ(layout->minor_version, minor);
        EXPECT_LT(layout->goroutine.waiting, layout->goroutine.size);
        EXPECT_EQ(layout->goroutine.parent_id == kNoField, minor < 21);
        EXPECT_EQ(layout->gc_controller.memory_limit == kNoField, minor < 19);
    }
    EXPECT_TRUE(go_layout(kNewestGoMinor + 1));  // to be tried; the self-checks decide
}

}  // namespace
}  // namespace whoholds
