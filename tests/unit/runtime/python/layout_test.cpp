#include "runtime/python/layout.h"

#include <gtest/gtest.h>

#include "runtime/python/code_object.h"
#include "runtime/python/python_process.h"

namespace whoholds {
namespace {

TEST(PythonLayout, each_version_from_the_oldest_to_the_newest_has_a_row_and_no_other) {
    for (unsigned minor = kOldestPythonMinor; minor <= kNewestPythonMinor; minor++) {
        const auto layout = python_layout(minor);
        ASSERT_TRUE(layout) << minor;
        const wh_python_process& process = layout->process;
        EXPECT_EQ(layout->minor, minor);
        EXPECT_EQ(process.frame_bytes % 8, 0) << minor;
        EXPECT_LT(process.frame_bytes, 8 * WH_PYTHON_FRAME_WORDS) << minor;
        for (const unsigned word : {process.code, process.previous, process.instruction, process.entry_word})
            EXPECT_LT(8U * word, process.frame_bytes) << minor;
        // What tells code objects apart ends with the pointers to file, name and table.
        const unsigned end = process.identity + 8 * WH_PYTHON_IDENTITY_WORDS;
        for (const unsigned at : {layout->code.file, layout->code.name, layout->code.table}) {
            EXPECT_GE(at, process.identity) << minor;
            EXPECT_LE(at + 8U, end) << minor;
        }
    }
    EXPECT_FALSE(python_layout(kOldestPythonMinor - 1));
    EXPECT_FALSE(python_layout(kNewestPythonMinor + 1));
    EXPECT_FALSE(python_layout(0));
}

TEST(PythonLayout, versions_are_read_from_names_of_files) {
    EXPECT_EQ(python_minor_of_path("/usr/bin/python3.11"), 11U);
    EXPECT_EQ(python_minor_of_path("/usr/lib/libpython3.9.so.1.0"), 9U);
    EXPECT_EQ(python_minor_of_path("/opt/python3.9/bin/python"), 0U);
    EXPECT_EQ(python_minor_of_path("/usr/bin/python3"), 0U);
    EXPECT_EQ(python_minor_of_path("/usr/bin/python3.99999999999"), 0U);
    EXPECT_EQ(python_minor_of_path(""), 0U);
}

TEST(PythonText, becomes_utf8_from_each_width) {
    const std::vector<uint8_t> latin = {'a', 0xe9};
    const std::vector<uint8_t> wide = {'a', 0, 0x2c, 0x20};
    const std::vector<uint8_t> widest = {0x80, 0xf6, 0x01, 0x00};

    EXPECT_EQ(python_text({latin.data(), 1}, 1, true), "a");
    EXPECT_EQ(python_text(latin, 1, false), "a\u00e9");
    EXPECT_EQ(python_text(wide, 2, false), "a\u202c");
    EXPECT_EQ(python_text(widest, 4, false), "\U0001f680");
    EXPECT_EQ(python_text(latin, 4, false), "");
    EXPECT_EQ(python_text(latin, 0, false), "");
}

TEST(PythonIdentity, fits_beside_an_instruction) {
    __u64 words[WH_PYTHON_IDENTITY_WORDS];
    for (__u64& word : words) word = ~__u64{0};
    const uint64_t identity = wh_python_identity(words);
    const uint64_t place = WH_PYTHON_PLACE(identity, 12345ULL);

    EXPECT_EQ(WH_PYTHON_PLACE_IDENTITY(place), identity);
    EXPECT_EQ(place & WH_PYTHON_INSTRUCTION_MASK, 12345U);
    EXPECT_EQ(place >> 59, 1U);
    words[4]--;
    EXPECT_NE(wh_python_identity(words), identity);
}

}  // namespace
}  // namespace whoholds
