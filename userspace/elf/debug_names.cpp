#include "elf/debug_names.h"

#include <dwarf.h>

#include <algorithm>
#include <string_view>

namespace whoholds {
namespace {

constexpr unsigned kMaxReferences = 16;
constexpr unsigned kMaxScopes = 64;
constexpr unsigned kMaxNestedFunctions = 4;
constexpr size_t kMaxSiblings = 5'000'000;
constexpr size_t kMaxCachedNames = 200'000;
constexpr size_t kMaxNameBytes = 32'768;
constexpr std::string_view kUnnamed = "{unnamed}";

std::string plain_name(Dwarf_Die* die) {
    const char* name = ::dwarf_diename(die);
    return name == nullptr ? std::string() : std::string(name).substr(0, kMaxNameBytes);
}

std::string linkage_name(Dwarf_Die* die) {
    for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
        Dwarf_Attribute storage;
        const char* name = ::dwarf_formstring(::dwarf_attr_integrate(die, attribute, &storage));
        if (name != nullptr) return std::string(name).substr(0, kMaxNameBytes);
    }
    return {};
}

// Inlined call -> abstract function -> declaration in its class: only the last one stands where it belongs.
Dwarf_Die declaration_of(Dwarf_Die die) {
    for (unsigned i = 0; i < kMaxReferences; ++i) {
        Dwarf_Attribute storage;
        Dwarf_Attribute* reference = ::dwarf_attr(&die, DW_AT_abstract_origin, &storage);
        if (reference == nullptr) reference = ::dwarf_attr(&die, DW_AT_specification, &storage);
        Dwarf_Die target;
        if (reference == nullptr || ::dwarf_formref_die(reference, &target) == nullptr) break;
        die = target;
    }
    return die;
}

bool names_its_scopes(Dwarf_Die* unit) {
    switch (::dwarf_srclang(unit)) {
        case DW_LANG_C_plus_plus:
        case DW_LANG_C_plus_plus_03:
        case DW_LANG_C_plus_plus_11:
        case DW_LANG_C_plus_plus_14:
        case DW_LANG_Rust:
        case DW_LANG_D: return true;
        default: return false;
    }
}

// The DIEs around one, outermost first. DWARF has no way up; but offsets grow in the order of the tree, so the way down
// to an offset is known at each level.
std::vector<Dwarf_Die> scopes_of(Dwarf_Die* die) {
    std::vector<Dwarf_Die> scopes;
    Dwarf_Die current;
    if (::dwarf_diecu(die, &current, nullptr, nullptr) == nullptr || !names_its_scopes(&current)) return scopes;
    const Dwarf_Off wanted = ::dwarf_dieoffset(die);
    size_t siblings_left = kMaxSiblings;
    while (scopes.size() < kMaxScopes) {
        Dwarf_Die child;
        if (::dwarf_child(&current, &child) != 0 || ::dwarf_dieoffset(&child) > wanted) return {};
        Dwarf_Die next = child;
        while (next_sibling(&next) && ::dwarf_dieoffset(&next) <= wanted) {
            if (siblings_left-- == 0) return {};
            child = next;
        }
        if (::dwarf_dieoffset(&child) == wanted) return scopes;
        scopes.push_back(child);
        current = child;
    }
    return {};
}

}  // namespace

bool next_sibling(Dwarf_Die* die) {
    Dwarf_Die next;
    if (::dwarf_siblingof(die, &next) != 0 || ::dwarf_dieoffset(&next) <= ::dwarf_dieoffset(die)) return false;
    *die = next;
    return true;
}

std::string DebugNames::scope_name(Dwarf_Die* scope, unsigned depth) {
    const std::string name = plain_name(scope);
    switch (::dwarf_tag(scope)) {
        case DW_TAG_namespace: return name.empty() ? "(anonymous namespace)" : name;
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type: return name.empty() ? std::string(kUnnamed) : name;
        case DW_TAG_subprogram: return depth < kMaxNestedFunctions ? qualified_name(*scope, depth + 1) : name;
        default: return {};
    }
}

std::string DebugNames::qualified_name(Dwarf_Die function, unsigned depth) {
    Dwarf_Die declaration = declaration_of(function);
    const std::string own_name = plain_name(&declaration);
    if (own_name.empty()) return {};
    std::string name;
    for (Dwarf_Die& scope : scopes_of(&declaration)) {
        // A function's own scopes are in its name already.
        if (::dwarf_tag(&scope) == DW_TAG_subprogram) name.clear();
        const std::string part = scope_name(&scope, depth);
        if (!part.empty() && name.size() + part.size() < kMaxNameBytes) name += part + "::";
    }
    // gcc leaves the class of a lambda expression without a name.
    if (own_name == "operator()" && name.ends_with("{unnamed}::")) {
        name.replace(name.size() - kUnnamed.size() - 2, kUnnamed.size(), "{lambda}");
    }
    return name + own_name;
}

std::string DebugNames::name_of(Dwarf_Die function) {
    if (const auto cached = cache_.find(function.addr); cached != cache_.end()) return cached->second;
    std::string name = linkage_name(&function);
    if (name.empty()) name = qualified_name(function, 0);
    if (cache_.size() >= kMaxCachedNames) cache_.clear();
    cache_.emplace(function.addr, name);
    return name;
}

}  // namespace whoholds
