#include "runtime/v8/layout.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

// What the file of Node 20 says, as far as it matters.
V8Constants node_20() {
    return {{"SmiShiftSize", 31},
            {"off_fp_function", -16},
            {"class_JSFunction__shared__SharedFunctionInfo", 24},
            {"class_SharedFunctionInfo__script_or_debug_info__HeapObject", 32},
            {"class_BytecodeArray__data__uintptr_t", 54},
            {"CodeKindBaseline", 11},
            {"type_JSFunction__JS_FUNCTION_TYPE", 2066},
            {"type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE", 262},
            {"type_ScopeInfo__SCOPE_INFO_TYPE", 261},
            {"type_Script__SCRIPT_TYPE", 167},
            {"type_BytecodeArray__BYTECODE_ARRAY_TYPE", 191},
            {"type_Code__CODE_TYPE", 245},
            {"type_ByteArray__BYTE_ARRAY_TYPE", 190}};
}

TEST(V8Layout, is_known_for_the_versions_that_node_has) {
    for (const auto& [major, minor] : {std::pair{10U, 2U}, {11U, 3U}, {12U, 4U}, {13U, 6U}}) {
        const auto layout = v8_layout(major, minor);
        ASSERT_TRUE(layout) << major;
        EXPECT_EQ(layout->major, major);
        EXPECT_EQ(layout->minor, minor);
        EXPECT_LE(layout->process.code_size + 4, WH_V8_CODE_BYTES);
        EXPECT_LE(8 * layout->process.function_code + 8, WH_V8_FUNCTION_BYTES);
    }
    EXPECT_FALSE(v8_layout(11, 8));
    EXPECT_FALSE(v8_layout(9, 4));
}

TEST(V8Layout, takes_its_types_from_the_file) {
    V8Layout layout = *v8_layout(11, 3);

    const auto agrees = expect_layout(layout, node_20());

    ASSERT_TRUE(agrees) << agrees.error().message;
    EXPECT_EQ(layout.types.script, 167);
    EXPECT_EQ(layout.types.function, 2066);
    EXPECT_EQ(layout.types.trusted_bytes, 0);
}

TEST(V8Layout, is_refused_where_the_file_says_otherwise) {
    V8Constants compressed = node_20();
    compressed["SmiShiftSize"] = 0;  // with pointer compression
    V8Constants silent = node_20();
    silent.erase("type_Script__SCRIPT_TYPE");

    for (const V8Constants& constants : {compressed, silent}) {
        V8Layout layout = *v8_layout(11, 3);
        EXPECT_FALSE(expect_layout(layout, constants));
    }
}

}  // namespace
}  // namespace whoholds
