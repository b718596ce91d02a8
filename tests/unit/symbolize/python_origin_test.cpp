#include "symbolize/python_origin.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

TEST(ScriptOrigin, is_told_by_where_the_file_lies) {
    for (const char* file : {"/app/article.py", "article.py", "/home/me/python3/app.py", "/srv/lib/python/x.py"})
        EXPECT_EQ(python_origin_of_file(file), ScriptOrigin::kUser) << file;
    for (const char* file : {"/usr/lib/python3.11/json/decoder.py", "<frozen importlib._bootstrap>",
                             "/opt/conda/lib/python3.12/threading.py", "/usr/lib/python311.zip/json/__init__.py"})
        EXPECT_EQ(python_origin_of_file(file), ScriptOrigin::kStandard) << file;
    for (const char* file :
         {"/usr/lib/python3/dist-packages/apt/cache.py", "/v/lib/python3.9/site-packages/flask/app.py",
          "/usr/local/lib/python3.11/dist-packages/x.py"})
        EXPECT_EQ(python_origin_of_file(file), ScriptOrigin::kLibrary) << file;
    for (const char* file : {"<string>", "<stdin>", "<attrs generated init x.Y>", ""})
        EXPECT_EQ(python_origin_of_file(file), ScriptOrigin::kGenerated) << file;
    EXPECT_EQ(python_origin_of_module("/usr/lib/x86_64-linux-gnu/libssl.so.3"), ScriptOrigin::kNone);
    EXPECT_EQ(python_origin_of_module("/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so"),
              ScriptOrigin::kStandard);
}

TEST(ScriptOrigin, a_package_has_the_name_that_it_is_imported_by) {
    EXPECT_EQ(script_package_of(ScriptOrigin::kLibrary, "/v/lib/python3.9/site-packages/flask/app.py"), "flask");
    EXPECT_EQ(script_package_of(ScriptOrigin::kStandard, "/usr/lib/python3.11/threading.py"), "threading");
    EXPECT_EQ(script_package_of(ScriptOrigin::kStandard,
                                "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so"),
              "_json");
    EXPECT_EQ(script_package_of(ScriptOrigin::kInterpreter, "/usr/bin/python3.11"), "the interpreter");
    EXPECT_EQ(script_package_of(ScriptOrigin::kStandard, "<frozen importlib._bootstrap>"),
              "<frozen importlib._bootstrap>");
}

}  // namespace
}  // namespace whoholds
