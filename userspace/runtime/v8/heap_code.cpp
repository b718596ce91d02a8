#include "runtime/v8/heap_code.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "attach/instruction.h"
#include "attach/probe_placement.h"

namespace whoholds {
namespace {

struct Wanted {
    V8HeapEvent event;
    std::string_view symbol;  // what it begins with
};

constexpr std::string_view kAddPage = "_ZN2v88internal17SemiSpaceNewSpace12AddFreshPageEv";
constexpr std::string_view kAllocate = "_ZN2v88internal17SemiSpaceNewSpace8AllocateE";
constexpr std::string_view kIsUnmarked = "_ZN2v88internal20MarkCompactCollector20IsUnmarkedHeapObjectE";
constexpr std::string_view kClear = "_ZN2v88internal20MarkCompactCollector22ClearNonLiveReferencesEv";

constexpr auto kWanted = std::to_array<Wanted>({
    {V8HeapEvent::kHeapEnds, "_ZN2v88internal4Heap8TearDownEv"},
    {V8HeapEvent::kScavengeBegins, "_ZN2v88internal18ScavengerCollector14CollectGarbageEv"},
    {V8HeapEvent::kScavengeEnds, "_ZN2v88internal19NewLargeObjectSpace15FreeDeadObjectsE"},
    {V8HeapEvent::kMarkingEnds, kClear},
    {V8HeapEvent::kEvacuationEnds, "_ZN2v88internal20MarkCompactCollector27ReleaseEvacuationCandidatesEv"},
});

// Without compressed pointers, as Node is built.
struct Row {
    const char* version;
    std::string_view page_added;  // the function that goes on to another page
    unsigned arguments;           // of it: that the probe reads
    wh_js_layout layout;
};

constexpr auto kRows = std::to_array<Row>({
    {"11.3",  // Node 20
     kAddPage,
     0b001,
     {.current_page = 0x1f0,
      .next_page = 0x108,
      .area_start = 0x18,
      .space_heap = 8,
      .scavenger_heap = 8,
      .collector_heap = 0x20,
      .flags = 8,
      .metadata = 0,
      .mark_bits = 0x140,
      .allocation_top = 0,
      .area_end = 0,
      .reserved = 0}},
    {"12.4",  // Node 22
     kAllocate,
     0b110,
     {.current_page = 0x100,
      .next_page = 0x108,
      .area_start = 0x20,
      .space_heap = 8,
      .scavenger_heap = 8,
      .collector_heap = 0,
      .flags = 0,
      .metadata = 8,
      .mark_bits = 0x140,
      .allocation_top = 0x1b0,
      .area_end = 0x28,
      .reserved = 0}},
    {"13.6",  // Node 24
     kAllocate,
     0b110,
     {.current_page = 0xd0,
      .next_page = 0x108,
      .area_start = 0x48,
      .space_heap = 8,
      .scavenger_heap = 8,
      .collector_heap = 0,
      .flags = 0,
      .metadata = 8,
      .mark_bits = 0x140,
      .allocation_top = 0x160,
      .area_end = 0x38,
      .reserved = 0}},
});

constexpr uint64_t kMostCodeBytes = 512;  // of these small functions, and of the beginning of a large one

using Offsets = std::set<int64_t>;

// What the code adds to registers where it reads memory.
Offsets offsets_in(std::span<const uint8_t> code) {
    Offsets offsets;
    const ZydisDecoder decoder = make_decoder();
    for (size_t at = 0; at < code.size();) {
        const auto decoded = decode(decoder, code.subspan(at));
        if (!decoded) break;
        for (size_t i = 0; i < decoded->instruction.operand_count_visible; ++i) {
            const ZydisDecodedOperand& operand = decoded->operands[i];
            const bool is_stack = operand.mem.base == ZYDIS_REGISTER_RSP || operand.mem.base == ZYDIS_REGISTER_RBP;
            if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.base != ZYDIS_REGISTER_RIP && !is_stack)
                offsets.insert(operand.mem.disp.value);
        }
        at += decoded->instruction.length;
    }
    return offsets;
}

// The first field that a function reads of its object.
std::optional<int64_t> first_field(std::span<const uint8_t> code) {
    const ZydisDecoder decoder = make_decoder();
    for (size_t at = 0; at < code.size();) {
        const auto decoded = decode(decoder, code.subspan(at));
        if (!decoded) break;
        const ZydisDecodedOperand& from = decoded->operands[1];
        if (decoded->instruction.mnemonic == ZYDIS_MNEMONIC_MOV && from.type == ZYDIS_OPERAND_TYPE_MEMORY &&
            from.mem.base == ZYDIS_REGISTER_RDI)
            return from.mem.disp.value;
        at += decoded->instruction.length;
    }
    return std::nullopt;
}

class Functions {
public:
    Functions(const ElfImage& image, std::vector<ElfSymbol> symbols) : image_(image), symbols_(std::move(symbols)) {}

