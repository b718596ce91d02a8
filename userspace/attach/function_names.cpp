#include "attach/function_names.h"

#include <algorithm>
#include <tuple>

namespace whoholds {
namespace {

// Functions seldom lie inside of others; so many starts are looked at before an address that none of them covers.
constexpr size_t kMaxStepsBack = 16;

bool covers(const ElfSymbol& symbol, uint64_t address) {
    return address >= symbol.address && address - symbol.address < symbol.size;
}

auto plainness(const ElfSymbol& symbol) {
    const std::string& name = symbol.name;
    return std::tuple(name.find_first_not_of('_'), name.size(), std::string_view(name));
}

}  // namespace

FunctionNames::Place FunctionNames::find(uint64_t address) {
    if (!is_read_) {
        is_read_ = true;
        if (code_.all_symbols) symbols_ = code_.all_symbols();
        std::erase_if(symbols_, [](const ElfSymbol& symbol) {
            return symbol.size == 0 || symbol.address + symbol.size < symbol.address;
        });
        std::sort(symbols_.begin(), symbols_.end(),
                  [](const ElfSymbol& a, const ElfSymbol& b) { return a.address < b.address; });
    }
    const auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                        [](uint64_t value, const ElfSymbol& each) { return value < each.address; });
    size_t at = static_cast<size_t>(after - symbols_.begin());
    for (size_t step = 0; at > 0 && step < kMaxStepsBack; ++step) {
        if (!covers(symbols_[--at], address)) continue;
        Place place{at, at + 1};
        while (place.first > 0 && symbols_[place.first - 1].address == symbols_[at].address) --place.first;
        return place;
    }
    return {};
}

std::optional<CodeRange> FunctionNames::range_of(uint64_t address) {
    const Place place = find(address);
    if (place.first == place.end) return std::nullopt;
    const ElfSymbol& symbol = symbols_[place.end - 1];
    return CodeRange{symbol.address, symbol.address + symbol.size};
}

std::string FunctionNames::name_of(uint64_t address) {
    const Place place = find(address);
    const ElfSymbol* best = nullptr;
    for (size_t i = place.first; i < place.end; ++i) {
        if (best == nullptr || plainness(symbols_[i]) < plainness(*best)) best = &symbols_[i];
    }
    return best == nullptr ? std::string() : best->name;
}

bool FunctionNames::is_named(uint64_t address, std::string_view name) {
    const Place place = find(address);
    for (size_t i = place.first; i < place.end; ++i) {
        if (symbols_[i].name == name) return true;
    }
    return false;
}

}  // namespace whoholds
