#include "runtime/python/python_module.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "runtime/python/layout.h"

namespace whoholds {
namespace {

std::string system_python() {
    std::error_code error;
    for (unsigned minor = kNewestPythonMinor; minor >= kOldestPythonMinor; minor--) {
        const std::string path = "/usr/bin/python3." + std::to_string(minor);
        if (std::filesystem::is_regular_file(path, error)) return path;
    }
    return "";
}

// Distributions' interpreters have no symbols but those that they export: the pieces are found by where jumps lead.
TEST(PythonModule, pieces_of_the_evaluator_are_none_of_other_functions) {
    const std::string path = system_python();
    if (path.empty()) GTEST_SKIP() << "there is no Python that is known here";
    const auto image = ElfImage::open(path);
    ASSERT_TRUE(image) << path;
    const auto functions = image->function_symbols({});
    ASSERT_TRUE(functions);
    PythonRange evaluator;
    for (const ElfSymbol& function : *functions)
        if (function.name == "_PyEval_EvalFrameDefault")
            evaluator = {function.address, function.address + function.size};
    if (evaluator.end == 0) GTEST_SKIP() << path << " has its interpreter in a library";

    const auto pieces = outlying_pieces(*image, evaluator);

    for (const PythonRange& piece : pieces) {
        EXPECT_LT(piece.start, piece.end);
        EXPECT_FALSE(evaluator.holds(piece.start) || piece.holds(evaluator.start));
        for (const ElfSymbol& function : *functions)
            EXPECT_FALSE(piece.holds(function.address) && function.name.find(".cold") == std::string::npos)
                << function.name;
    }
    RecordProperty("pieces", static_cast<int>(pieces.size()));
}

TEST(PythonModule, files_are_looked_into_by_their_names) {
    EXPECT_TRUE(may_hold_python("/usr/lib/libpython3.12.so.1.0"));
    EXPECT_TRUE(may_hold_python("/usr/bin/python3.11"));
    EXPECT_FALSE(may_hold_python("/opt/python/lib/libz.so.1"));
}

}  // namespace
}  // namespace whoholds
