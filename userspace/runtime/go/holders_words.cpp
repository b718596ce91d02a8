// What the objects on a way are called.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/go/holders.h"

namespace whoholds {

// offset: of the word that leads on; none at the end of the way.
std::string GoHolders::text_of(GoObject object, uint64_t offset) const {
    const GoObjectKind& kind = scan_.kind(object);
    switch (kind.form) {
        case GoObjectForm::kUnknown: return fmt::format("({} bytes)", model_.value_bytes(object));
        case GoObjectForm::kBeginning:
            return offset < kind.type->bytes ? kind.type->name + field_at(*kind.type, offset, 0)
                                             : fmt::format("({} bytes)", model_.value_bytes(object));
        case GoObjectForm::kValue:
            return offset == UINT64_MAX ? "*" + kind.type->name : kind.type->name + field_at(*kind.type, offset, 0);
        case GoObjectForm::kElements:
            return "[]" + kind.type->name +
                   (offset == UINT64_MAX ? "" : field_at(*kind.type, offset % kind.type->bytes, 0));
        default: break;
    }
    if (is_part_of_go_map(kind.form)) return kind.type->name;  // all of them
    return scan_.name(scan_.kind_number(object.number));
}

std::string GoHolders::field_at(const GoType& type, uint64_t offset, int depth) const {
    constexpr int kMaxDepth = 8;
    if (depth > kMaxDepth) return "";
    if (type.kind == GoKind::kArray) {
        const GoType* element = types_.at(type.element);
        return element && element->bytes > 0 ? field_at(*element, offset % element->bytes, depth + 1) : "";
    }
    if (type.kind != GoKind::kStruct) return "";
    const auto after = std::ranges::upper_bound(type.fields, offset, {}, &GoField::offset);
    if (after == type.fields.begin()) return "";
    const GoField& field = *std::prev(after);
    const GoType* of_field = types_.at(field.type);
    std::string text = "." + std::string(types_.name_at(field.name));
    if (of_field && offset - field.offset < of_field->bytes)
        text += field_at(*of_field, offset - field.offset, depth + 1);
    return text;
}

}  // namespace whoholds
