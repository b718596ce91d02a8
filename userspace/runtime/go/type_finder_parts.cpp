// What the runtime makes of maps and channels, which types do not declare; and how kinds of objects are numbered and named.
#include <algorithm>
#include <string>

#include "elf/go_code.h"
#include "runtime/go/type_finder.h"

namespace whoholds {
namespace {

constexpr uint64_t kMapBytes = 48;    // hmap (runtime/map.go), Map (internal/runtime/maps/map.go)
constexpr uint64_t kTableBytes = 32;  // table (internal/runtime/maps/table.go)
constexpr uint64_t kExtraBytes = 24;  // mapextra (runtime/map.go)
constexpr unsigned kMaxMapBits = 40;
constexpr uint64_t kLeastChannelBytes = 96;  // hchan (runtime/chan.go)
constexpr unsigned kFirstMinorWithChannelTimers = 23;

}  // namespace

void GoTypeFinder::found_map_part(uint64_t address, GoObjectForm form, const GoType& map, uint64_t bytes, Worth worth) {
    const GoObject object = object_at(address);
    if (!object.exists() || !fits(object, bytes, true)) return;
    // What the runtime notes of these parts are types of its own, the same for all maps.
    const bool is_part = form != GoObjectForm::kMap && worth >= Worth::kPair;
    set(object, {form, &map}, is_part ? Worth::kRuntime : worth);
}

void GoTypeFinder::found_map_groups(uint64_t address, const GoType& map, uint64_t count, Worth worth) {
    const GoObject object = object_at(address);
    const GoType* group = types_.at(map.group);
    if (!object.exists() || !group || group->bytes == 0 || count == 0) return;
    const uint64_t bytes = model_.value_bytes(object);
    // Until 1.23 some more are made for those that overflow: a sixteenth, and what rounding up leaves.
    if (count > bytes / group->bytes || group->has_pointers() != model_.spans()[object.span].has_pointers) return;
    const uint64_t most =
        types_.format().has_swiss_maps ? count * group->bytes : (count + count / 16 + 1) * group->bytes;
    if (go_slot_bytes(most + 8) < model_.spans()[object.span].element_bytes) return;
    const bool is_named_so = model_.header(object) == map.group || model_.spans()[object.span].large_type == map.group;
    set(object, {GoObjectForm::kMapGroups, &map}, is_named_so ? Worth::kRuntime : worth);
}

void GoTypeFinder::visit_map(std::span<const uint64_t> words, const GoType& map, Worth worth) {
    if (words.size() < kMapBytes / 8) return;
    if (types_.format().has_swiss_maps) {
        const uint64_t directory = words[2];
        const uint64_t tables = words[3];
        if (tables == 0) return found_map_groups(directory, map, 1, worth);
        if (tables > uint64_t{1} << kMaxMapBits) return;
        return found_map_part(directory, GoObjectForm::kMapDirectory, map, tables * 8, worth);
    }
    const unsigned bits = words[1] >> 8 & 0xff;
    if (bits > kMaxMapBits) return;
    found_map_groups(words[2], map, uint64_t{1} << bits, worth);
    // While a map grows, its old entries are half as many, or as many.
    found_map_groups(words[3], map, uint64_t{1} << bits, worth);
    if (bits > 0) found_map_groups(words[3], map, uint64_t{1} << (bits - 1), worth);
    found_map_part(words[5], GoObjectForm::kMapExtra, map, kExtraBytes, worth);
}

void GoTypeFinder::visit_map_directory(std::span<const uint64_t> words, const GoType& map, Worth worth) {
    for (const uint64_t word : words) found_map_part(word, GoObjectForm::kMapTable, map, kTableBytes, worth);
}

void GoTypeFinder::visit_map_table(std::span<const uint64_t> words, const GoType& map, Worth worth) {
    if (words.size() >= kTableBytes / 8) found_map_groups(words[2], map, words[3] + 1, worth);
}

void GoTypeFinder::visit_map_groups(std::span<const uint64_t> words, const GoType& map, Worth worth) {
    const GoType* group = types_.at(map.group);
    if (!group || group->bytes < 8 || group->bytes % 8 != 0) return;
    visit_values(words, *group, words.size_bytes() / group->bytes, worth);
    if (types_.format().has_swiss_maps) return;
    // The last word of a bucket leads to one that takes what it has no room for.
    for (uint64_t at = group->bytes / 8 - 1; at < words.size(); at += group->bytes / 8)
        found_map_groups(words[at], map, 1, worth);
}

void GoTypeFinder::found_channel(uint64_t address, const GoType& channel, Worth worth) {
    const GoObject object = object_at(address);
    const GoType* element = types_.at(channel.element);
    if (object.exists() && element && model_.value_bytes(object) >= kLeastChannelBytes)
        set(object, {GoObjectForm::kChannel, element}, worth);
}

void GoTypeFinder::visit_channel(std::span<const uint64_t> words, Worth worth) {
    const size_t element_at = types_.format().minor_version < kFirstMinorWithChannelTimers ? 4 : 5;
    if (words.size() <= element_at) return;
    if (const GoType* element = types_.at(words[element_at]))
        found_array(words[2], words[1], *element, GoObjectForm::kChannelBuffer, worth);
}

uint32_t GoTypeFinder::number_of(const GoObjectKind& kind) {
    if (last_kind_ < scan_.kinds_.size() && scan_.kinds_[last_kind_] == kind) return last_kind_;
    const auto [found, is_new] = kind_numbers_.try_emplace(kind, static_cast<uint32_t>(scan_.kinds_.size()));
    if (is_new) {
        scan_.kinds_.push_back(kind);
        scan_.names_.push_back(name_of(kind));
        const bool has_values = kind.form == GoObjectForm::kValue || kind.form == GoObjectForm::kElements;
        scan_.packages_.emplace_back(has_values ? types_.import_path(*kind.type) : "");
    }
    last_kind_ = found->second;
    return last_kind_;
}

std::string GoTypeFinder::name_of(const GoObjectKind& kind) const {
    switch (kind.form) {
        case GoObjectForm::kUnknown:
        case GoObjectForm::kBeginning: return "";
        case GoObjectForm::kText: return "string";
        case GoObjectForm::kValue: return "*" + kind.type->name;
        case GoObjectForm::kElements: return "[]" + kind.type->name;
        case GoObjectForm::kMap: return kind.type->name;
        case GoObjectForm::kMapGroups:
        case GoObjectForm::kMapTable:
        case GoObjectForm::kMapDirectory:
        case GoObjectForm::kMapExtra: return kind.type->name + " (table)";
        case GoObjectForm::kChannel: return "chan " + kind.type->name;
        case GoObjectForm::kChannelBuffer: return "chan " + kind.type->name + " (buffer)";
        case GoObjectForm::kClosure: {
            const auto function = process_.function_at(kind.code);
            return (function ? readable_go_name(process_.code().table().name_of(*function)) : "?") + " (closure)";
        }
        case GoObjectForm::kGoroutine: return "*runtime.g";
        case GoObjectForm::kThread: return "*runtime.m";
        case GoObjectForm::kProcessor: return "*runtime.p";
    }
    return "";
}

}  // namespace whoholds
