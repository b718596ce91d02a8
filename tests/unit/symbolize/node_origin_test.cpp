#include "symbolize/node_origin.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

TEST(NodeOrigin, is_told_by_the_scripts_name) {
    EXPECT_EQ(node_origin_of_file("/srv/app/index.js"), ScriptOrigin::kUser);
    EXPECT_EQ(node_origin_of_file("/srv/app/node_modules/express/lib/router.js"), ScriptOrigin::kLibrary);
    EXPECT_EQ(node_origin_of_file("node:internal/timers"), ScriptOrigin::kStandard);
    EXPECT_EQ(node_origin_of_file("evalmachine.<anonymous>"), ScriptOrigin::kGenerated);
    EXPECT_EQ(node_origin_of_file(""), ScriptOrigin::kGenerated);
}

TEST(NodeOrigin, knows_packages) {
    EXPECT_EQ(node_package_of("/srv/node_modules/express/lib/router.js"), "express");
    EXPECT_EQ(node_package_of("/srv/node_modules/a/node_modules/@grpc/grpc-js/build/call.js"), "@grpc/grpc-js");
    EXPECT_EQ(node_package_of("node:net"), "node:net");
    EXPECT_EQ(node_package_of("/srv/app/index.js"), "");
    EXPECT_EQ(script_package_of(ScriptOrigin::kLibrary, "/srv/node_modules/@scope"), "@scope");
}

}  // namespace
}  // namespace whoholds
