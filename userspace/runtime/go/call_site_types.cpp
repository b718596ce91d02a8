#include "runtime/go/call_site_types.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "attach/instruction.h"
#include "attach/module_planner.h"
#include "bpf/shared/go_process.h"
#include "bpf/shared/records.h"
#include "runtime/go/variable_users.h"

namespace whoholds {
namespace {

constexpr uint64_t kCallBytes = 5;

bool is_of_runtime(std::string_view name) {
    return name.starts_with("runtime.") || name.starts_with("internal/runtime/");
}

struct TypeArgument {
    ZydisRegister reg;
    bool is_element = false;  // of a slice
};

// By the runtime's functions (malloc.go, slice.go, iface.go, map.go, chan.go), arguments in registers: since Go 1.17.
std::optional<TypeArgument> type_argument(std::string_view callee, unsigned minor_version) {
    constexpr unsigned kGrowsliceTakesElementLast = 20;
    if (!callee.starts_with("runtime.")) return std::nullopt;
    const std::string_view name = callee.substr(sizeof("runtime.") - 1);
    const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
        return std::ranges::find(names, name) != names.end();
    };
    if (name == "growslice")
        return TypeArgument{minor_version >= kGrowsliceTakesElementLast ? ZYDIS_REGISTER_RSI : ZYDIS_REGISTER_RAX,
                            true};
    if (is_one_of({"makeslice", "makeslice64", "makeslicecopy", "newarray"}))
        return TypeArgument{ZYDIS_REGISTER_RAX, true};
    if (is_one_of({"newobject", "convT", "convTnoptr", "makechan", "makechan64", "makemap"}) ||
        name.starts_with("mapassign"))
        return TypeArgument{ZYDIS_REGISTER_RAX};
    if (name.starts_with("mallocgc")) return TypeArgument{ZYDIS_REGISTER_RBX};
    return std::nullopt;
}

bool writes(const Decoded& decoded, ZydisRegister reg) {
    for (size_t i = 0; i < decoded.instruction.operand_count; ++i) {
        const ZydisDecodedOperand& operand = decoded.operands[i];
        const bool is_written = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
        if (is_written && operand.type == ZYDIS_OPERAND_TYPE_REGISTER && enclosing_register(operand.reg.value) == reg)
            return true;
    }
    return false;
}

// lea reg, [rip + x]
std::optional<uint64_t> loaded_address(const Decoded& decoded, uint64_t address) {
    const ZydisDecodedOperand& from = decoded.operands[1];
    if (decoded.instruction.mnemonic != ZYDIS_MNEMONIC_LEA || from.type != ZYDIS_OPERAND_TYPE_MEMORY ||
        from.mem.base != ZYDIS_REGISTER_RIP || from.mem.index != ZYDIS_REGISTER_NONE)
        return std::nullopt;
    return address + decoded.instruction.length + static_cast<uint64_t>(from.mem.disp.value);
}

std::optional<uint64_t> direct_callee(const FunctionCode& function, size_t call) {
    const auto decoded = function.operands_of(call);
    if (!decoded || decoded->instruction.meta.category != ZYDIS_CATEGORY_CALL) return std::nullopt;
    const ZydisDecodedOperand& operand = decoded->operands[0];
    if (operand.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !operand.imm.is_relative) return std::nullopt;
    return function.address_of(call) + decoded->instruction.length + static_cast<uint64_t>(operand.imm.value.s);
}

// The call that returns to this address.
std::optional<size_t> call_before(const FunctionCode& function, uint64_t return_address) {
    if (return_address < function.range().start + kCallBytes || return_address > function.range().end)
        return std::nullopt;
    const size_t call = function.index_of(return_address - kCallBytes);
    const bool is_call = function.instructions()[call].is_call &&
                         function.address_of(call) == return_address - kCallBytes &&
                         function.instructions()[call].length == kCallBytes;
    return is_call ? std::optional(call) : std::nullopt;
}

ModuleCode code_of(const GoProcess& process) {
    ModuleCode code;
    code.code_at = [&process](uint64_t address, size_t size) { return process.image().code_at(address, size); };
    return code;
}

// Whether there are bytes that may be a call of one of these; most functions have none, and need not be decoded.
bool may_call(std::span<const uint8_t> code, uint64_t start, const absl::flat_hash_set<uint64_t>& callees) {
    constexpr uint8_t kCallOpcode = 0xe8;
    for (size_t i = 0; i + kCallBytes <= code.size(); ++i) {
        if (code[i] != kCallOpcode) continue;
        int32_t distance = 0;
        std::memcpy(&distance, code.data() + i + 1, sizeof distance);
        if (callees.contains(start + i + kCallBytes + static_cast<uint64_t>(int64_t{distance}))) return true;
    }
    return false;
}

}  // namespace

