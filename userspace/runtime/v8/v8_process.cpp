#include "runtime/v8/v8_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "elf/mapped_elf.h"
#include "elf/variables.h"

namespace whoholds {
namespace {

constexpr size_t kMaxFiles = 1024;
constexpr size_t kMaxConstants = 4096;
constexpr std::string_view kConstant = "v8dbg_";
constexpr std::string_view kSizes = "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE";
constexpr std::array<std::string_view, 3> kVersions = {
    "_ZN2v88internal7Version6major_E", "_ZN2v88internal7Version6minor_E", "_ZN2v88internal7Version6build_E"};

// Addresses are those of the file.
struct Variables {
    std::map<std::string, uint64_t, std::less<>> constants;
    std::array<uint64_t, 3> version{};
    uint64_t sizes = 0;
    uint64_t sizes_bytes = 0;
};

// From Node 24.11 on only its constants are exported.
Variables find_variables(const ElfImage& image) {
    Variables variables;
    for (const std::string_view table : {".dynsym", ".symtab"}) {
        visit_variables(image, table, [&](const ElfVariable& variable) {
            if (variable.name.starts_with(kConstant) && variables.constants.size() < kMaxConstants)
                variables.constants.emplace(variable.name.substr(kConstant.size()), variable.address);
            for (size_t i = 0; i < kVersions.size(); i++)
                if (variable.name == kVersions[i]) variables.version[i] = variable.address;
            if (variable.name == kSizes) {
                variables.sizes = variable.address;
                variables.sizes_bytes = variable.size;
            }
        });
        if (variables.constants.empty()) break;
        if (variables.version[2] != 0 && variables.sizes != 0) break;
    }
    return variables;
}

struct Found {
    Mapping file;
    Variables variables;
    uint64_t bias = 0;
};

Result<Found> find_v8(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    std::set<std::tuple<uint32_t, uint32_t, uint64_t>> seen;
    bool is_first = true;
    for (const Mapping& mapping : mappings) {
        if (!mapping.executable || !mapping.is_file() || seen.size() >= kMaxFiles) continue;
        // The program itself is mapped first, below its libraries, or is not looked at.
        const bool may_be = std::exchange(is_first, false) || may_hold_v8(mapping.path);
        if (!may_be || !seen.emplace(mapping.device_major, mapping.device_minor, mapping.inode).second) continue;
        std::string open_path;
        auto image = open_mapped_elf(root, pid, mapping, open_path);
        if (!image) return std::move(image).error();
        Found found{mapping, find_variables(*image), 0};
        if (found.variables.constants.empty()) continue;
        const auto bias = bias_of_code(*image, mapping);
        if (!bias) return Error{ErrorCode::kMalformed, "its code is not mapped as its file says"};
        found.bias = *bias;
        return found;
    }
    return Error{ErrorCode::kNotFound, "no V8 is mapped"};
}

Result<V8Constants> read_constants(const ProcessMemory& memory, const Found& found) {
    V8Constants constants;
    for (const auto& [name, address] : found.variables.constants) {
        WH_TRY(const auto value, memory.read_object<int32_t>(address + found.bias));
        constants.emplace(name, value);
    }
    return constants;
}

// Three rows of as many as there are bytecodes.
Result<std::vector<uint8_t>> read_sizes(const ProcessMemory& memory, const Found& found) {
    constexpr uint64_t kMostBytes = uint64_t{3} * 256;
    const uint64_t size = found.variables.sizes_bytes;
    if (found.variables.sizes == 0 || size % 3 != 0 || size > kMostBytes) return std::vector<uint8_t>();
    return memory.read(found.variables.sizes + found.bias, size);
}

bool is_same_file(const Mapping& one, const Mapping& other) {
    return one.inode == other.inode && one.device_major == other.device_major && one.device_minor == other.device_minor;
}

}  // namespace

bool may_hold_v8(const std::string& path) {
    const std::string name = path.substr(path.rfind('/') + 1);
    return name.starts_with("node") || name.starts_with("libnode") || name.starts_with("libv8") ||
           name.starts_with("electron") || name == "d8";
}

std::vector<V8Range> code_of_file(const std::vector<Mapping>& mappings, const Mapping& file) {
    std::vector<V8Range> ranges;
    bool goes_on = false;
    for (const Mapping& mapping : mappings) {
        const bool is_its = is_same_file(mapping, file);
        if (is_its && mapping.executable) {
            if (goes_on)
                ranges.back().end = mapping.end;
            else
                ranges.push_back({mapping.start, mapping.end});
            goes_on = true;
        }
        goes_on = goes_on && is_its;
    }
    return ranges;
}

Result<V8Process> V8Process::open(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    WH_TRY(const Found found, find_v8(root, pid, mappings));
    WH_TRY(ProcessMemory memory, ProcessMemory::open(root, pid));
    V8Process v8(found.file, std::move(memory));
    std::array<uint32_t, 3> version{};
    for (size_t i = 0; i < version.size(); i++) {
        if (found.variables.version[i] == 0)
            return Error{ErrorCode::kUnsupported, "the version of its V8 is not known"};
        WH_TRY(version[i], v8.memory_.read_object<uint32_t>(found.variables.version[i] + found.bias));
    }
    v8.version_ = fmt::format("{}.{}.{}", version[0], version[1], version[2]);
    const auto layout = v8_layout(version[0], version[1]);
    if (!layout)
        return Error{
            ErrorCode::kUnsupported,
            fmt::format("V8 {}: those of Node 18, 20, 22 and 24 are known (10.2, 11.3, 12.4, 13.6)", v8.version_)};
    v8.layout_ = *layout;
    WH_TRY(v8.constants_, read_constants(v8.memory_, found));
    if (auto agrees = expect_layout(v8.layout_, v8.constants_); !agrees)
        return Error{ErrorCode::kUnsupported,
                     fmt::format("V8 {}, built in another way: {}", v8.version_, agrees.error().message)};
    WH_TRY(v8.bytecode_sizes_, read_sizes(v8.memory_, found));
    return v8;
}

wh_v8_process v8_process_with_code(const V8Layout& layout, std::span<const V8Range> own_code) {
    wh_v8_process process = layout.process;
    for (size_t i = 0; i < std::min<size_t>(own_code.size(), WH_V8_CODE_RANGES); i++) {
        process.code_start[i] = own_code[i].start;
        process.code_end[i] = own_code[i].end;
    }
    return process;
}

}  // namespace whoholds
