// The text of a pair: any bytes must give a pair that keeps its invariants or one sentence.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "attach/call_shape.h"
#include "runtime/pairs/catalogue.h"
#include "runtime/pairs/pair_grammar.h"

namespace {

void check_sentence(const std::string& sentence) {
    if (sentence.empty() || sentence.find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto selected = whoholds::select_pairs(text);
    if (!selected) check_sentence(selected.error().message);
    const auto pair = whoholds::parse_pair(text);
    if (!pair) return check_sentence(pair.error().message), 0;
    if (pair->name.empty() || pair->functions.size() < 2) std::abort();
    for (const whoholds::PairFunction& function : pair->functions) {
        if (function.symbol.empty() || !whoholds::is_valid(whoholds::unpack(function.shape))) std::abort();
        whoholds::matches_glob(function.symbol, text);
    }
    return 0;
}