std::optional<uint64_t> go_type_argument(const FunctionCode& function, uint64_t return_address, ZydisRegister reg) {
    constexpr size_t kMaxInstructions = 24;
    const auto call = call_before(function, return_address);
    if (!call) return std::nullopt;
    for (size_t i = *call; i > 0 && *call - i < kMaxInstructions; --i) {
        if (function.is_jumped_to(function.address_of(i), function.address_of(i))) return std::nullopt;
        const auto decoded = function.operands_of(i - 1);
        const auto& before = function.instructions()[i - 1];
        if (!decoded || before.is_call || !before.continues) return std::nullopt;
        if (writes(*decoded, reg)) return loaded_address(*decoded, function.address_of(i - 1));
    }
    return std::nullopt;
}

std::string GoCallSiteTypes::read_type(const GoProcess& process, const FunctionCode& function, uint64_t return_address,
                                       bool as_census) {
    const auto call = call_before(function, return_address);
    const auto callee = call ? direct_callee(function, *call) : std::nullopt;
    const auto known = callee ? process.code().table().find(*callee) : std::nullopt;
    if (!known || known->entry != *callee) return "";
    const auto argument = type_argument(process.code().table().name_of(*known), process.layout().minor_version);
    const auto address = argument ? go_type_argument(function, return_address, argument->reg) : std::nullopt;
    if (!address) return "";
    const GoType* type = types_->at(process.to_process(*address));
    if (!type || type->name.empty()) return "";
    if (argument->is_element) return "[]" + type->name;
    const bool is_by_itself = type->kind == GoKind::kMap || type->kind == GoKind::kChannel;
    return as_census && !is_by_itself ? "*" + type->name : type->name;
}

std::string GoCallSiteTypes::read_type_at(const GoProcess& process, uint64_t return_address) {
    const auto caller = process.function_at(return_address - 1);
    if (!caller) return "";
    const auto function = FunctionCode::decode(code_of(process), {caller->entry, caller->end});
    return function ? read_type(process, *function, process.to_file(return_address), false) : "";
}

bool GoCallSiteTypes::has_types(const GoProcess& process) {
    if (!std::exchange(has_tried_, true)) {
        auto types = GoTypes::read(process);
        if (types) types_ = *std::move(types);
    }
    return types_.has_value();
}

std::string GoCallSiteTypes::type_of(const GoProcess& process, std::span<const uint64_t> frames) {
    if (!has_types(process)) return "";
    for (const uint64_t frame : frames) {
        if ((frame & (WH_FRAME_EXACT | WH_FRAME_ORIGINS)) != 0) continue;
        const auto function = process.function_at(frame - 1);
        if (!function) return "";
        if (is_of_runtime(process.code().table().name_of(*function))) continue;
        const auto [found, is_new] = known_.try_emplace(frame);
        if (is_new) found->second = read_type_at(process, frame);
        return found->second;
    }
    return "";
}

void GoCallSiteTypes::find_places_in(const GoProcess& process, CodeRange range,
                                     const absl::flat_hash_set<uint64_t>& callees) {
    constexpr size_t kMostOfType = 64;
    const auto bytes = process.image().code_at(range.start, range.end - range.start);
    if (!may_call(bytes, range.start, callees)) return;
    const auto function = FunctionCode::decode(code_of(process), range);
    if (!function) return;
    for (size_t i = 0; i < function->instructions().size(); ++i) {
        if (!function->instructions()[i].is_call) continue;
        const uint64_t behind = function->address_of(i) + function->instructions()[i].length;
        const std::string name = read_type(process, *function, behind, true);
        if (name.empty()) continue;
        std::vector<uint64_t>& places = places_[name];
        if (places.size() < kMostOfType) places.push_back(process.to_process(behind));
    }
}

void GoCallSiteTypes::find_places(const GoProcess& process, const std::function<void()>& pause) {
    constexpr uint64_t kMaxCodeBytes = uint64_t{16} << 20;
    constexpr size_t kFunctionsBetweenPauses = 64;
    const GoLineTable& table = process.code().table();
    absl::flat_hash_set<uint64_t> callees;
    std::vector<CodeRange> users;
    uint64_t bytes = 0;
    for (size_t i = 0; i < table.function_count(); ++i) {
        const auto function = table.function(i);
        if (!function || function->end <= function->entry) continue;
        const std::string_view name = table.name_of(*function);
        if (type_argument(name, process.layout().minor_version)) callees.insert(function->entry);
        if (!is_go_users(process, name) || function->end - function->entry > kMaxFunctionCodeBytes) continue;
        users.push_back({function->entry, function->end});
        bytes += function->end - function->entry;
        if (bytes > kMaxCodeBytes) return;
    }
    for (size_t i = 0; i < users.size(); ++i) {
        find_places_in(process, users[i], callees);
        if (i % kFunctionsBetweenPauses == 0) pause();
    }
}

std::span<const uint64_t> GoCallSiteTypes::places_of(const GoProcess& process, const std::string& name,
                                                     const std::function<void()>& pause) {
    if (!has_types(process)) return {};
    if (!std::exchange(has_places_, true)) find_places(process, pause);
    const auto found = places_.find(name);
    return found == places_.end() ? std::span<const uint64_t>() : found->second;
}

}  // namespace whoholds
