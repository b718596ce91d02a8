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

using Modules = std::vector<std::string>;

TEST(GoOrigin, what_is_of_the_main_module_is_the_users) {
    const Modules module = {"example.com/shop"};

    EXPECT_EQ(go_origin_of("main.main", module), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("main.main", {}), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("example.com/shop.Open", module), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("example.com/shop/api.(*API).Create", module), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("example.com/shopping.Cart", module), GoOrigin::kLibrary);
    EXPECT_EQ(go_origin_of("google.golang.org/grpc.Dial", module), GoOrigin::kLibrary);
    EXPECT_EQ(go_origin_of("net/http.Get", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("runtime.mallocgc", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("memeqbody", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("type:.eq.example.com/shop.T", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("vendor/golang.org/x/net/idna.ToASCII", module), GoOrigin::kStandard);
    EXPECT_EQ(go_origin_of("shop/api.Create", Modules{"shop"}), GoOrigin::kUser);
    EXPECT_EQ(go_origin_of("gopkg.in/shop.v2.Open", Modules{"gopkg.in/shop.v2"}), GoOrigin::kUser);
}

TEST(GoOrigin, copies_of_libraries_below_the_users_folder_are_libraries) {
    EXPECT_EQ(go_origin_of("corp/shop/vendor/google.golang.org/grpc.Dial", Modules{"corp/shop"}), GoOrigin::kLibrary);
}

TEST(GoOrigin, a_package_without_a_dot_need_not_be_of_the_standard_library) {
    EXPECT_EQ(go_origin_of("corp/cache.Get", Modules{"shop"}), GoOrigin::kLibrary);
    EXPECT_EQ(go_origin_of("cache.Get", Modules{"shop"}), GoOrigin::kLibrary);
}

TEST(GoOwnModules, are_the_main_one_and_those_built_from_folders_beside_it) {
    GoBuildInfo info;
    parse_go_modules(
        "path\texample.com/shop/cmd/api\nmod\texample.com/shop\t(devel)\t\ndep\tgoogle.golang.org/"
        "grpc\tv1.67.3\th1:x=\n"
        "dep\texample.com/common\tv0.0.0\n=>\t../common\t(devel)\t\n"
        "dep\tgithub.com/lib/pq\tv1.10.0\n=>\tgithub.com/fork/pq\tv1.10.1\th1:y=\n",
        info);

    const Modules modules = go_own_modules(info, [] { return std::vector<GoPackageFolder>(); });

    EXPECT_EQ(modules, (Modules{"example.com/shop", "example.com/common"}));
}

TEST(GoOwnModules, without_modules_are_the_repository_of_the_main_package) {
    const auto none = [] { return std::vector<GoPackageFolder>(); };
    GoBuildInfo info;
    info.main_package = "github.com/corp/shop/cmd/api";
    EXPECT_EQ(go_own_modules(info, none), Modules{"github.com/corp/shop"});
    info.main_package = "go.corp.example/shop/cmd/api";
    EXPECT_EQ(go_own_modules(info, none), Modules{"go.corp.example/shop"});
    info.main_package = "shop/cmd/api";
    EXPECT_EQ(go_own_modules(info, none), Modules{"shop"});
    info.main_package = "command-line-arguments";
    EXPECT_EQ(go_own_modules(info, none), Modules{});
}

TEST(GoOwnModules, without_build_information_are_told_by_folders) {
    const std::vector<GoPackageFolder> libraries = {
        {"runtime", "/usr/local/go/src/runtime"},
        {"golang.org/x/sys/unix", "/go/pkg/mod/golang.org/x/sys@v0.1.0/unix"}};
    const auto modules = [&](std::vector<GoPackageFolder> packages) {
        packages.insert(packages.end(), libraries.begin(), libraries.end());
        return go_own_modules({}, [&] { return packages; });
    };

    EXPECT_EQ(modules({{"main", "/home/evan/esbuild/cmd/esbuild"},
                       {"github.com/evanw/esbuild/internal/cli_helpers", "/home/evan/esbuild/internal/cli_helpers"}}),
              Modules{"github.com/evanw/esbuild"});
    EXPECT_EQ(modules({{"main", "/go/src/corp/shop/cmd/api"}, {"corp/shop/store", "/go/src/corp/shop/store"}}),
              Modules{"corp"});
    EXPECT_EQ(
        modules({{"main", "github.com/corp/shop/cmd/api"}, {"github.com/corp/shop/db", "github.com/corp/shop/db"}}),
        Modules{"github.com/corp/shop"});
    EXPECT_EQ(modules({{"main", "/tmp/x"}}), Modules{});
}

}  // namespace
}  // namespace whoholds
