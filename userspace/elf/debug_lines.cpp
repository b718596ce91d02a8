#include "elf/debug_lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "base/byte_reader.h"
#include "elf/debug_files.h"
#include "elf/debug_names.h"
#include "elf/dwarf_file.h"
#include "elf/elf_source.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxDebugBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxAltLinkBytes = 8192;
constexpr size_t kMaxUnits = 1'000'000;
constexpr size_t kMaxRangesPerDie = 65'536;
constexpr size_t kMaxDiesPerUnit = 20'000'000;
constexpr size_t kMaxTreeDepth = 256;
constexpr size_t kMaxInlineDepth = 128;
constexpr size_t kMaxDiesPerFunction = 1'000'000;
constexpr size_t kDiesPerStep = 4096;

struct AddressRange {
    uint64_t low = 0;
    uint64_t high = 0;   // exclusive
    size_t payload = 0;  // index of a unit, or offset of a function's DIE
};

void append_ranges(Dwarf_Die* die, size_t payload, std::vector<AddressRange>& out) {
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    ptrdiff_t position = 0;
    for (size_t i = 0; i < kMaxRangesPerDie; ++i) {
        position = ::dwarf_ranges(die, position, &base, &low, &high);
        if (position <= 0) return;
        // Functions the linker dropped keep ranges at 0 or 1.
        if (low > 1 && low < high) out.push_back({low, high, payload});
    }
}

void sort_ranges(std::vector<AddressRange>& ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const AddressRange& a, const AddressRange& b) {
        return a.low != b.low ? a.low < b.low : a.high > b.high;
    });
}

// The last range that begins at or before the address and covers it; ranges may nest, rarely deeply.
const AddressRange* covering(const std::vector<AddressRange>& ranges, uint64_t address) {
    constexpr size_t kMaxNesting = 32;
    auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                  [](uint64_t value, const AddressRange& range) { return value < range.low; });
    for (size_t i = 0; i < kMaxNesting && after != ranges.begin(); ++i) {
        --after;
        if (address < after->high) return &*after;
    }
    return nullptr;
}

std::string string_of(const char* text) { return text == nullptr ? std::string() : std::string(text); }

int line_number(Dwarf_Word value) { return value > 0 && value < 100'000'000 ? static_cast<int>(value) : 0; }

struct Unit {
    Dwarf_Die die{};
    bool is_skeleton = false;  // its functions are in a .dwo file, which we do not look for
    std::vector<AddressRange> functions;
    bool functions_known = false;
    // Where the walk stopped when time ran out: one DIE per level of the tree.
    std::vector<Dwarf_Die> walk;
    size_t dies_seen = 0;
};

bool may_hold_functions(int tag) {
    constexpr std::array<int, 8> kTags = {DW_TAG_compile_unit, DW_TAG_partial_unit,    DW_TAG_namespace,
                                          DW_TAG_module,       DW_TAG_structure_type,  DW_TAG_class_type,
                                          DW_TAG_union_type,   DW_TAG_enumeration_type};
    return std::find(kTags.begin(), kTags.end(), tag) != kTags.end();
}

// The child whose code holds the address: an inlined call, or a block that may hold one.
bool child_at(Dwarf_Die* parent, uint64_t address, size_t& dies_left, Dwarf_Die* found) {
    if (::dwarf_child(parent, found) != 0) return false;
    do {
        if (dies_left == 0) return false;
        --dies_left;
        const int tag = ::dwarf_tag(found);
        const bool candidate = tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
                               tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
        if (candidate && ::dwarf_haspc(found, address) == 1) return true;
    } while (next_sibling(found));
    return false;
}

}  // namespace

struct DebugLines::State {
    DwarfFile file;
    std::optional<DwarfFile> shared;  // what dwz put into one file for several
    std::vector<Unit> units;
    std::vector<AddressRange> unit_ranges;
    DebugNames names;
    Dwarf_CU* last_unit = nullptr;
    bool units_known = false;
    ElfImage::SymbolOptions options;
    bool is_loaded = false;
    std::optional<Error> error;

