#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/go/goroutines.h"
#include "runtime/go/window.h"

namespace whoholds {
namespace {

struct TextHeader {  // a Go string
    uint64_t address = 0;
    uint64_t length = 0;
};

constexpr uint64_t kMaxDataBytes = uint64_t{64} << 20;
constexpr size_t kMaxReasons = 64;
constexpr uint64_t kMaxReasonBytes = 64;

std::optional<std::string> read_text(MemoryWindow& window, const TextHeader& header) {
    if (header.length == 0 || header.length > kMaxReasonBytes) return std::nullopt;
    std::string text(header.length, '\0');
    if (!window.read(header.address, {reinterpret_cast<uint8_t*>(text.data()), text.size()})) return std::nullopt;
    const bool plain = std::ranges::all_of(text, [](unsigned char c) { return c >= ' ' && c < 0x7f; });
    return plain ? std::optional(text) : std::nullopt;
}

// The strings from here on, as long as they read like ones; the one before them is "".
std::vector<std::string> read_texts(MemoryWindow& window, std::span<const TextHeader> headers) {
    std::vector<std::string> texts = {""};
    for (const TextHeader& header : headers) {
        auto text = texts.size() < kMaxReasons ? read_text(window, header) : std::nullopt;
        if (!text) break;
        texts.push_back(*std::move(text));
    }
    return texts;
}

}  // namespace

// The array moves and grows with patch releases, but it always begins with the same strings.
std::vector<std::string> read_wait_reasons(const GoProcess& process) {
    constexpr std::string_view kFirst = "GC assist marking";
    constexpr std::string_view kSecond = "IO wait";
    const GoModuleData& data = process.code().module_data();
    const uint64_t size = std::min(data.initialised_end - std::min(data.data, data.initialised_end), kMaxDataBytes);
    auto bytes = process.memory().read(process.to_process(data.data), size - size % 8);
    if (!bytes) return {};
    std::vector<uint64_t> words(bytes->size() / 8);
    std::memcpy(words.data(), bytes->data(), words.size() * 8);
    MemoryWindow window(process.memory());
    for (size_t i = 1; i + 2 < words.size(); ++i) {
        if (words[i] != kFirst.size() || words[i + 2] != kSecond.size()) continue;
        const auto* headers = reinterpret_cast<const TextHeader*>(words.data() + i - 1);
        auto texts = read_texts(window, {headers, std::min(kMaxReasons, (words.size() - i + 1) / 2)});
        if (texts.size() > 2 && texts[1] == kFirst && texts[2] == kSecond) return texts;
    }
    return {};
}

}  // namespace whoholds
