#include "elf/go_signatures.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>

#include "elf/debug_names.h"
#include "elf/go_code.h"

namespace whoholds {
namespace {

constexpr size_t kMaxUnits = 100'000;
constexpr size_t kMaxFunctionsPerUnit = 1'000'000;
constexpr size_t kMaxParameters = 256;
constexpr size_t kMaxVariables = 1024;
constexpr size_t kMaxMembers = 64;
constexpr unsigned kMaxDepth = 16;
constexpr size_t kMaxParts = 256;  // of a value
constexpr size_t kMaxTypeNameBytes = 1024;

// Go's own attribute (cmd/internal/dwarf), with the kind of reflect.Kind.
constexpr unsigned kGoKindAttribute = 0x2900;
enum GoKind : Dwarf_Word {
    kBool = 1,
    kUintptr = 12,
    kComplex128 = 16,
    kArray = 17,
    kChan = 18,
    kFunc = 19,
    kInterface = 20,
    kMap = 21,
    kPointerKind = 22,
    kSlice = 23,
    kString = 24,
    kStruct = 25,
    kUnsafePointer = 26,
};

// The registers that Go 1.17 and newer pass arguments and results in.
constexpr size_t kIntegerRegisters = 9;
constexpr size_t kFloatRegisters = 15;

std::optional<Dwarf_Word> number_of(Dwarf_Die* die, unsigned name) {
    Dwarf_Attribute storage;
    Dwarf_Word value = 0;
    if (::dwarf_formudata(::dwarf_attr(die, name, &storage), &value) != 0) return std::nullopt;
    return value;
}

std::optional<Dwarf_Die> type_of(Dwarf_Die* die) {
    Dwarf_Attribute storage;
    Dwarf_Die type;
    if (::dwarf_formref_die(::dwarf_attr_integrate(die, DW_AT_type, &storage), &type) == nullptr) return std::nullopt;
    return type;
}

// The type parameters of generic functions are typedefs without a kind.
std::optional<Dwarf_Die> with_kind(Dwarf_Die type) {
    for (unsigned i = 0; i < kMaxDepth; ++i) {
        if (number_of(&type, kGoKindAttribute)) return type;
        const auto next = type_of(&type);
        if (::dwarf_tag(&type) != DW_TAG_typedef || !next) return std::nullopt;
        type = *next;
    }
    return std::nullopt;
}

// Takes a value apart as Go's calling convention does.
class Flattener {
public:
    // False: it does not go into registers, or makes no sense.
    bool add(Dwarf_Die declared, unsigned depth = 0) {
        const auto type = with_kind(declared);
        if (!type || depth > kMaxDepth || ++parts_ > kMaxParts) return false;
        Dwarf_Die die = *type;
        constexpr Dwarf_Word kKindMask = 31;
        const Dwarf_Word kind = *number_of(&die, kGoKindAttribute) & kKindMask;
        if (kind >= kBool && kind <= kUintptr) return put({GoWord::kNumber});
        if (kind > kUintptr && kind <= kComplex128) {
            floats += kind == kComplex128 || kind == kComplex128 - 1 ? 2 : 1;
            return floats <= kFloatRegisters;
        }
        switch (kind) {
            case kChan:
            case kFunc:
            case kMap:
            case kPointerKind:
            case kUnsafePointer: return put({GoWord::kPointer});
            case kInterface: return put({GoWord::kType, GoWord::kData});
            case kString: return put({GoWord::kOther, GoWord::kOther});
            case kSlice: return put({GoWord::kOther, GoWord::kOther, GoWord::kOther});
            case kArray: return add_array(die, depth);
            case kStruct: return add_struct(die, depth);
            default: return false;
        }
    }

    std::vector<GoWord> words;
    size_t floats = 0;

private:
    bool put(std::initializer_list<GoWord> more) {
        words.insert(words.end(), more);
        return words.size() <= kIntegerRegisters;
    }

    bool add_array(Dwarf_Die array, unsigned depth) {
        Dwarf_Die range;
        const auto element = type_of(&array);
        if (!element || ::dwarf_child(&array, &range) != 0) return false;
        const auto count = number_of(&range, DW_AT_count);
        if (count == Dwarf_Word{0}) return true;
        return count == Dwarf_Word{1} && add(*element, depth + 1);
    }

    bool add_struct(Dwarf_Die structure, unsigned depth) {
        Dwarf_Die member;
        if (::dwarf_child(&structure, &member) != 0) return true;
        for (size_t i = 0; i < kMaxMembers; ++i) {
            const auto type = type_of(&member);
            if (::dwarf_tag(&member) == DW_TAG_member && (!type || !add(*type, depth + 1))) return false;
            if (!next_sibling(&member)) return true;
        }
        return false;
    }

