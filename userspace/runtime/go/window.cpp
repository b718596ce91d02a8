#include "runtime/go/window.h"

#include <algorithm>
#include <utility>

namespace whoholds {

bool MemoryWindow::load(uint64_t address, size_t size) {
    if (size > bytes_left_) return false;
    bytes_left_ -= size;
    auto bytes = memory_.read(address, size);
    if (!bytes) return false;
    start_ = address;
    bytes_ = *std::move(bytes);
    return true;
}

bool MemoryWindow::read(uint64_t address, std::span<uint8_t> out) {
    constexpr uint64_t kWindow = 65'536;
    if (out.empty()) return true;
    const auto holds = [&] {
        return address >= start_ && address - start_ <= bytes_.size() &&
               out.size() <= bytes_.size() - (address - start_);
    };
    if (!holds()) {
        const bool fits = out.size() <= kWindow - address % kWindow;
        // The runtime's tables come in pieces of 256 KiB; near the end of a mapping only the piece itself can be read.
        if (!fits || !load(address - address % kWindow, kWindow)) {
            if (out.size() > bytes_left_) return false;
            bytes_left_ -= out.size();
            return memory_.read_into(address, out).has_value();
        }
    }
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(address - start_), out.size(), out.begin());
    return true;
}

}  // namespace whoholds
