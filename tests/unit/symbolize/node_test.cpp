// The symboliser on a real JIT: node, which writes a perf map (--perf-basic-prof) and a jitdump file (--perf-prof). The
// perf map, read as text, is the witness for where a function's code is.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>
#include <vector>

#include "symbolize/symbolizer.h"
#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kProgram = R"(
function handleOrder(n) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += i * n;
    return sum;
}
let total = 0;
for (let i = 0; i < 20000; i++) total += handleOrder(i % 100);
process.stdout.write("x");
process.stdin.resume();
process.stdin.on("end", () => process.exit(total < 0 ? 1 : 0));
)";

class NodeSymbols : public CompiledFixture {
protected:
    void SetUp() override {
        CompiledFixture::SetUp();
        WH_NEEDS_TOOL("node");
        std::ofstream(path("shop.js")) << kProgram;
    }
    void TearDown() override {
        if (node_ > 0) {
            ::close(to_node_);
            ::waitpid(node_, nullptr, 0);
            ::unlink(map_path().c_str());
        }
        CompiledFixture::TearDown();
    }
    [[nodiscard]] std::string map_path() const { return "/tmp/perf-" + std::to_string(node_) + ".map"; }

    void start(const std::vector<const char*>& options) {
        int input[2];
        int output[2];
        ASSERT_EQ(::pipe2(input, O_CLOEXEC) | ::pipe2(output, O_CLOEXEC), 0);
        std::vector<const char*> words = {"node", "--interpreted-frames-native-stack"};
        words.insert(words.end(), options.begin(), options.end());
        words.insert(words.end(), {"shop.js", nullptr});
        node_ = ::fork();
        ASSERT_GE(node_, 0);
        if (node_ == 0) {
            ::dup2(input[0], 0);
            ::dup2(output[1], 1);
            if (::chdir(path("").c_str()) == 0) ::execvp("node", const_cast<char* const*>(words.data()));
            ::_exit(127);
        }
        ::close(input[0]);
        ::close(output[1]);
        to_node_ = input[1];
        char ready = 0;
        ASSERT_EQ(::read(output[0], &ready, 1), 1);
        ::close(output[0]);
    }

    // Of the last code of handleOrder() in the perf map; optimized code is marked by '*'.
    [[nodiscard]] uint64_t code_address() const {
        std::ifstream map(map_path());
        uint64_t address = 0;
        for (std::string line; std::getline(map, line);) {
            if (line.find("*handleOrder") != std::string::npos) std::istringstream(line) >> std::hex >> address;
        }
        return address;
    }
    [[nodiscard]] Symbolizer symbolizer() const {
        Symbolizer symbolizer({}, node_);
        symbolizer.update_mappings(*read_maps({}, node_));
        return symbolizer;
    }

    pid_t node_ = -1;
    int to_node_ = -1;
};

TEST_F(NodeSymbols, by_its_perf_map) {
    start({"--perf-basic-prof"});
    const uint64_t address = code_address();
    ASSERT_NE(address, 0U);

    const Frame frame = symbolizer().symbolize(address + 8).back();

    EXPECT_THAT(frame.function, HasSubstr("*handleOrder"));
    EXPECT_EQ(frame.module, "[jit]");
}

TEST_F(NodeSymbols, by_its_jitdump_file) {
    start({"--perf-basic-prof", "--perf-prof"});
    const uint64_t address = code_address();
    ASSERT_NE(address, 0U);
    Symbolizer named = symbolizer();

    const Frame frame = named.symbolize(address, false).back();

    EXPECT_THAT(frame.function, HasSubstr("*handleOrder"));
    EXPECT_EQ(frame.module, "[jit]");
    // V8 writes the file's name from memory that it has freed; with what then stands there the lines are left out.
    if (frame.line != 0) {
        EXPECT_THAT(frame.file, EndsWith("shop.js"));
        EXPECT_LE(frame.line, 6);
    }
    EXPECT_THAT(named.notes(), Each(Not(HasSubstr(".dump"))));
}

}  // namespace
}  // namespace whoholds
