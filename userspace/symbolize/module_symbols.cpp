#include "symbolize/module_symbols.h"

#include <utility>

#include "base/human.h"
#include "elf/debug_files.h"
#include "elf/elf_source.h"
#include "symbolize/go_origin.h"

namespace whoholds {
namespace {

// Measured, on files in the page cache: what is not packed goes several times as fast.
constexpr uint64_t kUnpackedBytesPerMs = 250'000;
constexpr uint64_t kCopiedBytesPerMs = 1'000'000;
constexpr uint64_t kSymbolsPerMs = 10'000;
// A table of up to so many symbols is read whatever the budget says: that takes a few milliseconds, and names matter most.
constexpr uint64_t kSmallTable = 65'536;
constexpr uint64_t kSlowMs = 1000;
// Go's tables: at worst the whole file is looked through.
constexpr uint64_t kScannedBytesPerMs = 1'000'000;
constexpr uint64_t kSmallScanMs = 100;

}  // namespace

void ModuleSymbols::say_if_slow(WorkBudget& budget, uint64_t expected_ms, const std::string& what,
                                uint64_t size_bytes) {
    if (said_slow_ || work_ms_ + expected_ms < kSlowMs) return;
    said_slow_ = true;
    budget.tell("reading " + what + " of " + name_ + " (" + human_bytes(size_bytes) + ")…");
}

bool ModuleSymbols::open_go(WorkBudget& budget) {
    go_is_wanted_ = go_is_wanted_ && image_.is_go();
    if (!go_is_wanted_) return true;
    const uint64_t expected_ms = image_.source().size() / kScannedBytesPerMs;
    if (expected_ms > kSmallScanMs && !budget.allows(expected_ms)) return false;
    go_is_wanted_ = false;
    auto code = GoCode::open(image_);
    if (code) {
        auto memory = budget.take_memory(code->module_data().table_end - code->module_data().table);
        if (!memory) code = std::move(memory).error();
    }
    if (code) {
        go_ = *std::move(code);
        own_go_modules_ = go_own_modules(go_->build_info(), [this] { return go_packages(*go_); });
    } else {
        notes_.push_back("no names of Go code: " + code.error().message);
    }
    return true;
}

bool ModuleSymbols::read_table(WorkBudget& budget) {
    if (!table_is_wanted_) return true;
    if (!next_table_) {
        next_table_.emplace(image_, options_, std::exchange(added_file_, {}));
        auto memory = budget.take_memory(next_table_->symbols_expected() * sizeof(NamelessSymbol));
        if (!memory) {
            notes_.push_back("no symbols: " + memory.error().message);
            next_table_.reset();
            table_is_wanted_ = false;
            return true;
        }
    }
    const uint64_t symbols = next_table_->symbols_expected();
    const bool is_small = symbols <= kSmallTable;
    say_if_slow(budget, symbols / kSymbolsPerMs, "symbols", image_.source().size());
    if (!next_table_->read(image_, [&] { return !is_small && budget.is_used_up(); })) return false;
    table_ = std::exchange(next_table_, {});
    table_is_wanted_ = false;
    std::erase(notes_, "no symbols");
    if (table_->error()) notes_.push_back(table_->error()->message);
    if (!table_->error() && table_->size() == 0) notes_.emplace_back("no symbols");
    return true;
}

void ModuleSymbols::find_lines_file() {
    if (DebugLines::bytes_to_read(image_) > 0) {
        // Opened a second time, because libdw keeps what it is given.
        auto again = ElfImage::reopen(image_);
        if (again) lines_file_ = *std::move(again);
    } else {
        lines_file_ = find_debug_file(image_, options_);
    }
    lines_state_ = lines_file_ && DebugLines::bytes_to_read(*lines_file_) > 0 ? Lines::kWaiting : Lines::kNone;
}

bool ModuleSymbols::open_lines(WorkBudget& budget) {
    if (lines_state_ == Lines::kReading || lines_state_ == Lines::kNone) return true;
    if (budget.is_used_up()) return false;
    if (lines_state_ == Lines::kUnknown) find_lines_file();
    if (lines_state_ != Lines::kWaiting) return true;
    lines_bytes_ = DebugLines::bytes_to_read(*lines_file_);
    const uint64_t unpack_ms = DebugLines::bytes_to_unpack(*lines_file_) / kUnpackedBytesPerMs;
    say_if_slow(budget, unpack_ms + lines_bytes_ / kCopiedBytesPerMs, "debug information", lines_bytes_);
    if (unpack_ms > 0 && !budget.allows(unpack_ms)) return false;

    auto memory = budget.take_memory(lines_bytes_);
    auto lines =
        memory ? DebugLines::open(*std::move(lines_file_), options_) : Result<DebugLines>(std::move(memory).error());
    lines_file_.reset();
    lines_state_ = lines ? Lines::kReading : Lines::kNone;
    if (!lines) notes_about_lines_.push_back("no source lines: " + lines.error().message);
    if (lines) lines_ = *std::move(lines);
    return true;
}

bool ModuleSymbols::find_lines(uint64_t address, WorkBudget& budget, Answer& answer) {
    if (!open_lines(budget)) return false;
    if (!lines_) return true;
    auto frames = lines_->find(address, [&budget] { return budget.is_used_up(); });
    if (const Error* error = lines_->error()) {
        notes_about_lines_.push_back("no source lines: " + error->message);
        lines_.reset();
        lines_state_ = Lines::kNone;
        return true;
    }
    if (!frames) return false;
    answer.frames = *std::move(frames);
    return true;
}

ModuleSymbols::Answer ModuleSymbols::find(uint64_t address, WorkBudget& budget) {
    const uint64_t started_ms = budget.now_ms();
    Answer answer;
    const bool knows_go = open_go(budget);
    if (go_ && go_->covers(address)) answer.frames = go_->frames(image_, address);
    if (!answer.frames.empty()) {
        answer.own_go_modules = &own_go_modules_;
        return answer;
    }
    const bool has_names = read_table(budget);
    const bool has_lines = find_lines(address, budget, answer);
    answer.complete = knows_go && has_names && has_lines;
    if (answer.frames.empty()) answer.frames.emplace_back();
    // The symbol table knows clones and assembler labels, which debug information calls by another name or not at all.
    std::string symbol = table_ ? table_->find(image_, address) : std::string();
    if (!symbol.empty()) answer.frames.back().function = std::move(symbol);
    work_ms_ += budget.now_ms() - started_ms;
    if (!answer.complete) {
        say_if_slow(budget, 0, has_names ? "debug information" : "symbols",
                    has_names ? lines_bytes_ : image_.source().size());
    }
    return answer;
}

void ModuleSymbols::add_debug_file(Result<ElfImage> file) {
    if (file && file->build_id() != image_.build_id()) {
        file = Error{ErrorCode::kMalformed, "what came from debuginfod is not its debug file"};
    }
    if (!file) {
        notes_.push_back(file.error().message);
        return;
    }
    auto for_lines = ElfImage::reopen(*file);
    added_file_ = *std::move(file);
    next_table_.reset();
    table_is_wanted_ = true;
    work_ms_ = 0;
    said_slow_ = false;
    if (lines_state_ != Lines::kNone || !for_lines) return;
    if (DebugLines::bytes_to_read(*for_lines) > 0) {
        lines_file_ = *std::move(for_lines);
        lines_state_ = Lines::kWaiting;
    } else {
        notes_about_lines_.emplace_back("no source lines: there are none in the file that came from debuginfod");
    }
}

std::vector<std::string> ModuleSymbols::notes() const {
    std::vector<std::string> notes = notes_;
    notes.insert(notes.end(), notes_about_lines_.begin(), notes_about_lines_.end());
    if (next_table_) notes.emplace_back("symbols not read yet");
    if (lines_state_ == Lines::kWaiting) notes.emplace_back("source lines not read yet");
    return notes;
}

}  // namespace whoholds
