#include "unwind/decoded_gaps.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "elf/symbol_reader.h"
#include "unwind/decoded_code.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxCodeBytes = uint64_t{4} << 20;
constexpr size_t kMaxGaps = 20'000;
constexpr size_t kMaxSymbols = 200'000;  // looked at
// The gaps of a module with CFI are padding and a few functions in assembler, which are known by their bytes (gap_code).
constexpr uint64_t kMinGapBytes = 128;
constexpr uint64_t kMinAllGapsBytes = 1024;

// Linkage tables and the code around initialisers are no functions.
bool is_text(const ElfSection& section) {
    return section.is_executable() && !section.name.starts_with(".plt") && section.name != ".iplt" &&
           section.name != ".init" && section.name != ".fini";
}

void add_overlaps(const UnwindRange& gap, const ElfImage& image, std::vector<UnwindRange>& ranges) {
    for (const ElfSection& section : image.sections()) {
        if (!is_text(section) || section.size > UINT64_MAX - section.address) continue;
        const UnwindRange range{std::max(gap.start, section.address),
                                std::min(gap.end, section.address + section.size)};
        if (range.start < range.end && range.end - range.start >= kMinGapBytes) ranges.push_back(range);
    }
}

std::vector<UnwindRange> gaps_with_functions(const ElfImage& image, const std::vector<UnwindRange>& gaps) {
    std::vector<UnwindRange> ranges;
    uint64_t bytes = 0;
    for (const UnwindRange& gap : gaps) {
        if (gap.end - gap.start < kMinGapBytes) continue;
        add_overlaps(gap, image, ranges);
        if (ranges.size() > kMaxGaps) break;
    }
    // Sections of a hostile file may overlap.
    std::sort(ranges.begin(), ranges.end(),
              [](const UnwindRange& a, const UnwindRange& b) { return a.start < b.start; });
    const auto overlaps = [](const UnwindRange& a, const UnwindRange& b) { return a.end > b.start; };
    if (std::adjacent_find(ranges.begin(), ranges.end(), overlaps) != ranges.end()) return {};
    for (const UnwindRange& range : ranges) bytes += range.end - range.start;
    return bytes >= kMinAllGapsBytes ? ranges : std::vector<UnwindRange>{};
}

bool is_in_gap(uint64_t address, const std::vector<UnwindRange>& gaps) {
    const auto after = std::upper_bound(gaps.begin(), gaps.end(), address,
                                        [](uint64_t value, const UnwindRange& gap) { return value < gap.start; });
    return after != gaps.begin() && address < std::prev(after)->end;
}

// Hardly any of a module's many symbols lie in its gaps: only those are kept.
std::vector<CodeExtent> functions_in(const ElfImage& image, const std::vector<UnwindRange>& gaps) {
    std::vector<CodeExtent> functions;
    const ElfImage::SymbolOptions options{.debug_roots = {}, .max_symbols = kMaxSymbols, .include_ifuncs = true};
    const auto keep = [&](const FunctionSymbol& symbol, const char* /*table*/) {
        if (symbol.size == 0 || symbol.size > UINT64_MAX - symbol.address || !is_in_gap(symbol.address, gaps)) return;
        const bool is_part = symbol.name.find(".cold") != std::string_view::npos;
        functions.push_back({{symbol.address, symbol.address + symbol.size}, is_part});
    };
    // Without symbols nothing is known of the gaps' functions.
    if (!visit_all_function_symbols(image, options, keep)) functions.clear();
    return functions;
}

}  // namespace

std::vector<UnwindPatch> decoded_gap_patches(const ElfImage& image, const std::vector<UnwindRange>& gaps,
                                             std::vector<std::string>& notes) {
    const std::vector<UnwindRange> ranges = gaps_with_functions(image, gaps);
    if (ranges.empty() || image.is_go()) return {};
    std::vector<CodeBytes> code;
    uint64_t bytes = 0;
    bool read_all = true;
    for (const UnwindRange& range : ranges) {
        const uint64_t size = range.end - range.start;
        if (bytes + size > kMaxCodeBytes) {
            read_all = false;
            break;
        }
        bytes += size;
        code.push_back({range.start, image.code_at(range.start, size)});
    }
    const DecodedCode decoded = decode_code(code, functions_in(image, ranges));
    if (!read_all || !decoded.read_all) notes.emplace_back("much code without information, not all of it decoded");
    return patches_of(decoded);
}

}  // namespace whoholds