    // Outlying pieces (".cold") are not it.
    [[nodiscard]] const ElfSymbol* find(std::string_view begins_with) const {
        const auto found = std::ranges::find_if(symbols_, [&](const ElfSymbol& one) {
            return one.name.starts_with(begins_with) && one.name.find('.') == std::string::npos;
        });
        return found == symbols_.end() ? nullptr : &*found;
    }
    [[nodiscard]] std::vector<uint8_t> code_of(const ElfSymbol& symbol) const {
        return image_.code_at(symbol.address, std::min(symbol.size, kMostCodeBytes));
    }

private:
    const ElfImage& image_;
    std::vector<ElfSymbol> symbols_;
};

bool fits(const Row& row, const Functions& functions) {
    if (!functions.find(row.page_added)) return false;
    const Offsets page = offsets_in(functions.code_of(*functions.find(row.page_added)));
    const Offsets mark = offsets_in(functions.code_of(*functions.find(kIsUnmarked)));
    const wh_js_layout& layout = row.layout;
    std::vector<uint16_t> in_page = {layout.current_page, layout.next_page};
    std::vector<uint16_t> in_mark = {layout.mark_bits, layout.flags};
    // In V8 11 the start of the page is read by a function that this one calls.
    if (layout.allocation_top != 0)
        in_page.insert(in_page.end(), {layout.allocation_top, layout.area_start, layout.area_end});
    if (layout.metadata != 0) in_mark.push_back(layout.metadata);
    return std::ranges::all_of(in_page, [&](uint16_t offset) { return page.contains(offset); }) &&
           std::ranges::all_of(in_mark, [&](uint16_t offset) { return mark.contains(offset); }) &&
           first_field(functions.code_of(*functions.find(kClear))) == layout.collector_heap;
}

Result<V8HeapSite> place(const ElfImage& image, const Functions& functions, const Wanted& wanted, unsigned arguments) {
    const ElfSymbol& symbol = *functions.find(wanted.symbol);
    const std::vector<uint8_t> code = image.code_at(symbol.address, symbol.size);
    if (code.empty()) return Error{ErrorCode::kMalformed, symbol.name + " has no code in the file"};
    Placement placement = choose_placement(
        {.code = code, .address = symbol.address, .argument_mask = arguments, .has_return_probe = true});
    if (placement.argument_at != Placement().argument_at || placement.pushed_words != 0) placement = Placement();
    const auto offset = image.offset_of(symbol.address + placement.delta);
    if (!offset) return Error{ErrorCode::kMalformed, symbol.name + " lies outside of the file"};
    return V8HeapSite{wanted.event, symbol.name, *offset, placement.emulated};
}

bool is_wanted(std::string_view name) {
    return name.starts_with(kIsUnmarked) || name.starts_with(kAddPage) || name.starts_with(kAllocate) ||
           std::ranges::any_of(kWanted, [&](const Wanted& one) { return name.starts_with(one.symbol); });
}

}  // namespace

Result<V8HeapCode> read_v8_heap_code(const ElfImage& image) {
    const ElfImage::SymbolOptions own_tables{.debug_roots = {}, .debug_directory = ""};
    auto symbols = image.function_symbols(own_tables, is_wanted);
    if (!symbols || symbols->empty())
        return Error{ErrorCode::kUnsupported, "its file names none of V8's functions (it was stripped)"};
    const Functions functions(image, *std::move(symbols));
    if (!functions.find(kIsUnmarked)) return Error{ErrorCode::kUnsupported, "V8's check of mark bits has no symbol"};
    for (const Wanted& wanted : kWanted)
        if (!functions.find(wanted.symbol))
            return Error{ErrorCode::kUnsupported, "V8's function " + std::string(wanted.symbol) + " is not there"};
    const auto row = std::ranges::find_if(kRows, [&](const Row& one) { return fits(one, functions); });
    if (row == kRows.end())
        return Error{ErrorCode::kUnsupported, "its V8 is laid out like none that is known (11.3, 12.4, 13.6)"};
    V8HeapCode code{.version = row->version, .layout = row->layout, .sites = {}};
    for (const Wanted& wanted : kWanted) {
        WH_TRY(V8HeapSite site, place(image, functions, wanted, 1));
        code.sites.push_back(std::move(site));
    }
    // Samples are taken once what follows them is there.
    WH_TRY(V8HeapSite site, place(image, functions, {V8HeapEvent::kPageAdded, row->page_added}, row->arguments));
    code.sites.push_back(std::move(site));
    return code;
}

}  // namespace whoholds
