#include "elf/go_build_info.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

TEST(GoBuildInfo, versions_of_all_spellings_have_a_minor_number) {
    EXPECT_EQ(go_minor_version("go1.26.8"), 26U);
    EXPECT_EQ(go_minor_version("go1.9"), 9U);
    EXPECT_EQ(go_minor_version("go1.22rc1"), 22U);
    EXPECT_EQ(go_minor_version("go1.22.1 X:boringcrypto"), 22U);
    EXPECT_EQ(go_minor_version("devel go1.27-d3a4b5c6 Mon Jul 6 10:00:00 2026"), 27U);
    EXPECT_EQ(go_minor_version("go1.26.4-microsoft"), 26U);
    EXPECT_FALSE(go_minor_version(""));
    EXPECT_FALSE(go_minor_version("go1."));
    EXPECT_FALSE(go_minor_version("go2.1"));
    EXPECT_FALSE(go_minor_version("ergo1.26"));
}

TEST(GoBuildInfo, modules_come_with_what_replaces_them) {
    const std::string text =
        "path\texample.com/shop/cmd/api\n"
        "mod\texample.com/shop\t(devel)\t\n"
        "dep\tgoogle.golang.org/grpc\tv1.60.0\th1:abc=\n"
        "dep\texample.com/fork\tv1.0.0\n"
        "=>\t./local\tv9.9.9\t\n"
        "build\t-race=true\n"
        "build\tCGO_ENABLED=1\n"
        "nonsense\n";
    GoBuildInfo info;

    parse_go_modules("0123456789abcdef" + text + "fedcba9876543210", info);

    EXPECT_EQ(info.main_package, "example.com/shop/cmd/api");
    EXPECT_EQ(info.main_module.path, "example.com/shop");
    EXPECT_EQ(info.main_module.version, "(devel)");
    ASSERT_EQ(info.dependencies.size(), 2U);
    EXPECT_EQ(info.dependencies[0].path, "google.golang.org/grpc");
    EXPECT_EQ(info.dependencies[0].version, "v1.60.0");
    EXPECT_EQ(info.dependencies[1].path, "example.com/fork");
    EXPECT_EQ(info.dependencies[1].version, "v9.9.9");
    ASSERT_EQ(info.settings.size(), 2U);
    EXPECT_EQ(info.settings[0], (std::pair<std::string, std::string>("-race", "true")));
}

TEST(GoBuildInfo, text_of_any_form_is_taken_as_far_as_it_makes_sense) {
    for (const char* text : {"", "\n", "\t\t\t\n", "mod", "mod\t", "=>\tx\ty\n", "build\t=\n", "dep\ta"}) {
        GoBuildInfo info;

        parse_go_modules(text, info);

        EXPECT_LE(info.dependencies.size(), 1U) << text;
    }
}

}  // namespace
}  // namespace whoholds
