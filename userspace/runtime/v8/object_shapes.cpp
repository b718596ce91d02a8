#include "runtime/v8/object_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace whoholds {
namespace {

struct Row {
    std::string_view name;
    V8Form form;
};

// deps/v8 of Node 20: src/objects/*.tq, objects-body-descriptors-inl.h.
constexpr auto kRows = std::to_array<Row>({
    {"ByteArray__BYTE_ARRAY_TYPE", V8Form::kRaw},
    {"FixedDoubleArray__FIXED_DOUBLE_ARRAY_TYPE", V8Form::kRaw},
    {"HeapNumber__HEAP_NUMBER_TYPE", V8Form::kRaw},
    {"Foreign__FOREIGN_TYPE", V8Form::kRaw},
    {"ScopeInfo__SCOPE_INFO_TYPE", V8Form::kRaw},
    {"PreparseData__PREPARSE_DATA_TYPE", V8Form::kRaw},
    {"CoverageInfo__COVERAGE_INFO_TYPE", V8Form::kRaw},
    {"FreeSpace__FREE_SPACE_TYPE", V8Form::kNoObject},
    {"BytecodeArray__BYTECODE_ARRAY_TYPE", V8Form::kBytecodes},
    {"PropertyArray__PROPERTY_ARRAY_TYPE", V8Form::kProperties},
    {"WeakFixedArray__WEAK_FIXED_ARRAY_TYPE", V8Form::kCounted},
    {"WeakArrayList__WEAK_ARRAY_LIST_TYPE", V8Form::kCountedWeak},
    {"EmbedderDataArray__EMBEDDER_DATA_ARRAY_TYPE", V8Form::kCounted},
    {"DescriptorArray__DESCRIPTOR_ARRAY_TYPE", V8Form::kDescriptors},
    {"StrongDescriptorArray__STRONG_DESCRIPTOR_ARRAY_TYPE", V8Form::kDescriptors},
    {"FeedbackVector__FEEDBACK_VECTOR_TYPE", V8Form::kFeedback},
    {"InstructionStream__INSTRUCTION_STREAM_TYPE", V8Form::kCodeStream},
    {"JSWeakRef__JS_WEAK_REF_TYPE", V8Form::kWeakRef},
    {"WeakCell__WEAK_CELL_TYPE", V8Form::kWeakCell},
    {"JSArrayBuffer__JS_ARRAY_BUFFER_TYPE", V8Form::kArrayBuffer},
});

constexpr uint16_t kFirstNoString = 0x80;
constexpr uint16_t kStringForm = 7;

V8Form form_of_string(uint16_t type) {
    constexpr uint16_t kJoined = 1;
    constexpr uint16_t kSlice = 3;
    constexpr uint16_t kThin = 5;
    switch (type & kStringForm) {
        case kJoined: return V8Form::kCons;
        case kSlice:
        case kThin: return V8Form::kSlice;
        default: return V8Form::kRaw;
    }
}

Result<uint16_t> number_of(const V8Constants& constants, std::string_view name) {
    const auto found = constants.find(name);
    if (found == constants.end() || found->second <= 0 || found->second > 0xffff)
        return Error{ErrorCode::kUnsupported, fmt::format("its V8 does not say {}", name)};
    return static_cast<uint16_t>(found->second);
}

}  // namespace

Result<V8Shapes> V8Shapes::open(const V8Layout& layout, const V8Constants& constants) {
    if (layout.major != 11 || layout.minor != 3)
        return Error{ErrorCode::kUnsupported, fmt::format("the shapes of objects of V8 {}.{} are not known (11.3 is)",
                                                          layout.major, layout.minor)};
    V8Shapes shapes;
    WH_TRY(shapes.map_type_, number_of(constants, "type_Map__MAP_TYPE"));
    WH_TRY(shapes.function_type_, number_of(constants, "type_JSFunction__JS_FUNCTION_TYPE"));
    WH_TRY(shapes.layout_.function_shared, number_of(constants, "class_JSFunction__shared__SharedFunctionInfo"));
    WH_TRY(shapes.layout_.function_context, number_of(constants, "class_JSFunction__context__Context"));
    WH_TRY(shapes.layout_.buffer_contents, number_of(constants, "class_JSArrayBuffer__backing_store__uintptr_t"));
    WH_TRY(const uint16_t arrays, number_of(constants, "type_FixedArray__FIXED_ARRAY_TYPE"));
    WH_TRY(const uint16_t bytes, number_of(constants, "type_ByteArray__BYTE_ARRAY_TYPE"));
    WH_TRY(const uint16_t first_context, number_of(constants, "FirstContextType"));
    WH_TRY(const uint16_t last_context, number_of(constants, "LastContextType"));
    WH_TRY(const uint16_t heap_number, number_of(constants, "type_HeapNumber__HEAP_NUMBER_TYPE"));
    WH_TRY(const uint16_t weak_array, number_of(constants, "type_WeakFixedArray__WEAK_FIXED_ARRAY_TYPE"));
    WH_TRY(const uint16_t feedback, number_of(constants, "type_FeedbackVector__FEEDBACK_VECTOR_TYPE"));
    WH_TRY(const uint16_t free_space, number_of(constants, "type_FreeSpace__FREE_SPACE_TYPE"));
    auto& forms = shapes.forms_;
    const auto fill = [&](uint16_t first, uint16_t end, V8Form form) {
        for (uint16_t i = first; i < end && i < kMostTypes; i++) forms[i] = form;
    };
    // Fixed arrays, their tables and lists among them, are in a row in front of arrays of bytes; the second table is that of ephemerons.
    fill(arrays, bytes, V8Form::kCounted);
    fill(first_context, last_context + 1, V8Form::kCounted);
    fill(arrays + 2, arrays + 3, V8Form::kEphemerons);
    // Those without a constant: big integers, arrays of transitions, metadata of feedback, fillers.
    fill(heap_number - 1, heap_number, V8Form::kRaw);
    fill(weak_array + 1, weak_array + 2, V8Form::kCounted);
    fill(feedback - 1, feedback, V8Form::kRaw);
    fill(free_space - 1, free_space, V8Form::kNoObject);
    for (const Row& row : kRows) {
        WH_TRY(const uint16_t type, number_of(constants, "type_" + std::string(row.name)));
        fill(type, type + 1, row.form);
    }
    for (uint16_t type = 0; type < kFirstNoString; type++) forms[type] = form_of_string(type);
    return shapes;
}

V8Form V8Shapes::form(uint16_t type, uint16_t size_bytes) const {
    const V8Form form = type < kMostTypes ? forms_[type] : V8Form::kUnknown;
    if (form != V8Form::kUnknown) return form;
    return size_bytes > 0 ? V8Form::kFields : V8Form::kUnknown;
}

}  // namespace whoholds
