// Any bytes as an ELF file: headers, symbols, packed debug data, stubs, lines.
#include <cstddef>
#include <cstdint>

#include "elf/debug_lines.h"
#include "elf/elf_image.h"
#include "symbolize/address_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whoholds;
    auto image = ElfImage::from_bytes({data, data + size}, "fuzz");
    if (!image) return 0;
    const ElfImage::SymbolOptions options{.debug_roots = {}, .debug_directory = "/nonexistent", .max_symbols = 100'000};
    (void)image->function_symbols(options);
    (void)image->is_go();
    const uint64_t entry = image->entry_address();
    (void)image->code_at(entry, 256);
    AddressTable table(*image, options);
    (void)table.read(*image, [] { return false; });
    (void)table.find(*image, entry);
    if (auto lines = DebugLines::open(*std::move(image), options)) {
        for (uint64_t step = 0; step < 4; ++step) (void)lines->find(entry + step * 64, [] { return false; });
    }
    return 0;
}
