// MappedArray: a BPF array map with BPF_F_MMAPABLE, mapped into this process. Shared with running programs: access its words
// through std::atomic_ref, or read them once.
#pragma once

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace whoholds {

template <class T>
class MappedArray {
public:
    Result<void> map(int map_fd, std::string_view name, size_t entries) {
        size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        length_ = (entries * sizeof(T) + page - 1) / page * page;
        void* place = mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
        if (place == MAP_FAILED) return system_error(fmt::format("map the BPF map {}", name), errno);
        items_ = {static_cast<T*>(place), entries};
        return {};
    }
    MappedArray() = default;
    MappedArray(MappedArray&& other) noexcept { *this = std::move(other); }
    MappedArray& operator=(MappedArray&& other) noexcept {
        std::swap(items_, other.items_);
        std::swap(length_, other.length_);
        return *this;
    }
    ~MappedArray() {
        if (items_.data()) munmap(items_.data(), length_);
    }
    [[nodiscard]] std::span<T> items() const { return items_; }
    [[nodiscard]] size_t bytes() const { return length_; }

private:
    std::span<T> items_;
    size_t length_ = 0;
};

}  // namespace whoholds
