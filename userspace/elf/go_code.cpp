#include "elf/go_code.h"

#include <algorithm>
#include <array>
#include <utility>

#include "elf/go_module_search.h"
#include "elf/relative_relocations.h"

namespace whoholds {
namespace {

constexpr size_t kMaxInlinedCalls = 256;
constexpr uint32_t kMaxInlinedFunctions = 65'536;  // into one function

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

std::string readable_go_name(std::string_view name) {
    const size_t open = name.find('[');
    const size_t close = name.rfind(']');
    if (open != std::string_view::npos && close != std::string_view::npos && close > open + 1) {
        return readable_go_name(name.substr(0, open)) + "[...]" + readable_go_name(name.substr(close + 1));
    }
    std::string text;
    for (size_t i = 0; i < name.size(); ++i) {
        const int high = name[i] == '%' && i + 2 < name.size() ? hex_digit(name[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(name[i + 2]) : -1;
        if (low < 0) {
            text += name[i];
        } else {
            text += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return text;
}

Result<GoCode> GoCode::open(const ElfImage& image) {
    WH_TRY(FoundGoModule found, find_go_module(image));
    GoCode code(std::move(found.table), found.data);
    code.build_info_ = std::move(found.build_info);
    code.minor_version_ = found.minor_version;
    return code;
}

// FuncID_wrapper of runtime/symtab.go (internal/abi/symtab.go since 1.22).
bool GoCode::is_wrapper(uint8_t function_kind) const {
    if (minor_version_ < 18) return function_kind == 22;
    if (minor_version_ < 22) return function_kind == 21;
    return function_kind == (minor_version_ < 25 ? 22 : 23);
}

std::vector<std::string> GoCode::inlined_functions(const ElfImage& image, const GoFunction& function) const {
    std::vector<std::string> names;
    std::optional<uint64_t> tree = table_.function_data(function, GoLineTable::kInlineTree);
    if (!tree) return names;
    if (table_.format() != GoLineTable::Format::k116) *tree += module_data_.function_data;
    const size_t size = table_.inlined_call_bytes();
    const uint32_t count = std::min<uint32_t>(table_.inlined_call_count(function), kMaxInlinedFunctions);
    const std::vector<uint8_t> entries = image.code_at(*tree, count * size);
    for (uint32_t i = 0; (i + 1) * size <= entries.size(); ++i) {
        const auto call = table_.inlined_call_of(function, std::span(entries).subspan(i * size, size));
        if (call && !call->function.empty()) names.push_back(readable_go_name(call->function));
    }
    return names;
}

std::vector<SourceFrame> GoCode::frames(const ElfImage& image, uint64_t address) const {
    const auto function = table_.find(address);
    if (!function) return {};
    std::vector<SourceFrame> frames;
    std::vector<bool> wrappers;
    const auto add = [&](std::string_view name, uint8_t kind, uint64_t at) {
        const GoPosition position = table_.position(*function, at);
        frames.push_back(
            {.function = readable_go_name(name), .file = std::string(position.file), .line = position.line});
        wrappers.push_back(is_wrapper(kind));
    };
    std::optional<uint64_t> tree = table_.function_data(*function, GoLineTable::kInlineTree);
    if (tree && table_.format() != GoLineTable::Format::k116) *tree += module_data_.function_data;
    while (tree && frames.size() < kMaxInlinedCalls) {
        const auto index = table_.inlined_call(*function, address);
        const size_t size = table_.inlined_call_bytes();
        if (!index || *tree > UINT64_MAX - *index * size) break;
        const auto call = table_.inlined_call_of(*function, image.code_at(*tree + *index * size, size));
        if (!call || call->function.empty()) break;
        add(call->function, call->kind, address);
        address = call->call_address;
    }
    add(table_.name_of(*function), function->kind, address);
    if (std::ranges::count(wrappers, false) == 0) return {frames.back()};
    std::vector<SourceFrame> shown;
    for (size_t i = 0; i < frames.size(); ++i) {
        if (!wrappers[i]) shown.push_back(std::move(frames[i]));
    }
    return shown;
}

}  // namespace whoholds
