// Ranges of functions from the unwind tables, in this process's libc and in damaged copies of it.
#include "attach/unwind_ranges.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace whoholds {
namespace {

std::vector<uint8_t> libc_bytes() {
    Dl_info info{};
    if (::dladdr(::dlsym(RTLD_NEXT, "malloc"), &info) == 0) return {};
    std::ifstream file(info.dli_fname, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(UnwindRanges, agree_with_the_symbols_of_a_real_library) {
    const auto elf = ElfImage::from_bytes(libc_bytes(), "libc");
    ASSERT_TRUE(elf) << elf.error().message;
    const auto symbols = elf->function_symbols(
        {}, [](std::string_view name) { return name == "malloc" || name == "calloc" || name == "posix_memalign"; });
    ASSERT_TRUE(symbols);
    ASSERT_FALSE(symbols->empty());

    const UnwindRanges ranges(*elf);

    for (const ElfSymbol& symbol : *symbols) {
        const auto range = ranges.range_of(symbol.address + symbol.size / 2);
        ASSERT_TRUE(range) << symbol.name;
        EXPECT_EQ(range->start, symbol.address) << symbol.name;
        EXPECT_EQ(range->end, symbol.address + symbol.size) << symbol.name;
    }
    EXPECT_FALSE(ranges.range_of(0));
    EXPECT_FALSE(ranges.range_of(UINT64_MAX));
}

TEST(UnwindRanges, damaged_tables_give_ranges_with_the_address_or_none) {
    std::vector<uint8_t> bytes = libc_bytes();
    const auto intact = ElfImage::from_bytes(bytes, "libc");
    ASSERT_TRUE(intact);
    const ElfSection* header = intact->find_section(".eh_frame_hdr");
    ASSERT_NE(header, nullptr);
    const size_t at = header->file_offset;
    const uint64_t size = header->size;
    const uint64_t probe = intact->find_section(".text")->address;

    bytes[at + 3] = 0xff;  // a table in no form that we know
    EXPECT_FALSE(UnwindRanges(*ElfImage::from_bytes(bytes, "no table")).range_of(probe + 100));
    bytes[at + 3] = 0x3b;
    std::memset(bytes.data() + at + 8, 0xff, 4);  // more entries than there is room for
    for (size_t i = 12; i < size; i += 7) bytes[at + i] = static_cast<uint8_t>(i * 31);
    const auto damaged = ElfImage::from_bytes(bytes, "damaged");
    ASSERT_TRUE(damaged);
    const UnwindRanges ranges(*damaged);
    for (uint64_t address = probe; address < probe + 0x100000; address += 97) {
        const auto range = ranges.range_of(address);
        ASSERT_TRUE(!range || (range->start <= address && address < range->end));
    }
}

}  // namespace
}  // namespace whoholds
