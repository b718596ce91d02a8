#include "symbolize/address_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "elf/plt.h"
#include "elf/symbol_reader.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxNameBytes = uint64_t{1} << 30;

size_t leading_underscores(std::string_view name) {
    if (name.starts_with("_Z") || name.starts_with("_R")) return 0;
    return std::min(name.find_first_not_of('_'), name.size());
}

}  // namespace

// Collects every alias, then keeps the nicest for each address.
class AddressTable::Builder {
public:
    explicit Builder(const ElfImage& image) {
        for (const ElfSection& section : image.sections()) {
            if (section.is_executable() && section.size > 0) add_code(section.address, section.size);
        }
        for (const ElfSegment& segment : image.segments()) {
            if (segment.executable && sections_.empty()) add_code(segment.virtual_address, segment.memory_size);
        }
    }

    void add(std::string_view name, uint64_t address, uint64_t size, ElfBinding binding) {
        if (names_.size() + name.size() > kMaxNameBytes) return;
        aliases_.push_back({.start = address,
                            .size = size,
                            .name_offset = names_.size(),
                            .name_size = static_cast<uint32_t>(name.size()),
                            .binding = binding});
        names_ += name;
    }

    AddressTable build() && {
        std::sort(aliases_.begin(), aliases_.end(), [this](const Alias& a, const Alias& b) { return is_nicer(a, b); });
        AddressTable table;
        for (size_t i = 0; i < aliases_.size();) {
            size_t next = i;
            uint64_t size = 0;
            for (; next < aliases_.size() && aliases_[next].start == aliases_[i].start; ++next) {
                size = std::max(size, aliases_[next].size);
            }
            const uint64_t limit = section_end(aliases_[i].start);
            const uint64_t following = next < aliases_.size() ? aliases_[next].start : limit;
            append(table, aliases_[i], size, std::min(limit, following), limit);
            i = next;
        }
        return table;
    }

private:
    struct Alias {
        uint64_t start = 0;
        uint64_t size = 0;
        uint64_t name_offset = 0;
        uint32_t name_size = 0;
        ElfBinding binding = ElfBinding::kLocal;
    };
    struct Code {
        uint64_t start = 0;
        uint64_t end = 0;
    };

    void add_code(uint64_t start, uint64_t size) {
        sections_.push_back({start, start + size < start ? UINT64_MAX : start + size});
    }

    [[nodiscard]] std::string_view name_of(const Alias& alias) const {
        return std::string_view(names_).substr(alias.name_offset, alias.name_size);
    }

    // By address, then the nicest first. "write" is weak and "__write" global in glibc, so looks go before strength.
    [[nodiscard]] bool is_nicer(const Alias& a, const Alias& b) const {
        const auto rank = [this](const Alias& alias) {
            const std::string_view name = name_of(alias);
            return std::tuple(alias.start, alias.binding == ElfBinding::kLocal, leading_underscores(name),
                              name.find('.') != std::string_view::npos, alias.binding != ElfBinding::kGlobal,
                              name.size(), name);
        };
        return rank(a) < rank(b);
    }

    [[nodiscard]] uint64_t section_end(uint64_t address) const {
        for (const Code& code : sections_) {
            if (address >= code.start && address < code.end) return code.end;
        }
        return address + 1;
    }

    void append(AddressTable& table, const Alias& alias, uint64_t size, uint64_t open_end, uint64_t limit) const {
        const uint64_t end = size == 0 ? open_end : alias.start + std::min(size, limit - alias.start);
        table.entries_.push_back(
            {.start = alias.start, .end = end, .name_offset = table.names_.size(), .name_size = alias.name_size});
        table.names_ += name_of(alias);
    }

    std::vector<Code> sections_;
    std::vector<Alias> aliases_;
    std::string names_;
};

Result<AddressTable> AddressTable::read(const ElfImage& image, const ElfImage::SymbolOptions& options) {
    Builder builder(image);
    for (const PltEntry& entry : read_plt(image)) {
        builder.add(entry.function + "@plt", entry.address, entry.size, ElfBinding::kLocal);
    }
    ElfImage::SymbolOptions all = options;
    all.include_ifuncs = true;
    WH_TRY_VOID(visit_all_function_symbols(image, all, [&builder](const FunctionSymbol& symbol, const char*) {
        builder.add(symbol.name, symbol.address, symbol.size, symbol.binding);
    }));
    return std::move(builder).build();
}

std::string_view AddressTable::find(uint64_t address) const {
    // Symbols may nest (labels inside of assembler functions), but not deeply.
    constexpr size_t kMaxNesting = 16;
    auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                  [](uint64_t value, const Entry& entry) { return value < entry.start; });
    for (size_t i = 0; i < kMaxNesting && after != entries_.begin(); ++i) {
        --after;
        if (address < after->end) return std::string_view(names_).substr(after->name_offset, after->name_size);
    }
    return {};
}

}  // namespace whoholds
