// Any bytes as the code of a Go function: what is said of it lies in it. The first two bytes choose the return address.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "runtime/go/call_site_types.h"
#include "runtime/go/unswept_spans.h"

namespace {

using namespace whoholds;

constexpr uint64_t kStart = 0x401000;

void check_type_arguments(std::span<const uint8_t> bytes, uint64_t behind) {
    ModuleCode code;
    code.code_at = [bytes](uint64_t address, size_t size) {
        const auto part = bytes.subspan(std::min<size_t>(address - kStart, bytes.size()));
        return std::vector<uint8_t>(part.begin(), part.begin() + static_cast<ptrdiff_t>(std::min(size, part.size())));
    };
    const auto function = FunctionCode::decode(code, {kStart, kStart + bytes.size()});
    if (!function) return;
    for (const ZydisRegister reg : {ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_RBX, ZYDIS_REGISTER_RSI}) {
        const auto type = go_type_argument(*function, kStart + behind, reg);
        const bool may_be = behind > 0 && behind <= bytes.size();
        if (type && !may_be) std::abort();
    }
}

void check_marks(std::span<const uint8_t> bytes) {
    if (bytes.size() < kGoInlineMarkBytes) return;
    const auto marks = bytes.subspan(kGoInlineMarkBytes);
    GoSpan span;
    span.span_class = bytes[kGoInlineMarkBytes - 1];
    const auto count = count_inline_marks(span, bytes.first<kGoInlineMarkBytes>(), marks);
    if (count && *count > marks.size() * 8) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const std::span<const uint8_t> bytes(data + 2, size - 2);
    check_type_arguments(bytes, static_cast<uint64_t>(data[0]) | static_cast<uint64_t>(data[1]) << 8);
    check_marks(bytes);
    return 0;
}
