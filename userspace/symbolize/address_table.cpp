#include "symbolize/address_table.h"

#include <elf.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "elf/debug_files.h"

namespace whoholds {
namespace {

constexpr uint8_t kStubs = std::numeric_limits<uint8_t>::max();
constexpr size_t kMaxTables = 64;
constexpr size_t kRunSize = size_t{1} << 17;
constexpr size_t kMaxAliases = 256;

size_t leading_underscores(std::string_view name) {
    if (name.starts_with("_Z") || name.starts_with("_R")) return 0;
    return std::min(name.find_first_not_of('_'), name.size());
}

// "write" is weak and "__write" global in glibc, so looks go before strength.
auto rank_of(std::string_view name, ElfBinding binding) {
    return std::tuple(binding == ElfBinding::kLocal, leading_underscores(name),
                      name.find('.') != std::string_view::npos, binding != ElfBinding::kGlobal, name.size(), name);
}

bool comes_before(const NamelessSymbol& a, const NamelessSymbol& b) {
    return std::tuple(a.address, a.binding == ElfBinding::kLocal, a.source, a.name_offset) <
           std::tuple(b.address, b.binding == ElfBinding::kLocal, b.source, b.name_offset);
}

}  // namespace

AddressTable::AddressTable(const ElfImage& image, const ElfImage::SymbolOptions& options, std::optional<ElfImage> extra)
    : symbols_allowed_(options.max_symbols) {
    add_code_of(image);
    add_stubs(image);
    add_tables(image, 0, SHT_DYNSYM);
    add_tables(image, 0, SHT_SYMTAB);
    const auto add_other = [this](ElfImage other) {
        others_.push_back(std::move(other));
        add_tables(others_.back(), others_.size(), SHT_SYMTAB);
    };
    if (auto debug_file = find_debug_file(image, options)) add_other(*std::move(debug_file));
    if (extra) add_other(*std::move(extra));
    if (!image.has_section(".gnu_debugdata")) return;
    if (auto packed = open_debug_data(image)) {
        add_other(*std::move(packed));
    } else if (!error_) {
        error_ = std::move(packed).error();
    }
}

void AddressTable::add_code_of(const ElfImage& image) {
    const auto add = [this](uint64_t start, uint64_t size) {
        code_.push_back({start, start + size < start ? UINT64_MAX : start + size});
    };
    for (const ElfSection& section : image.sections()) {
        if (section.is_executable() && section.size > 0) add(section.address, section.size);
    }
    if (!code_.empty()) return;
    for (const ElfSegment& segment : image.segments()) {
        if (segment.executable) add(segment.virtual_address, segment.memory_size);
    }
}

void AddressTable::add_stubs(const ElfImage& image) {
    stubs_ = read_plt(image);
    for (size_t i = 0; i < stubs_.size(); ++i) {
        entries_.push_back({.address = stubs_[i].address,
                            .size = stubs_[i].size,
                            .name_offset = static_cast<uint32_t>(i),
                            .binding = ElfBinding::kLocal,
                            .source = kStubs});
    }
}

void AddressTable::add_tables(const ElfImage& image, size_t owner, uint32_t section_type) {
    for (const ElfSection& section : image.sections()) {
        if (section.type != section_type || tables_.size() >= kMaxTables) continue;
        auto cursor = SymbolCursor::open(image, section);
        if (cursor) {
            symbols_expected_ += cursor->symbols_left();
            tables_.push_back({*std::move(cursor), owner});
        } else if (!error_) {
            error_ = std::move(cursor).error();
        }
    }
}

const ElfImage& AddressTable::owner_of(const ElfImage& image, size_t owner) const {
    return owner == 0 ? image : others_[owner - 1];
}

void AddressTable::read_portion(const ElfImage& image) {
    Table& table = tables_[current_table_];
    const uint64_t before = table.cursor.symbols_left();
    const size_t first = entries_.size();
    auto more = table.cursor.next(owner_of(image, table.owner), image, true, entries_);
    for (size_t i = first; i < entries_.size(); ++i) entries_[i].source = static_cast<uint8_t>(current_table_);
    if (!more && !error_) error_ = std::move(more).error();
    symbols_allowed_ -= std::min<uint64_t>(symbols_allowed_, before - table.cursor.symbols_left());
    const bool too_many = symbols_allowed_ == 0;
    if (too_many && !error_) error_ = Error{ErrorCode::kLimit, "too many symbols, the rest was left out"};
    current_table_ = too_many ? tables_.size() : current_table_ + (table.cursor.symbols_left() == 0 ? 1 : 0);
}

void AddressTable::end_run() {
    const size_t begin = runs_.empty() ? 0 : runs_.back();
    std::sort(entries_.begin() + static_cast<ptrdiff_t>(begin), entries_.end(), comes_before);
    runs_.push_back(entries_.size());
}

void AddressTable::merge_two_runs() {
    size_t at = 0;  // the shortest pair of neighbours, so that each symbol takes part in few merges
    const auto start_of = [this](size_t run) { return run == 0 ? 0 : runs_[run - 1]; };
    for (size_t i = 0; i + 1 < runs_.size(); ++i) {
        if (runs_[i + 1] - start_of(i) < runs_[at + 1] - start_of(at)) at = i;
    }
    const auto begin = entries_.begin();
    std::inplace_merge(begin + static_cast<ptrdiff_t>(start_of(at)), begin + static_cast<ptrdiff_t>(runs_[at]),
                       begin + static_cast<ptrdiff_t>(runs_[at + 1]), comes_before);
    runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(at));
}

