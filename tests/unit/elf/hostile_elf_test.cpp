// Damaged files: nothing may crash, hang or take much memory. Meant to be run under the sanitizers, too.
#include <random>
#include <string>

#include "elf/debug_lines.h"
#include "elf/elf_image.h"
#include "elf/plt.h"
#include "symbolize/address_table.h"
#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

constexpr const char* kTinyProgram = R"(
namespace tiny {
static inline __attribute__((always_inline)) int twice(int n) { return n * 2; }
struct Counter { int n = 0; int add(int m); };
__attribute__((noinline)) int Counter::add(int m) { return n += twice(m); }
}
extern "C" int puts(const char*);
extern "C" void _start() { tiny::Counter counter; counter.add(puts("x")); for (;;) {} }
)";

// Everything that reads an image.
void read_all_of(const std::vector<uint8_t>& bytes) {
    auto image = ElfImage::from_bytes(bytes, "hostile");
    if (!image) return;
    const ElfImage::SymbolOptions options{.debug_roots = {}, .debug_directory = "/nonexistent", .max_symbols = 100'000};
    (void)image->function_symbols(options);
    (void)image->code_at(image->entry_address(), 64);
    (void)image->is_go();
    (void)read_plt(*image);
    AddressTable table(*image, options);
    (void)table.read(*image, [] { return false; });
    (void)table.find(*image, image->entry_address());
    const uint64_t start = image->entry_address();
    if (auto lines = DebugLines::open(*std::move(image), options)) {
        for (uint64_t address = start - 64; address != start + 64; address += 8)
            (void)lines->find(address, [] { return false; });
    }
}

class HostileElf : public CompiledFixture {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("c++");
        ASSERT_TRUE(
            compile(kTinyProgram, "-O1 -g -nostdlib -fPIC -shared -fcf-protection=none -fno-stack-protector", "tiny"));
        original_ = read_bytes(path("tiny"));
        ASSERT_GT(original_.size(), 1000U);
    }
    std::vector<uint8_t> original_;
};

TEST_F(HostileElf, every_prefix_is_survived) {
    for (size_t size = 0; size <= original_.size(); ++size) {
        read_all_of({original_.begin(), original_.begin() + static_cast<ptrdiff_t>(size)});
    }
}

TEST_F(HostileElf, flipped_bytes_are_survived) {
    std::mt19937 random(20'261'121);  // NOLINT(cert-msc51-cpp): the same damage in every run
    for (int round = 0; round < 3000; ++round) {
        std::vector<uint8_t> bytes = original_;
        for (unsigned flips = 1 + random() % 8; flips > 0; --flips)
            bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
        read_all_of(bytes);
    }
}

TEST_F(HostileElf, flipped_bytes_in_headers_are_survived) {
    std::mt19937 random(42);  // NOLINT(cert-msc51-cpp): the same damage in every run
    const size_t headers_end = 64 + 56 * 8;
    for (int round = 0; round < 3000; ++round) {
        std::vector<uint8_t> bytes = original_;
        const bool at_start = random() % 2 == 0;
        const size_t at = at_start ? random() % headers_end : bytes.size() - 1 - random() % 2000;
        bytes[at] = random() % 4 == 0 ? 0xff : static_cast<uint8_t>(random());
        read_all_of(bytes);
    }
}

}  // namespace
}  // namespace whoholds
