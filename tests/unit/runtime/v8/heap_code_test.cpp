// Where probes for heaps of V8 go.
#include "runtime/v8/heap_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "runtime/v8/v8_process.h"

namespace whoholds {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(V8HeapCode, may_be_in_files_of_these_names) {
    for (const char* path :
         {"/usr/bin/node", "/usr/bin/nodejs", "/usr/lib/x86_64-linux-gnu/libnode.so.108", "/opt/electron/electron"})
        EXPECT_TRUE(may_hold_v8(path)) << path;
    for (const char* path : {"/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/python3", "/opt/node/lib/libz.so"})
        EXPECT_FALSE(may_hold_v8(path)) << path;
}

TEST(V8HeapCode, is_not_guessed_where_nothing_has_a_name) {
    const auto image = ElfImage::open("/proc/self/exe");
    ASSERT_TRUE(image);

    const auto code = read_v8_heap_code(*image);

    ASSERT_FALSE(code);
    EXPECT_EQ(code.error().code, ErrorCode::kUnsupported);
}

TEST(V8HeapCode, of_an_installed_Node_is_known_or_refused_with_a_reason) {
    std::error_code error;
    const auto path = std::filesystem::canonical("/usr/bin/node", error);
    const auto image = ElfImage::open(error ? "" : path.string());
    if (!image) GTEST_SKIP() << "there is no node";

    const auto code = read_v8_heap_code(*image);

    if (!code) {
        EXPECT_THAT(code.error().message, AnyOf(HasSubstr("laid out"), HasSubstr("names none"), HasSubstr("no symbol"),
                                                HasSubstr("is not there")));
        GTEST_SKIP() << code.error().message;
    }
    std::set<V8HeapEvent> events;
    for (const V8HeapSite& site : code->sites) {
        events.insert(site.event);
        EXPECT_THAT(site.function, StartsWith("_ZN2v88internal"));
        EXPECT_NE(site.offset, 0u);
        EXPECT_TRUE(site.emulated) << site.function;
    }
    EXPECT_EQ(events.size(), 6u);
    EXPECT_EQ(code->sites.back().event, V8HeapEvent::kPageAdded);  // nothing is sampled that is not followed
    EXPECT_NE(code->layout.current_page, 0);
}

}  // namespace
}  // namespace whoholds