    State(DwarfFile main, ElfImage::SymbolOptions its_options)
        : file(std::move(main)), options(std::move(its_options)) {}
    ~State() { file.dwarf.reset(); }  // before the shared file, which it points to
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    bool load(const OutOfTime& out_of_time);
    void open_shared_file();
    bool index_units(const OutOfTime& out_of_time);
    bool index_functions(Unit& unit, const OutOfTime& out_of_time);
    void step(Unit& unit);
    std::vector<SourceFrame> describe(Unit& unit, uint64_t address);
    std::vector<Dwarf_Die> inlined_calls_at(Dwarf_Die function, uint64_t address);
};

// False when out of time or without hope.
bool DebugLines::State::load(const OutOfTime& out_of_time) {
    if (is_loaded) return true;
    if (error) return false;
    auto loaded = file.load(out_of_time);
    if (!loaded) {
        error = std::move(loaded).error();
        return false;
    }
    if (!*loaded) return false;
    open_shared_file();
    is_loaded = true;
    return true;
}

void DebugLines::State::open_shared_file() {
    const ElfSection* section = file.image.find_section(".gnu_debugaltlink");
    if (section == nullptr || section->type == SHT_NOBITS || section->size > kMaxAltLinkBytes) return;
    const std::vector<uint8_t> bytes = file.image.source().read_up_to(section->file_offset, section->size);
    ByteReader reader(bytes);
    const auto path = reader.c_string();
    const auto id = reader.bytes(reader.remaining());
    if (!reader.ok() || id->empty()) return;
    auto image = find_shared_debug_file(std::string(*path), *id, file.image, options);
    if (!image || debug_bytes_of(*image) > kMaxDebugBytes) return;
    auto opened = DwarfFile::begin(*std::move(image));
    if (!opened || !opened->load([] { return false; })) return;
    shared = *std::move(opened);
    ::dwarf_setalt(file.dwarf.get(), shared->dwarf.get());
}

// All units are looked at, because .debug_aranges is optional and clang leaves it out.
bool DebugLines::State::index_units(const OutOfTime& out_of_time) {
    while (!units_known) {
        if (units.size() % 16 == 0 && out_of_time()) return false;
        Dwarf_CU* next = nullptr;
        uint8_t type = 0;
        Dwarf_Die die{};
        // No place for the split unit is given: libdw would open .dwo files by names out of the file.
        const int status = ::dwarf_get_units(file.dwarf.get(), last_unit, &next, nullptr, &type, &die, nullptr);
        if (status != 0 || units.size() >= kMaxUnits) {
            sort_ranges(unit_ranges);
            units_known = true;
            break;
        }
        last_unit = next;
        append_ranges(&die, units.size(), unit_ranges);
        units.push_back({.die = die, .is_skeleton = type == DW_UT_skeleton});
    }
    return true;
}

// Reads the last DIE of unit.walk and moves on: into it, behind it, or up.
void DebugLines::State::step(Unit& unit) {
    Dwarf_Die& current = unit.walk.back();
    ++unit.dies_seen;
    const int tag = ::dwarf_tag(&current);
    if (tag == DW_TAG_subprogram) append_ranges(&current, ::dwarf_dieoffset(&current), unit.functions);
    if (may_hold_functions(tag) && unit.walk.size() < kMaxTreeDepth) {
        Dwarf_Die child;
        if (::dwarf_child(&current, &child) == 0) {
            unit.walk.push_back(child);
            return;
        }
    }
    while (!unit.walk.empty() && (unit.walk.size() == 1 || !next_sibling(&unit.walk.back()))) unit.walk.pop_back();
}

bool DebugLines::State::index_functions(Unit& unit, const OutOfTime& out_of_time) {
    if (unit.functions_known || unit.is_skeleton) return true;
    if (unit.walk.empty()) unit.walk.push_back(unit.die);
    while (!unit.walk.empty() && unit.dies_seen < kMaxDiesPerUnit) {
        if (unit.dies_seen % kDiesPerStep == 0 && out_of_time()) return false;
        step(unit);
    }
    unit.walk = {};
    sort_ranges(unit.functions);
    unit.functions_known = true;
    return true;
}

