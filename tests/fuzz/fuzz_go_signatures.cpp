// Any bytes as an ELF file with the debug information of a Go program: signatures make sense in themselves.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "attach/go_handles.h"
#include "elf/go_signatures.h"

namespace {

using namespace whoholds;

void check(const std::vector<GoValue>& values) {
    constexpr unsigned kRegisters = 9;
    unsigned next = 1;
    for (const GoValue& value : values) {
        if (value.words.size() > kRegisters || (value.first_word == 0) != value.words.empty()) std::abort();
        if (value.first_word == 0) continue;
        if (value.first_word < next) std::abort();
        next = value.first_word + static_cast<unsigned>(value.words.size());
        if (next > kRegisters + 1) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto image = ElfImage::from_bytes({data, data + size}, "fuzz");
    if (!image) return 0;
    const auto signatures = GoSignatures::open(*image);
    if (!signatures) return 0;
    for (const std::optional<size_t> parameters_before : {std::optional<size_t>(), std::optional<size_t>(1)}) {
        const auto signature = signatures->find(image->entry_address(), parameters_before);
        if (!signature) continue;
        check(signature->parameters);
        check(signature->results);
        const PairFunction function{.module = "", .symbol = "main.Open"};
        const auto released = choose_go_argument(function, *signature);
        if (released) (void)choose_go_result(function, *signature, {*released});
    }
    constexpr size_t kMaxVariables = 1024;
    const auto named = signatures->find("main.Open");
    if (named && (named->variables.size() > kMaxVariables || named->parameters.size() > 256)) std::abort();
    return 0;
}
