#include "runtime/go/call_site_types.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "attach/instruction.h"
#include "attach/module_planner.h"
#include "bpf/shared/go_process.h"
#include "bpf/shared/records.h"

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

std::string GoCallSiteTypes::read_type(const GoProcess& process, uint64_t return_address) {
    const auto caller = process.function_at(return_address - 1);
    if (!caller) return "";
    ModuleCode bytes;
    bytes.code_at = [&process](uint64_t address, size_t size) { return process.image().code_at(address, size); };
    const auto function = FunctionCode::decode(bytes, {caller->entry, caller->end});
    if (!function) return "";
    const uint64_t in_file = process.to_file(return_address);
    const auto call = call_before(*function, in_file);
    const auto callee = call ? direct_callee(*function, *call) : std::nullopt;
    const auto known = callee ? process.code().table().find(*callee) : std::nullopt;
    if (!known || known->entry != *callee) return "";
    const auto argument = type_argument(process.code().table().name_of(*known), process.layout().minor_version);
    const auto address = argument ? go_type_argument(*function, in_file, argument->reg) : std::nullopt;
    if (!address) return "";
    const GoType* type = types_->at(process.to_process(*address));
    if (!type || type->name.empty()) return "";
    return argument->is_element ? "[]" + type->name : type->name;
}

std::string GoCallSiteTypes::type_of(const GoProcess& process, std::span<const uint64_t> frames) {
    if (!std::exchange(has_tried_, true)) {
        auto types = GoTypes::read(process);
        if (types) types_ = *std::move(types);
    }
    if (!types_) return "";
    for (const uint64_t frame : frames) {
        if ((frame & (WH_FRAME_EXACT | WH_FRAME_ORIGINS)) != 0) continue;
        const auto function = process.function_at(frame - 1);
        if (!function) return "";
        if (is_of_runtime(process.code().table().name_of(*function))) continue;
        const auto [found, is_new] = known_.try_emplace(frame);
        if (is_new) found->second = read_type(process, frame);
        return found->second;
    }
    return "";
}

}  // namespace whoholds
