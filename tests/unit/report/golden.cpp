#include "unit/report/golden.h"
#include "unit/places.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace whoholds {

void expect_golden(const std::string& name, const std::string& actual) {
    const std::string path = test_source_dir() + "/golden/" + name;
    if (std::getenv("WH_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path, std::ios::binary) << actual;
        return;
    }
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file.good()) << path << " is missing: run with WH_UPDATE_GOLDEN=1 and read what it wrote";
    const std::string expected((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_EQ(actual, expected) << path << " differs: run with WH_UPDATE_GOLDEN=1 and read the difference";
}

}  // namespace whoholds
