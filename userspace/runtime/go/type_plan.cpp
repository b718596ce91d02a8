#include "runtime/go/type_plan.h"

namespace whoholds {
namespace {

constexpr size_t kMaxSpots = 4096;
constexpr int kMaxDepth = 24;
constexpr int kMaxSteps = 100'000;
constexpr uint64_t kMaxUnrolled = 8;

bool is_atomic_pointer(const GoType& type) { return type.name.starts_with("atomic.Pointer["); }

}  // namespace

const GoTypePlan& GoTypePlans::of(const GoType& type) {
    if (&type == last_type_) return *last_;
    const auto [found, is_new] = plans_.try_emplace(&type, nullptr);
    if (is_new) {
        auto plan = std::make_unique<GoTypePlan>();
        steps_left_ = kMaxSteps;
        add(type, 0, 0, *plan);
        found->second = std::move(plan);
    }
    last_type_ = &type;
    last_ = found->second.get();
    return *last_;
}

void GoTypePlans::add(const GoType& type, uint64_t offset, int depth, GoTypePlan& plan) {
    if (!type.has_pointers()) return;
    if (--steps_left_ < 0 || depth > kMaxDepth || plan.spots.size() >= kMaxSpots || offset > UINT32_MAX) {
        plan.is_cut = true;
        return;
    }
    const auto spot = [&](GoPointerKind kind, const GoType* target) {
        plan.spots.push_back({.offset = static_cast<uint32_t>(offset), .kind = kind, .count = 1, .target = target});
    };
    const auto spot_to_element = [&](GoPointerKind kind) {
        const GoType* element = types_.at(type.element);
        if (element) return spot(kind, element);
        plan.is_cut = true;
    };
    switch (type.kind) {
        case GoKind::kPointer: return spot_to_element(GoPointerKind::kPointer);
        case GoKind::kSlice: return spot_to_element(GoPointerKind::kSlice);
        case GoKind::kString: return spot(GoPointerKind::kString, nullptr);
        case GoKind::kInterface: return spot(GoPointerKind::kInterface, nullptr);
        case GoKind::kMap: return spot(GoPointerKind::kMap, &type);
        case GoKind::kChannel: return spot(GoPointerKind::kChannel, &type);
        case GoKind::kFunction: return spot(GoPointerKind::kFunction, nullptr);
        case GoKind::kUnsafePointer: return spot(GoPointerKind::kUntyped, nullptr);
        case GoKind::kArray: return add_array(type, offset, depth, plan);
        case GoKind::kStruct: return add_struct(type, offset, depth, plan);
        default: return;
    }
}

void GoTypePlans::add_array(const GoType& type, uint64_t offset, int depth, GoTypePlan& plan) {
    const GoType* element = types_.at(type.element);
    if (!element || element->bytes == 0 || type.length > type.bytes / element->bytes) return;
    if (type.length <= kMaxUnrolled) {
        for (uint64_t i = 0; i < type.length; ++i) add(*element, offset + i * element->bytes, depth + 1, plan);
        return;
    }
    if (element->has_pointers() && type.length <= UINT32_MAX)
        plan.spots.push_back({.offset = static_cast<uint32_t>(offset),
                              .kind = GoPointerKind::kRepeat,
                              .count = static_cast<uint32_t>(type.length),
                              .target = element});
}

void GoTypePlans::add_struct(const GoType& type, uint64_t offset, int depth, GoTypePlan& plan) {
    // sync/atomic.Pointer[T]: an array [0]*T for the compiler, then an unsafe.Pointer.
    if (is_atomic_pointer(type) && !type.fields.empty() && type.bytes == 8) {
        const GoType* marker = types_.at(type.fields.front().type);
        const GoType* pointer = marker && marker->kind == GoKind::kArray ? types_.at(marker->element) : nullptr;
        if (pointer && pointer->kind == GoKind::kPointer) return add(*pointer, offset, depth + 1, plan);
    }
    for (const GoField& field : type.fields) {
        const GoType* of_field = types_.at(field.type);
        if (of_field && of_field->bytes <= type.bytes - field.offset)
            add(*of_field, offset + field.offset, depth + 1, plan);
    }
}

}  // namespace whoholds
