// Small programs compiled while the tests run, in a folder of their own that goes with them. A test whose tools are not
// installed skips and names the missing one.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace whoholds {

inline std::vector<uint8_t> read_bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::string& path, const std::vector<uint8_t>& bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

class CompiledFixture : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "whoholds-test-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

    static bool has_tool(const std::string& tool) { return shell("command -v " + tool + " >/dev/null 2>&1"); }

    // Runs a command line in the fixture's folder.
    [[nodiscard]] bool run(const std::string& command) const {
        return shell("cd '" + folder_ + "' && { " + command + "; } >log 2>&1") || report_log(command);
    }

    [[nodiscard]] bool compile(const std::string& source, const std::string& options, const std::string& output) const {
        std::ofstream(path(output + ".cpp")) << source;
        return run("c++ " + options + " -o " + output + " " + output + ".cpp");
    }

private:
    static bool shell(const std::string& command) {
        const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): fixed commands of the tests
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    [[nodiscard]] bool report_log(const std::string& command) const {
        const std::vector<uint8_t> log = read_bytes(path("log"));
        ADD_FAILURE() << command << "\n" << std::string(log.begin(), log.end());
        return false;
    }

    std::string folder_;
};

#define WH_NEEDS_TOOL(tool) \
    if (!has_tool(tool)) GTEST_SKIP() << (tool) << " is not installed"

}  // namespace whoholds
