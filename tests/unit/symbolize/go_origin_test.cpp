#include "symbolize/go_origin.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

TEST(GoOrigin, packages_end_at_the_first_dot_after_the_last_slash) {
    EXPECT_EQ(go_package_of("main.main.func1"), "main");
    EXPECT_EQ(go_package_of("net/http.(*Client).Do"), "net/http");
    EXPECT_EQ(go_package_of("google.golang.org/grpc.Dial"), "google.golang.org/grpc");
    EXPECT_EQ(go_package_of("gopkg.in/yaml.v3.Marshal"), "gopkg.in/yaml");
    EXPECT_EQ(go_package_of("slices.Sort[...]"), "slices");
    EXPECT_EQ(go_package_of("a.F[b.com/c.T].func1"), "a");
    EXPECT_EQ(go_package_of("memcpy"), "memcpy");
    EXPECT_EQ(go_package_of(""), "");
}

TEST(GoOrigin, what_is_of_the_main_module_is_the_users) {
    const std::string_view module = "example.com/shop";

    EXPECT_EQ(go_origin_of("main.main", module), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("main.main", ""), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("example.com/shop.Open", module), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("example.com/shop/api.(*API).Create", module), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("example.com/shopping.Cart", module), GoOrigin::kLibrary);
    EXPECT_EQ(go_origin_of("google.golang.org/grpc.Dial", module), GoOrigin::kLibrary);
    EXPECT_EQ(go_origin_of("net/http.Get", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("runtime.mallocgc", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("vendor/golang.org/x/net/idna.ToASCII", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("shop/api.Create", "shop"), GoOrigin::kUser);
}

}  // namespace
}  // namespace whoholds
