#include "recording/block_writer.h"

#include "recording/file_format.h"

#include <cstring>

namespace whoholds::recording {

void BlockWriter::put_number(std::string& to, uint64_t value) {
    while (value >= 0x80) {
        to.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    to.push_back(static_cast<char>(value));
}

uint64_t BlockWriter::number_of(Table& table, const std::string& packed) {
    const auto [found, is_new] = table.numbers.try_emplace(packed, table.numbers.size());
    if (is_new) {
        put_number(table.fresh, found->first.size());
        table.fresh += found->first;
        table.fresh_count++;
        table_bytes_ += packed.size();
    }
    return found->second;
}

void BlockWriter::put(double value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++) to_->push_back(static_cast<char>(bits >> (8 * i)));
}

void BlockWriter::put(const std::string& text) { put_number(*to_, text.empty() ? 0 : 1 + number_of(strings_, text)); }

void BlockWriter::put(const std::vector<Frame>& stack) {
    if (stack.empty()) {
        put_number(*to_, 0);
        return;
    }
    std::string numbers;
    for (const Frame& frame : stack) put_number(numbers, number_of(frames_, structure_of(frame)));
    put_number(*to_, 1 + number_of(stacks_, numbers));
}

std::string BlockWriter::pack(const Report& report) {
    if (table_bytes_ > kForgetTablesBytes) {
        for (Table* table : {&strings_, &frames_, &stacks_}) table->numbers.clear();
        table_bytes_ = 0;
    }
    const std::string packed = structure_of(report);
    std::string block;
    for (Table* table : {&strings_, &frames_, &stacks_}) {
        put_number(block, std::exchange(table->fresh_count, 0));
        block += std::exchange(table->fresh, {});
    }
    put_number(block, packed.size());
    return block + packed;
}

}  // namespace whoholds::recording
