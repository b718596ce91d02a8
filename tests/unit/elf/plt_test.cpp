#include "elf/plt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

constexpr const char* kProgram = R"(
#include <cstdio>
#include <cstdlib>
int main(int argc, char**) { std::puts("x"); std::free(std::malloc(argc)); }
)";

class Plt : public CompiledFixture, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("c++");
    }
};

TEST_P(Plt, stubs_are_named_after_what_they_jump_to) {
    ASSERT_TRUE(compile(kProgram, std::string("-O0 ") + GetParam(), "program"));
    const auto image = ElfImage::open(path("program"));
    ASSERT_TRUE(image);

    const std::vector<PltEntry> entries = read_plt(*image);

    for (const char* name : {"malloc", "puts"}) {
        const auto entry =
            std::find_if(entries.begin(), entries.end(), [name](const PltEntry& one) { return one.function == name; });
        ASSERT_NE(entry, entries.end()) << name;
        EXPECT_TRUE(image->is_executable(entry->address));
    }
}

INSTANTIATE_TEST_SUITE_P(Linkers, Plt,
                         ::testing::Values("-Wl,-z,lazy -fcf-protection=none", "-Wl,-z,now -fcf-protection=none",
                                           "-fcf-protection=full -Wl,-z,ibtplt"));

}  // namespace
}  // namespace whoholds
