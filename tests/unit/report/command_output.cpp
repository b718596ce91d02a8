#include "unit/report/command_output.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>

namespace whoholds {

std::string output_of(const std::string& command) {
    std::string text;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return "popen failed";
    std::array<char, 4096> block{};
    while (const size_t count = fread(block.data(), 1, block.size(), pipe)) text.append(block.data(), count);
    const int status = pclose(pipe);
    return status == 0 ? text : text + fmt::format("\nended with {}", status);
}

}  // namespace whoholds
