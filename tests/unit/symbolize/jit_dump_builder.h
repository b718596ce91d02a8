// Writes jitdump files for tests, record by record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

class JitDumpBuilder {
public:
    struct Line {
        uint64_t address = 0;
        uint32_t line = 0;
        std::string file;
    };

    explicit JitDumpBuilder(uint32_t magic = 0x4A695444, uint32_t version = 1, uint32_t machine = 62) {
        for (const uint32_t word : {magic, version, uint32_t{40}, machine, uint32_t{0}, uint32_t{42}}) u32(word);
        u64(1);  // time
        u64(0);  // flags
    }

    JitDumpBuilder& load(uint64_t address, uint64_t size, std::string_view name, size_t code_bytes = 0) {
        begin(0, 40 + name.size() + 1 + code_bytes);
        place(address);
        for (const uint64_t word : {address, size, uint64_t{7}}) u64(word);
        text(name);
        bytes_.resize(bytes_.size() + code_bytes, 0x90);
        return *this;
    }
    JitDumpBuilder& move(uint64_t from, uint64_t to, uint64_t size) {
        begin(1, 48);
        place(from);
        for (const uint64_t word : {from, to, size, uint64_t{7}}) u64(word);
        return *this;
    }
    JitDumpBuilder& lines(uint64_t code, const std::vector<Line>& lines) {
        size_t size = 16;
        for (const Line& line : lines) size += 16 + line.file.size() + 1;
        begin(2, size);
        u64(code);
        u64(lines.size());
        for (const Line& line : lines) {
            u64(line.address);
            u32(line.line);
            u32(0);
            text(line.file);
        }
        return *this;
    }
    JitDumpBuilder& other(uint32_t kind, size_t size) {
        begin(kind, size);
        bytes_.resize(bytes_.size() + size);
        return *this;
    }
    [[nodiscard]] const std::vector<uint8_t>& bytes() const { return bytes_; }

private:
    void begin(uint32_t kind, size_t body_size) {
        u32(kind);
        u32(static_cast<uint32_t>(16 + body_size));
        u64(1);  // time
    }
    void place(uint64_t address) {  // process, thread, address of its memory
        u32(42);
        u32(42);
        u64(address);
    }
    void u32(uint32_t value) {
        for (int i = 0; i < 4; ++i) bytes_.push_back(static_cast<uint8_t>(value >> 8 * i));
    }
    void u64(uint64_t value) {
        u32(static_cast<uint32_t>(value));
        u32(static_cast<uint32_t>(value >> 32));
    }
    void text(std::string_view value) {
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        bytes_.push_back(0);
    }

    std::vector<uint8_t> bytes_;
};

}  // namespace whoholds
