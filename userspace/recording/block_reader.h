// Unpacks the blocks of a recording, in their order; see file_format.h. What they say is not trusted. Used by the reader of
// recordings alone. Pure.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_reader.h"
#include "base/result.h"
#include "recording/report_fields.h"

namespace whoholds::recording {

class BlockReader {
public:
    // kMalformed, kLimit: neither this block nor those behind it can be used.
    Result<Report> unpack(std::span<const uint8_t> block);

    // Fields that the structure does not have keep their defaults: an older version wrote it.
    template <class... Values>
    void operator()(Values&... values) {
        (get_if_there(values), ...);
    }

private:
    bool read_tables(ByteReader& block);
    bool count(uint64_t bytes);
    template <class T>
    void get_if_there(T& value) {
        if (from_->ok() && !from_->at_end()) get(value);
    }

    [[nodiscard]] uint64_t number() { return from_->uleb128().value_or(0); }
    void fail() { is_sound_ = false; }

    void get(bool& value) { value = number() != 0; }
    template <std::unsigned_integral T>
    void get(T& value) {
        const uint64_t wide = number();
        if (wide > std::numeric_limits<T>::max()) return fail();
        value = static_cast<T>(wide);
    }
    template <std::signed_integral T>
    void get(T& value) {
        const uint64_t zigzag = number();
        const auto wide = static_cast<int64_t>(zigzag >> 1 ^ (~(zigzag & 1) + 1));
        if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) return fail();
        value = static_cast<T>(wide);
    }
    void get(GoOrigin& value);
    void get(ScriptOrigin& value);
    void get(double& value);
    void get(std::string& text);
    void get(std::vector<Frame>& stack);
    template <class T>
    void get(std::optional<T>& value) {
        bool is_there = false;
        get(is_there);
        if (!is_there) return;
        value.emplace();
        get(*value);
    }
    template <class A, class B>
    void get(std::pair<A, B>& value) {
        get(value.first);
        get(value.second);
    }
    template <class T>
    void get(std::vector<T>& values) {
        const uint64_t size = number();
        if (size > from_->remaining()) return fail();  // each takes a byte at least
        for (uint64_t i = 0; i < size && from_->ok() && is_sound_; i++) {
            values.emplace_back();
            get(values.back());
        }
    }
    template <class T>
    requires std::is_class_v<T>
    void get(T& value) {
        auto inner = from_->sub_reader(number());
        if (!inner) return fail();
        ByteReader* outer = std::exchange(from_, &*inner);
        fields(*this, value);
        if (!inner->ok()) fail();
        from_ = outer;
    }

    ByteReader* from_ = nullptr;
    bool is_sound_ = true;
    uint64_t table_bytes_ = 0;
    size_t packed_bytes_ = 0;  // of the tables, see kForgetTablesBytes
    std::vector<std::string> strings_;
    std::vector<Frame> frames_;
    std::vector<std::vector<uint32_t>> stacks_;
};

}  // namespace whoholds::recording
