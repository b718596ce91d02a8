#include "runtime/go/variable_users.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "attach/instruction.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxFunctionBytes = uint64_t{256} << 10;
constexpr uint64_t kMaxCodeBytes = uint64_t{16} << 20;
constexpr size_t kMaxUsers = 1'000'000;

// visit(address) for each operand that is relative to its instruction.
template <class Visit>
void for_each_operand(const ZydisDecoder& decoder, std::span<const uint8_t> code, uint64_t start, Visit visit) {
    for (size_t at = 0; at < code.size();) {
        const auto decoded = decode(decoder, code.subspan(at));
        if (!decoded) return;
        at += decoded->instruction.length;
        for (size_t i = 0; i < decoded->instruction.operand_count_visible; ++i) {
            const ZydisDecodedOperand& operand = decoded->operands[i];
            if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.base == ZYDIS_REGISTER_RIP)
                visit(start + at + static_cast<uint64_t>(operand.mem.disp.value));
        }
    }
}

}  // namespace

bool is_go_users(const GoProcess& process, std::string_view name) {
    if (name.starts_with("main.")) return true;
    const std::string& module = process.code().build_info().main_module.path;
    return !module.empty() && name.size() > module.size() && name.starts_with(module) &&
           (name[module.size()] == '/' || name[module.size()] == '.');
}

void GoVariableUsers::decode(const GoProcess& process) {
    const GoLineTable& table = process.code().table();
    const GoModuleData& module = process.code().module_data();
    const ZydisDecoder decoder = make_decoder();
    is_decoded_ = true;
    uint64_t bytes = 0;
    for (size_t i = 0; i < table.function_count() && bytes < kMaxCodeBytes && users_.size() < kMaxUsers; ++i) {
        const auto function = table.function(i);
        if (!function || function->end <= function->entry) continue;
        const std::string_view name = table.name_of(*function);
        const bool is_of_runtime = name.starts_with("runtime.");
        if (!is_of_runtime && !is_go_users(process, name)) continue;
        const uint64_t size = std::min(function->end - function->entry, kMaxFunctionBytes);
        bytes += size;
        const auto code = process.image().code_at(function->entry, size);
        for_each_operand(decoder, code, function->entry, [&](uint64_t address) {
            if (address < module.data || address >= module.data_end) return;
            if (is_of_runtime)
                of_runtime_.push_back(address);
            else
                users_.emplace_back(address, static_cast<uint32_t>(i));
        });
    }
    std::ranges::sort(of_runtime_);
    std::ranges::sort(users_);
    users_.erase(std::unique(users_.begin(), users_.end()), users_.end());
}

std::string GoVariableUsers::of(const GoProcess& process, uint64_t address) {
    if (!is_decoded_) decode(process);
    constexpr size_t kNamed = 2;
    std::vector<std::string> names;
    size_t more = 0;
    for (auto at = std::ranges::lower_bound(users_, std::pair(address, uint32_t{0}));
         at != users_.end() && at->first == address; ++at) {
        const auto function = names.size() < kNamed ? process.code().table().function(at->second) : std::nullopt;
        if (function)
            names.push_back(readable_go_name(process.code().table().name_of(*function)));
        else
            ++more;
    }
    if (names.empty()) return "";
    if (more > 0) return fmt::format("{} and {} more", fmt::join(names, ", "), more);
    return fmt::format("{}", fmt::join(names, " and "));
}

bool GoVariableUsers::is_of_runtime(const GoProcess& process, uint64_t address) {
    if (!is_decoded_) decode(process);
    return std::ranges::binary_search(of_runtime_, address);
}

}  // namespace whoholds
