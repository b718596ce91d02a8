// Packs a report into a block of a recording; see file_format.h. Used by the recorder alone. Pure.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recording/report_fields.h"

namespace whoholds::recording {

class BlockWriter {
public:
    // What follows the length and the check sum.
    std::string pack(const Report& report);

    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }

private:
    struct Table {
        absl::flat_hash_map<std::string, uint64_t> numbers;
        std::string fresh;  // what no block has had yet, packed
        uint64_t fresh_count = 0;
    };
    // The number of what is already packed like this.
    uint64_t number_of(Table& table, const std::string& packed);
    static void put_number(std::string& to, uint64_t value);

    void put(bool value) { put_number(*to_, value ? 1 : 0); }
    template <std::unsigned_integral T>
    void put(T value) {
        put_number(*to_, value);
    }
    template <std::signed_integral T>
    void put(T value) {
        const auto wide = static_cast<int64_t>(value);
        put_number(*to_, static_cast<uint64_t>(wide) << 1 ^ static_cast<uint64_t>(wide >> 63));
    }
    template <class T>
    requires std::is_enum_v<T>
    void put(T value) { put_number(*to_, static_cast<uint64_t>(value)); }
    void put(double value);
    void put(const std::string& text);
    void put(const std::vector<Frame>& stack);
    template <class T>
    void put(const std::optional<T>& value) {
        put(value.has_value());
        if (value) put(*value);
    }
    template <class A, class B>
    void put(const std::pair<A, B>& value) {
        put(value.first);
        put(value.second);
    }
    template <class T>
    void put(const std::vector<T>& values) {
        put_number(*to_, values.size());
        for (const T& value : values) put(value);
    }
    template <class T>
    requires std::is_class_v<T>
    void put(const T& value) {
        std::string inner = structure_of(value);
        put_number(*to_, inner.size());
        *to_ += inner;
    }
    template <class T>
    std::string structure_of(const T& value) {
        std::string inner;
        std::string* outer = std::exchange(to_, &inner);
        fields(*this, value);
        to_ = outer;
        return inner;
    }

    std::string* to_ = nullptr;
    size_t table_bytes_ = 0;
    Table strings_;
    Table frames_;
    Table stacks_;
};

}  // namespace whoholds::recording
