// A program with every kind of function symbol, for the tests of ElfImage and of debug files.
#pragma once

#include <string>
#include <vector>

#include "elf/elf_image.h"
#include "unit/elf/compiled_fixture.h"

namespace whoholds {

inline constexpr const char* kProgram = R"(
extern "C" __attribute__((noinline)) int take_some(int n) { return n * 3; }
extern "C" __attribute__((alias("take_some"))) int take_alias(int n);
extern "C" __attribute__((weak, noinline)) int take_weak(int n) { return n * 5; }
extern "C" int data_not_code;
int data_not_code = 7;
static __attribute__((noinline, used)) int take_local(int n) { return n + data_not_code; }
int main(int argc, char**) { return take_some(argc) + take_weak(argc) + take_local(argc); }
)";

inline std::vector<ElfSymbol> symbols_named(const ElfImage& image, const std::string& name,
                                            const ElfImage::SymbolOptions& options = {.debug_roots = {}}) {
    auto symbols = image.function_symbols(options, [&](std::string_view candidate) { return candidate == name; });
    EXPECT_TRUE(symbols) << (symbols ? "" : symbols.error().message);
    return symbols ? *symbols : std::vector<ElfSymbol>();
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

}  // namespace whoholds
