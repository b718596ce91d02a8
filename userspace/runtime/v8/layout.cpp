#include "runtime/v8/layout.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace whoholds {
namespace {

V8Layout of_all(unsigned major, unsigned minor) {
    V8Layout layout;
    layout.major = major;
    layout.minor = minor;
    layout.process.function = 24;
    layout.process.shared_script = 32;
    layout.process.script_id = 64;
    layout.process.code = 40;
    return layout;
}

// A Code is followed by its instructions. (deps/v8 of Node 18: src/objects/code.h, bytecode-array.tq)
V8Layout v8_10_2() {
    V8Layout layout = of_all(10, 2);
    layout.process.function_shared = 0;
    layout.process.function_code = 3;
    layout.process.code_size = 0;
    layout.process.code_inline = 128;
    layout.bytecode_positions = 32;
    layout.bytecode_data = 56;
    layout.code_data = 16;
    layout.code_flags = 48;
    layout.baseline_kind = 11;
    return layout;
}

V8Layout v8_11_3() {
    V8Layout layout = v8_10_2();
    layout.major = 11;
    layout.minor = 3;
    layout.process.code_size = 16;
    layout.process.code_inline = 0;
    layout.bytecode_data = 54;
    return layout;
}

V8Layout v8_12_4() {
    V8Layout layout = of_all(12, 4);
    layout.process.function_shared = 1;
    layout.process.function_code = 0;
    layout.process.code_size = 12;
    layout.bytecode_positions = 24;
    layout.bytecode_data = 64;
    layout.code_data = 8;
    layout.code_flags = 48;
    layout.baseline_kind = 10;
    return layout;
}

// A SharedFunctionInfo has two fields for what it runs, a Code has a handle behind its start, a ScopeInfo begins with its place.
V8Layout v8_13_6() {
    V8Layout layout = v8_12_4();
    layout.major = 13;
    layout.minor = 6;
    layout.process.shared_script = 40;
    layout.process.code_size = 16;
    layout.shared_name = 24;
    layout.scope_variables = 48;
    layout.code_flags = 52;
    layout.inlined_literals = 3;
    layout.inlined_positions = 8;
    return layout;
}

struct Expected {
    std::string_view name;
    int value;
};

}  // namespace

std::optional<V8Layout> v8_layout(unsigned major, unsigned minor) {
    for (const V8Layout& layout : {v8_10_2(), v8_11_3(), v8_12_4(), v8_13_6()})
        if (layout.major == major && layout.minor == minor) return layout;
    return std::nullopt;
}

Result<void> expect_layout(V8Layout& layout, const V8Constants& constants) {
    const int shared_at = layout.process.function + 8 * layout.process.function_shared;
    const int script_at = layout.process.shared_script;
    const Expected expected[] = {
        {"SmiTag", 0},
        {"SmiShiftSize", 31},
        {"HeapObjectTag", 1},
        {"off_fp_context", -8},
        {"off_fp_function", -16},
        {"off_fp_bytecode_array", -32},
        {"off_fp_bytecode_offset", -40},
        {"class_Map__instance_type__uint16_t", kV8MapType},
        {"class_JSFunction__shared__SharedFunctionInfo", shared_at},
        {"class_JSFunction__code__CodeT", layout.process.function + 8 * layout.process.function_code},
        {"class_JSFunction__code__Tagged_Code_", layout.process.function + 8 * layout.process.function_code},
        {"class_SharedFunctionInfo__function_data__Object", layout.shared_data},
        {"class_SharedFunctionInfo__name_or_scope_info__Object", layout.shared_name},
        {"class_SharedFunctionInfo__name_or_scope_info__Tagged_Object_", layout.shared_name},
        {"class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_", layout.shared_name},
        {"class_SharedFunctionInfo__script_or_debug_info__HeapObject", script_at},
        {"class_SharedFunctionInfo__script__Tagged_HeapObject_", script_at},
        {"class_SharedFunctionInfo__flags__int", script_at + 16},
        {"class_Script__source__Object", 8},
        {"class_Script__name__Object", 16},
        {"class_BytecodeArray__data__uintptr_t", layout.bytecode_data},
        {"class_Code__source_position_table__ByteArray", layout.code_positions()},
        {"class_Code__flags__uint32_t", layout.code_flags},
        {"class_Code__instruction_size__int", layout.process.code + layout.process.code_size},
        {"class_Code__instruction_start__Address", layout.process.code},
        {"CodeKindBaseline", layout.baseline_kind},
        {"scopeinfo_idx_first_vars", layout.scope_variables / 8 - 1},
        {"scopeinfo_idx_ncontextlocals", 2},
        {"class_String__length__int32_t", 12},
        {"class_FixedArray__data__uintptr_t", 16},
        {"DeoptimizationDataLiteralArrayIndex", layout.inlined_literals},
        {"DeoptimizationDataInliningPositionsIndex", layout.inlined_positions},
    };
    for (const auto& [name, value] : expected)
        if (const auto found = constants.find(name); found != constants.end() && found->second != value)
            return Error{ErrorCode::kUnsupported, fmt::format("{} is {} and not {}", name, found->second, value)};
    constexpr int kMostOfUncompiled = 64;
    if (const auto start = constants.find("class_UncompiledData__start_position__int32_t");
        start != constants.end() && start->second > 0 && start->second < kMostOfUncompiled)
        layout.uncompiled_start = static_cast<uint16_t>(start->second);
    struct Type {
        std::string_view name;
        uint16_t& number;
        bool may_be_absent = false;
    };
    const Type types[] = {
        {"type_JSFunction__JS_FUNCTION_TYPE", layout.types.function},
        {"type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE", layout.types.shared},
        {"type_ScopeInfo__SCOPE_INFO_TYPE", layout.types.scope},
        {"type_Script__SCRIPT_TYPE", layout.types.script},
        {"type_BytecodeArray__BYTECODE_ARRAY_TYPE", layout.types.bytecodes},
        {"type_Code__CODE_TYPE", layout.types.code},
        {"type_ByteArray__BYTE_ARRAY_TYPE", layout.types.bytes},
        {"type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE", layout.types.trusted_bytes, true},
        {"type_InterpreterData__INTERPRETER_DATA_TYPE", layout.types.interpreter_data, true},
        {"type_SharedFunctionInfoWrapper__SHARED_FUNCTION_INFO_WRAPPER_TYPE", layout.types.shared_wrapper, true},
        {"type_UncompiledDataWithPreparseData__UNCOMPILED_DATA_WITH_PREPARSE_DATA_TYPE", layout.types.uncompiled, true},
    };
    for (const Type& type : types) {
        const auto found = constants.find(type.name);
        if (found != constants.end() && found->second > 0 && found->second < 0x10000)
            type.number = static_cast<uint16_t>(found->second);
        else if (!type.may_be_absent)
            return Error{ErrorCode::kUnsupported, fmt::format("it does not say {}", type.name)};
    }
    return {};
}

}  // namespace whoholds
