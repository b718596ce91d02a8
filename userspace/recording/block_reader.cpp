#include "recording/block_reader.h"

#include "recording/file_format.h"

namespace whoholds::recording {

namespace {

constexpr size_t kMostFrames = 4096;  // of one stack

Error malformed() { return {ErrorCode::kMalformed, "a block of the recording makes no sense"}; }

}  // namespace

void BlockReader::get(GoOrigin& value) {
    const uint64_t number_of_it = number();
    if (number_of_it > static_cast<uint64_t>(GoOrigin::kStandard)) return fail();
    value = static_cast<GoOrigin>(number_of_it);
}

void BlockReader::get(ScriptOrigin& value) {
    const uint64_t number_of_it = number();
    if (number_of_it > static_cast<uint64_t>(ScriptOrigin::kInterpreter)) return fail();
    value = static_cast<ScriptOrigin>(number_of_it);
}

void BlockReader::get(double& value) {
    const uint64_t bits = from_->u64().value_or(0);
    std::memcpy(&value, &bits, sizeof value);
}

void BlockReader::get(std::string& text) {
    const uint64_t which = number();
    if (which == 0) return;
    if (which > strings_.size()) return fail();
    text = strings_[which - 1];
}

void BlockReader::get(std::vector<Frame>& stack) {
    const uint64_t which = number();
    if (which == 0) return;
    if (which > stacks_.size()) return fail();
    for (const uint32_t frame : stacks_[which - 1]) stack.push_back(frames_[frame]);
}

bool BlockReader::count(uint64_t bytes) {
    table_bytes_ += bytes;
    return table_bytes_ <= kMostTableBytes && strings_.size() + frames_.size() + stacks_.size() <= kMostTableEntries;
}

bool BlockReader::read_tables(ByteReader& block) {
    for (uint64_t left = block.uleb128().value_or(0); left > 0; left--) {
        const auto bytes = block.bytes(block.uleb128().value_or(0));
        if (!bytes || !count(bytes->size() + sizeof(std::string))) return false;
        packed_bytes_ += bytes->size();
        strings_.emplace_back(bytes->begin(), bytes->end());
    }
    for (uint64_t left = block.uleb128().value_or(0); left > 0; left--) {
        auto inner = block.sub_reader(block.uleb128().value_or(0));
        if (!inner || !count(sizeof(Frame))) return false;
        packed_bytes_ += inner->size();
        Frame frame;
        from_ = &*inner;
        fields(*this, frame);
        from_ = nullptr;
        if (!inner->ok() || !is_sound_) return false;
        frames_.push_back(std::move(frame));
    }
    for (uint64_t left = block.uleb128().value_or(0); left > 0; left--) {
        auto inner = block.sub_reader(block.uleb128().value_or(0));
        if (!inner || !count(inner->size() * sizeof(uint32_t) + sizeof(std::vector<uint32_t>))) return false;
        packed_bytes_ += inner->size();
        std::vector<uint32_t> stack;
        while (!inner->at_end()) {
            const uint64_t frame = inner->uleb128().value_or(UINT64_MAX);
            if (frame >= frames_.size() || stack.size() == kMostFrames) return false;
            stack.push_back(static_cast<uint32_t>(frame));
        }
        stacks_.push_back(std::move(stack));
    }
    return block.ok();
}

Result<Report> BlockReader::unpack(std::span<const uint8_t> block) {
    ByteReader reader(block);
    is_sound_ = true;
    if (packed_bytes_ > kForgetTablesBytes) {
        strings_.clear();
        frames_.clear();
        stacks_.clear();
        packed_bytes_ = table_bytes_ = 0;
    }
    if (!read_tables(reader)) return malformed();
    Report report;
    from_ = &reader;
    get(report);
    from_ = nullptr;
    if (!is_sound_ || !reader.ok()) return malformed();
    return report;
}

}  // namespace whoholds::recording
