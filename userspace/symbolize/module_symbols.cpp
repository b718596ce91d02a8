#include "symbolize/module_symbols.h"

#include <utility>

#include "elf/debug_files.h"

namespace whoholds {
namespace {

// Measured: libdw reads uncompressed sections about four times as fast, and unpacks compressed ones at this speed.
constexpr uint64_t kDebugBytesPerMs = 250'000;

}  // namespace

void ModuleSymbols::read_table() {
    auto table = AddressTable::read(image_, options_);
    if (!table) notes_.push_back(table.error().message);
    if (table && table->size() == 0) notes_.emplace_back("no symbols");
    table_ = std::move(table).value_or({});
}

bool ModuleSymbols::open_lines(WorkBudget& budget) {
    if (lines_state_ == Lines::kReading || lines_state_ == Lines::kNone) return true;
    if (lines_state_ == Lines::kUnknown) {
        if (budget.is_used_up()) return false;
        if (DebugLines::bytes_to_read(image_) > 0) {
            // Opened a second time, because libdw keeps what it is given.
            auto again = ElfImage::reopen(image_);
            if (again) lines_file_ = *std::move(again);
        } else {
            lines_file_ = find_debug_file(image_, options_);
        }
        lines_state_ = lines_file_ && DebugLines::bytes_to_read(*lines_file_) > 0 ? Lines::kWaiting : Lines::kNone;
    }
    if (lines_state_ != Lines::kWaiting) return true;
    const uint64_t size_bytes = DebugLines::bytes_to_read(*lines_file_);
    if (!budget.allows(size_bytes / kDebugBytesPerMs)) return false;

    auto lines = budget.take_memory(size_bytes)
                     ? DebugLines::open(*std::move(lines_file_), options_)
                     : Result<DebugLines>(Error{ErrorCode::kLimit, "1 GiB of debug information would be exceeded"});
    lines_file_.reset();
    lines_state_ = lines ? Lines::kReading : Lines::kNone;
    if (!lines) notes_.push_back("no source lines: " + lines.error().message);
    if (lines) lines_ = *std::move(lines);
    return true;
}

ModuleSymbols::Answer ModuleSymbols::find(uint64_t address, WorkBudget& budget) {
    if (!table_) read_table();
    Answer answer;
    answer.complete = open_lines(budget);
    if (lines_) {
        if (auto frames = lines_->find(address, [&budget] { return budget.is_used_up(); })) {
            answer.frames = *std::move(frames);
        } else {
            answer.complete = false;
        }
    }
    if (answer.frames.empty()) answer.frames.emplace_back();
    // The symbol table knows clones and assembler labels, which debug information calls by another name or not at all.
    const std::string_view symbol = table_->find(address);
    if (!symbol.empty()) answer.frames.back().function = symbol;
    return answer;
}

std::vector<std::string> ModuleSymbols::notes() const {
    std::vector<std::string> notes = notes_;
    if (lines_state_ == Lines::kWaiting) notes.emplace_back("source lines not read yet");
    return notes;
}

}  // namespace whoholds