bool AddressTable::read(const ElfImage& image, const OutOfTime& out_of_time) {
    while (phase_ == Phase::kReading) {
        if (out_of_time()) return false;
        const size_t run_begin = runs_.empty() ? 0 : runs_.back();
        const bool at_end = current_table_ >= tables_.size();
        if (at_end || entries_.size() - run_begin >= kRunSize) end_run();
        if (at_end) {
            phase_ = Phase::kMerging;
        } else {
            read_portion(image);
        }
    }
    while (phase_ == Phase::kMerging) {
        if (runs_.size() <= 1) {
            entries_.shrink_to_fit();
            phase_ = Phase::kDone;
            break;
        }
        if (out_of_time()) return false;
        merge_two_runs();
    }
    return true;
}

uint64_t AddressTable::section_end(uint64_t address) const {
    for (const Code& code : code_) {
        if (address >= code.start && address < code.end) return code.end;
    }
    return address + 1;
}

// Of the aliases at one address.
std::string AddressTable::nicest_name(const ElfImage& image, size_t first, size_t last) const {
    std::string best;
    ElfBinding best_binding = ElfBinding::kLocal;
    for (size_t i = first; i < std::min(last, first + kMaxAliases); ++i) {
        const NamelessSymbol& entry = entries_[i];
        std::string name;
        if (entry.source == kStubs) {
            name = stubs_[entry.name_offset].function + "@plt";
        } else {
            const Table& table = tables_[entry.source];
            name = table.cursor.name_of(owner_of(image, table.owner), entry.name_offset);
        }
        if (name.empty()) continue;
        if (!best.empty() && rank_of(best, best_binding) <= rank_of(name, entry.binding)) continue;
        best = std::move(name);
        best_binding = entry.binding;
    }
    return best;
}

std::string AddressTable::find(const ElfImage& image, uint64_t address) const {
    // Symbols may nest (labels inside of assembler functions), but not deeply.
    constexpr size_t kMaxNesting = 16;
    if (!is_read()) return {};
    const auto after =
        std::upper_bound(entries_.begin(), entries_.end(), address,
                         [](uint64_t value, const NamelessSymbol& entry) { return value < entry.address; });
    auto last = static_cast<size_t>(after - entries_.begin());
    for (size_t i = 0; i < kMaxNesting && last > 0; ++i) {
        const uint64_t start = entries_[last - 1].address;
        size_t first = last;
        uint64_t size = 0;
        while (first > 0 && entries_[first - 1].address == start) size = std::max(size, entries_[--first].size);
        const uint64_t limit = section_end(start);
        const uint64_t next = last < entries_.size() ? entries_[last].address : limit;
        const uint64_t end = size == 0 ? std::min(limit, next) : start + std::min(size, limit - start);
        if (address < end) {
            if (std::string name = nicest_name(image, first, last); !name.empty()) return name;
        }
        last = first;
    }
    return {};
}

}  // namespace whoholds
