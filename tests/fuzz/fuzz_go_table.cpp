// Any bytes as Go's table of functions; the first eight are an offset to look up.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "elf/go_line_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whoholds;
    constexpr uint64_t kText = 0x401000;
    uint64_t offset = 0;
    if (size < sizeof offset) return 0;
    std::memcpy(&offset, data, sizeof offset);
    const auto table = GoLineTable::parse({data + sizeof offset, data + size}, kText);
    if (!table) return 0;
    const uint64_t address = kText + offset;
    if (const auto function = table->find(address)) {
        (void)table->name_of(*function);
        (void)table->stack_delta(*function, address);
        (void)table->position(*function, address);
        (void)table->inlined_call(*function, address);
        for (uint32_t number = 0; number < 8; ++number) (void)table->function_data(*function, number);
        (void)table->inlined_call_of(*function, {data, size});
    }
    (void)table->find_name("runtime.schedinit");
    return 0;
}