    size_t parts_ = 0;
};

// Hands out registers to values, one after the other.
class Registers {
public:
    void take_word() { ++words_; }
    void place(const std::optional<Flattener>& flat, GoValue& value) {
        if (!flat || words_ + flat->words.size() > kIntegerRegisters || floats_ + flat->floats > kFloatRegisters)
            return;
        value.words = flat->words;
        if (!value.words.empty()) value.first_word = static_cast<unsigned>(words_) + 1;
        words_ += flat->words.size();
        floats_ += flat->floats;
    }

private:
    size_t words_ = 0;
    size_t floats_ = 0;
};

std::string type_name_of(Dwarf_Die declared) {
    Dwarf_Die type = with_kind(declared).value_or(declared);
    const char* name = ::dwarf_diename(&type);
    return name == nullptr ? "" : std::string(name).substr(0, kMaxTypeNameBytes);
}

GoValue value_of(Dwarf_Die* die, Registers& registers) {
    GoValue value;
    const auto declared = type_of(die);
    if (!declared) return value;
    Flattener flat;
    const bool fits = flat.add(*declared);
    registers.place(fits ? std::optional(flat) : std::nullopt, value);
    value.type = type_name_of(*declared);
    return value;
}

// Those of blocks within it, too; not those of what is inlined into it.
void add_variables(Dwarf_Die* block, unsigned depth, std::vector<std::string>& types) {
    Dwarf_Die child;
    bool more = depth <= kMaxDepth && ::dwarf_child(block, &child) == 0;
    for (; more && types.size() < kMaxVariables; more = next_sibling(&child)) {
        if (::dwarf_tag(&child) == DW_TAG_lexical_block) add_variables(&child, depth + 1, types);
        if (::dwarf_tag(&child) != DW_TAG_variable) continue;
        if (const auto type = type_of(&child)) types.push_back(type_name_of(*type));
    }
}

bool is_result(Dwarf_Die* parameter) {
    Dwarf_Attribute storage;
    bool flag = false;
    return ::dwarf_formflag(::dwarf_attr_integrate(parameter, DW_AT_variable_parameter, &storage), &flag) == 0 && flag;
}

GoSignature signature_of(Dwarf_Die function, std::optional<size_t> parameters_before) {
    GoSignature signature;
    Registers parameters;
    Registers results;
    Dwarf_Die child;
    bool more = ::dwarf_child(&function, &child) == 0;
    for (size_t i = 0; more && i < kMaxParameters; ++i, more = next_sibling(&child)) {
        if (::dwarf_tag(&child) != DW_TAG_formal_parameter) continue;
        if (is_result(&child)) {
            signature.results.push_back(value_of(&child, results));
            continue;
        }
        if (parameters_before == signature.parameters.size()) parameters.take_word();
        signature.parameters.push_back(value_of(&child, parameters));
    }
    signature.tells_results = !::dwarf_hasattr(&function, DW_AT_inline) || !signature.results.empty();
    add_variables(&function, 0, signature.variables);
    return signature;
}

template <class IsIt>
std::optional<Dwarf_Die> function_in(Dwarf_Die* unit, IsIt is_it) {
    Dwarf_Die child;
    bool more = ::dwarf_child(unit, &child) == 0;
    for (size_t i = 0; more && i < kMaxFunctionsPerUnit; ++i, more = next_sibling(&child))
        if (::dwarf_tag(&child) == DW_TAG_subprogram && is_it(&child)) return child;
    return std::nullopt;
}

}  // namespace

Result<GoSignatures> GoSignatures::open(const ElfImage& image, uint64_t max_bytes, const std::function<void()>& pause) {
    const uint64_t size = debug_bytes_of(image);
    if (size == 0) return Error{ErrorCode::kNotFound, "there is no debug information"};
    if (size > std::min(max_bytes, kMaxDebugBytes))
        return Error{ErrorCode::kLimit, "there is too much debug information"};
    WH_TRY(ElfImage own, ElfImage::reopen(image));
    WH_TRY(DwarfFile file, DwarfFile::begin(std::move(own)));
    WH_TRY_VOID(file.load([&] { return pause(), false; }));
    return GoSignatures(std::move(file));
}

std::optional<GoSignature> GoSignatures::find(uint64_t entry, std::optional<size_t> parameters_before) const {
    const auto is_it = [&](Dwarf_Die* function) {
        Dwarf_Addr low = 0;
        return ::dwarf_lowpc(function, &low) == 0 && low == entry;
    };
    Dwarf_CU* unit = nullptr;
    Dwarf_Die die;
    for (size_t i = 0; i < kMaxUnits; ++i) {
        if (::dwarf_get_units(file_.dwarf.get(), unit, &unit, nullptr, nullptr, &die, nullptr) != 0) break;
        if (::dwarf_haspc(&die, entry) != 1) continue;
        if (const auto function = function_in(&die, is_it)) return signature_of(*function, parameters_before);
    }
    return std::nullopt;
}

// The unit of a package has its path for a name.
std::optional<GoSignature> GoSignatures::find(std::string_view readable_name) const {
    const auto is_it = [&](Dwarf_Die* function) {
        const char* name = ::dwarf_diename(function);
        return name != nullptr && readable_go_name(name) == readable_name;
    };
    Dwarf_CU* unit = nullptr;
    Dwarf_Die die;
    for (size_t i = 0; i < kMaxUnits; ++i) {
        if (::dwarf_get_units(file_.dwarf.get(), unit, &unit, nullptr, nullptr, &die, nullptr) != 0) break;
        const char* package = ::dwarf_diename(&die);
        if (package == nullptr || !readable_name.starts_with(readable_go_name(package) + ".")) continue;
        if (const auto function = function_in(&die, is_it)) return signature_of(*function, std::nullopt);
    }
    return std::nullopt;
}

}  // namespace whoholds