// Outermost first; the function itself is not among them.
std::vector<Dwarf_Die> DebugLines::State::inlined_calls_at(Dwarf_Die function, uint64_t address) {
    std::vector<Dwarf_Die> calls;
    size_t dies_left = kMaxDiesPerFunction;
    for (size_t depth = 0; depth < kMaxTreeDepth && calls.size() < kMaxInlineDepth; ++depth) {
        Dwarf_Die child;
        if (!child_at(&function, address, dies_left, &child)) break;
        if (::dwarf_tag(&child) == DW_TAG_inlined_subroutine) calls.push_back(child);
        function = child;
    }
    return calls;
}

std::vector<SourceFrame> DebugLines::State::describe(Unit& unit, uint64_t address) {
    SourceFrame here;
    if (Dwarf_Line* line = ::dwarf_getsrc_die(&unit.die, address); line != nullptr) {
        int number = 0;
        if (::dwarf_lineno(line, &number) == 0 && number > 0) here.line = number;
        here.file = string_of(::dwarf_linesrc(line, nullptr, nullptr));
    }
    const AddressRange* range = covering(unit.functions, address);
    Dwarf_Die function;
    if (range == nullptr || ::dwarf_offdie(file.dwarf.get(), range->payload, &function) == nullptr) {
        return here.file.empty() ? std::vector<SourceFrame>() : std::vector{here};
    }

    Dwarf_Files* files = nullptr;
    size_t file_count = 0;
    if (::dwarf_getsrcfiles(&unit.die, &files, &file_count) != 0) files = nullptr;
    std::vector<SourceFrame> frames;
    std::vector<Dwarf_Die> calls = inlined_calls_at(function, address);
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
        here.function = names.name_of(*call);
        frames.push_back(std::exchange(here, {}));
        Dwarf_Attribute storage;
        Dwarf_Word value = 0;
        if (::dwarf_formudata(::dwarf_attr(&*call, DW_AT_call_line, &storage), &value) == 0)
            here.line = line_number(value);
        const bool has_file = ::dwarf_formudata(::dwarf_attr(&*call, DW_AT_call_file, &storage), &value) == 0;
        if (has_file && files != nullptr && value < file_count)
            here.file = string_of(::dwarf_filesrc(files, value, nullptr, nullptr));
    }
    here.function = names.name_of(function);
    frames.push_back(here);
    return frames;
}

DebugLines::DebugLines(std::unique_ptr<State> state) : state_(std::move(state)) {}
DebugLines::DebugLines(DebugLines&&) noexcept = default;
DebugLines& DebugLines::operator=(DebugLines&&) noexcept = default;
DebugLines::~DebugLines() = default;

uint64_t DebugLines::bytes_to_read(const ElfImage& image) { return debug_bytes_of(image); }
uint64_t DebugLines::bytes_to_unpack(const ElfImage& image) { return packed_debug_bytes_of(image); }

Result<DebugLines> DebugLines::open(ElfImage image, const ElfImage::SymbolOptions& options) {
    const uint64_t size = bytes_to_read(image);
    if (size == 0) return Error{ErrorCode::kNotFound, "no debug information"};
    if (size > kMaxDebugBytes) return Error{ErrorCode::kLimit, "more than 1 GiB of debug information"};
    WH_TRY(DwarfFile file, DwarfFile::begin(std::move(image)));
    return DebugLines(std::make_unique<State>(std::move(file), options));
}

const Error* DebugLines::error() const { return state_->error ? &*state_->error : nullptr; }

std::optional<std::vector<SourceFrame>> DebugLines::find(uint64_t address, const OutOfTime& out_of_time) {
    const bool loaded = state_->load(out_of_time);
    if (state_->error) return std::vector<SourceFrame>();
    if (!loaded || !state_->index_units(out_of_time)) return std::nullopt;
    const AddressRange* range = covering(state_->unit_ranges, address);
    if (range == nullptr) return std::vector<SourceFrame>();
    Unit& unit = state_->units[range->payload];
    if (!state_->index_functions(unit, out_of_time)) return std::nullopt;
    return state_->describe(unit, address);
}

}  // namespace whoholds
