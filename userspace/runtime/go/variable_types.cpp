#include "runtime/go/variable_types.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "attach/instruction.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxFunctionBytes = uint64_t{256} << 10;
constexpr uint64_t kMaxDecodedBytes = uint64_t{32} << 20;
constexpr size_t kMaxVariables = 200'000;
constexpr unsigned kGrowsliceTakesElementLast = 20;  // of Go's minor versions

// What a function of the runtime says by its arguments (map.go, malloc.go, slice.go, chan.go; in registers since Go 1.17).
enum class Callee : uint8_t {
    kUsesMap,   // rax: the map's type, rbx: the map
    kMakesMap,  // of the type in rax
    kMakesChannel,
    kMakesValue,
    kMakesArray,
    kGrowsArray,  // its element's type is in another register since 1.20
    kKeepsAll,    // the write barrier changes no register that is looked at
};

std::optional<Callee> callee_of(std::string_view name) {
    constexpr std::string_view kRuntime = "runtime.";
    if (!name.starts_with(kRuntime)) return std::nullopt;
    name.remove_prefix(kRuntime.size());
    const auto begins = [&](std::initializer_list<std::string_view> names) {
        return std::ranges::any_of(names, [&](std::string_view one) { return name.starts_with(one); });
    };
    if (begins({"mapassign", "mapaccess", "mapdelete", "mapiterinit", "mapIterStart", "mapclear"}))
        return Callee::kUsesMap;
    if (begins({"gcWriteBarrier"})) return Callee::kKeepsAll;
    if (name == "newobject") return Callee::kMakesValue;
    if (name == "makemap") return Callee::kMakesMap;
    if (name == "makechan" || name == "makechan64") return Callee::kMakesChannel;
    if (name == "makeslice" || name == "makeslice64" || name == "makeslicecopy" || name == "newarray")
        return Callee::kMakesArray;
    if (name == "growslice") return Callee::kGrowsArray;
    return std::nullopt;
}

// What is known of a word.
struct Value {
    enum class What : uint8_t { kNothing, kType, kVariable, kMade };
    What what = What::kNothing;
    GoPointerKind kind = GoPointerKind::kUntyped;  // of what was made
    uint64_t address = 0;                          // of the type's descriptor, or of the variable
};

class Finder {
public:
    explicit Finder(const GoProcess& process) : process_(process), module_(process.code().module_data()) {
        const GoLineTable& table = process.code().table();
        for (size_t i = 0; i < table.function_count(); ++i) {
            const auto function = table.function(i);
            const auto callee = function ? callee_of(table.name_of(*function)) : std::nullopt;
            if (callee) callees_[function->entry] = *callee;
        }
    }

    std::vector<GoTypedVariable> find(const GoOn& go_on) {
        const GoLineTable& table = process_.code().table();
        constexpr size_t kBetweenPauses = 512;
        uint64_t decoded = 0;
        for (size_t i = 0; i < table.function_count() && decoded < kMaxDecodedBytes; ++i) {
            if (i % kBetweenPauses == 0 && !go_on()) break;
            const auto function = table.function(i);
            if (!function || function->end <= function->entry) continue;
            const auto code =
                process_.image().code_at(function->entry, std::min(function->end - function->entry, kMaxFunctionBytes));
            if (!may_tell(code, function->entry) || table.name_of(*function).starts_with("runtime.")) continue;
            decoded += code.size();
            look_at(code, function->entry);
        }
        std::vector<GoTypedVariable> found;
        for (const auto& [address, variable] : found_)
            if (variable.kind != GoPointerKind::kUntyped) found.push_back(variable);
        std::ranges::sort(found, {}, &GoTypedVariable::address);
        return found;
    }

private:
    using Registers = std::array<Value, 16>;
    static constexpr size_t kMaxSlots = 64;

    [[nodiscard]] bool is_variable(uint64_t address) const {
        return address % 8 == 0 && std::ranges::any_of(module_.pointer_data, [&](const GoModuleData::Range& range) {
                   return address >= range.start && address < range.end;
               });
    }
    [[nodiscard]] bool is_type(uint64_t address) const {
        return address % 8 == 0 && address >= module_.types && address < module_.types_end;
    }

    // A call of what matters, and something that may be a variable's address: most functions have not both.
    [[nodiscard]] bool may_tell(std::span<const uint8_t> code, uint64_t start) const {
        constexpr uint8_t kCall = 0xe8;
        bool calls = false;
        bool names = false;
        for (size_t i = 0; i + 4 < code.size() && !(calls && names); ++i) {
            int32_t distance = 0;
            std::memcpy(&distance, code.data() + i + 1, sizeof distance);
            const uint64_t target = start + i + 5 + static_cast<uint64_t>(int64_t{distance});
            names = names || is_variable(target);
            calls = calls || (code[i] == kCall && callees_.contains(target));
        }
        return calls && names;
    }

    // Twice, where the compiler may have put a store before what leads to it.
    void look_at(std::span<const uint8_t> code, uint64_t start) {
        at_targets_.clear();
        follow(code, start);
        if (!at_targets_.empty()) follow(code, start);
    }

    void follow(std::span<const uint8_t> code, uint64_t start) {
        bool follows = false;
        for (size_t at = 0; at < code.size();) {
            const auto decoded = decode(decoder_, code.subspan(at));
            if (!decoded) return;
            if (!follows) begin_at(start + at);
            const uint64_t next = start + at + decoded->instruction.length;
            follows = step(*decoded, next);
            at += decoded->instruction.length;
        }
    }

    // What is known where only jumps lead to: by one of them.
    void begin_at(uint64_t address) {
        const auto found = at_targets_.find(address);
        registers_ = found == at_targets_.end() ? Registers{} : found->second;
        slots_.clear();
    }

    void note_jump(const Decoded& decoded, uint64_t next) {
        const ZydisDecodedOperand& target = decoded.operands[0];
        const bool is_worth_it =
            std::ranges::any_of(registers_, [](const Value& value) { return value.what == Value::What::kMade; });
        if (is_worth_it && target.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && target.imm.is_relative)
            at_targets_.try_emplace(next + static_cast<uint64_t>(target.imm.value.s), registers_);
    }

    static std::optional<size_t> register_number(ZydisRegister reg) {
        const ZydisRegister whole = enclosing_register(reg);
        if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15) return std::nullopt;
        return static_cast<size_t>(whole - ZYDIS_REGISTER_RAX);
    }
    Value& at(ZydisRegister reg) { return registers_.at(static_cast<size_t>(reg - ZYDIS_REGISTER_RAX)); }

    // False: the next instruction does not follow.
    bool step(const Decoded& decoded, uint64_t next) {
        const ZydisMnemonic mnemonic = decoded.instruction.mnemonic;
        const auto category = decoded.instruction.meta.category;
        if (category == ZYDIS_CATEGORY_COND_BR || category == ZYDIS_CATEGORY_UNCOND_BR) note_jump(decoded, next);
        if (category == ZYDIS_CATEGORY_UNCOND_BR || category == ZYDIS_CATEGORY_RET || never_continues(mnemonic))
            return false;
        if (category == ZYDIS_CATEGORY_CALL)
            call(decoded, next);
        else
            move(decoded, next);
        return true;
    }

    void move(const Decoded& decoded, uint64_t next) {
        const ZydisMnemonic mnemonic = decoded.instruction.mnemonic;
        const ZydisDecodedOperand& to = decoded.operands[0];
        const ZydisDecodedOperand& from = decoded.operands[1];
        const bool is_load = to.type == ZYDIS_OPERAND_TYPE_REGISTER && register_number(to.reg.value);
        if (mnemonic == ZYDIS_MNEMONIC_MOV && to.type == ZYDIS_OPERAND_TYPE_MEMORY) return store(decoded, next);
        if (mnemonic == ZYDIS_MNEMONIC_MOV && is_load && to.size == 64)
            registers_.at(*register_number(to.reg.value)) = loaded(from, next);
        else if (mnemonic == ZYDIS_MNEMONIC_LEA && is_load)
            registers_.at(*register_number(to.reg.value)) = address_of(from, next);
        else
            clobber(decoded);
    }

    static std::optional<uint64_t> named_address(const ZydisDecodedOperand& operand, uint64_t next) {
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.base != ZYDIS_REGISTER_RIP ||
            operand.mem.index != ZYDIS_REGISTER_NONE)
            return std::nullopt;
        return next + static_cast<uint64_t>(operand.mem.disp.value);
    }
    static std::optional<int64_t> slot_of(const ZydisDecodedOperand& operand) {
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.base != ZYDIS_REGISTER_RSP ||
            operand.mem.index != ZYDIS_REGISTER_NONE)
            return std::nullopt;
        return operand.mem.disp.value;
    }

    [[nodiscard]] Value loaded(const ZydisDecodedOperand& from, uint64_t next) const {
        if (from.type == ZYDIS_OPERAND_TYPE_REGISTER) {
            const auto number = register_number(from.reg.value);
            return number && from.size == 64 ? registers_.at(*number) : Value{};
        }
        if (const auto address = named_address(from, next))
            return is_variable(*address) ? Value{Value::What::kVariable, {}, *address} : Value{};
        const auto slot = slot_of(from);
        const auto found = slot ? slots_.find(*slot) : slots_.end();
        return found == slots_.end() ? Value{} : found->second;
    }

    [[nodiscard]] Value address_of(const ZydisDecodedOperand& from, uint64_t next) const {
        const auto address = named_address(from, next);
        return address && is_type(*address) ? Value{Value::What::kType, {}, *address} : Value{};
    }

    void store(const Decoded& decoded, uint64_t next) {
        const ZydisDecodedOperand& to = decoded.operands[0];
        const bool is_word = to.size == 64 && decoded.operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
        const Value value = is_word ? loaded(decoded.operands[1], next) : Value{};
        if (const auto slot = slot_of(to)) {
            if (to.size != 64) slots_.clear();  // a part of one
            slots_.erase(*slot);
            if (value.what != Value::What::kNothing && slots_.size() < kMaxSlots) slots_[*slot] = value;
        } else if (const auto address = named_address(to, next)) {
            if (value.what == Value::What::kMade && is_variable(*address)) note(*address, value.kind, value.address);
        }
    }

    void clobber(const Decoded& decoded) {
        for (size_t i = 0; i < decoded.instruction.operand_count; ++i) {
            const ZydisDecodedOperand& operand = decoded.operands[i];
            if ((operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) continue;
            if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
                if (const auto number = register_number(operand.reg.value)) registers_.at(*number) = {};
                if (operand.reg.value == ZYDIS_REGISTER_RSP) slots_.clear();
            } else if (const auto slot = slot_of(operand)) {
                slots_.clear();  // of any width
            }
        }
    }

    void call(const Decoded& decoded, uint64_t next) {
        const ZydisDecodedOperand& target = decoded.operands[0];
        std::optional<Callee> callee;
        if (target.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && target.imm.is_relative) {
            const auto found = callees_.find(next + static_cast<uint64_t>(target.imm.value.s));
            if (found != callees_.end()) callee = found->second;
        }
        if (callee == Callee::kKeepsAll) return;
        const Value made = callee ? result_of(*callee) : Value{};
        registers_ = {};
        at(ZYDIS_REGISTER_RAX) = made;
    }

    Value result_of(Callee callee) {
        const bool takes_last =
            callee == Callee::kGrowsArray && process_.layout().minor_version >= kGrowsliceTakesElementLast;
        const Value type = at(takes_last ? ZYDIS_REGISTER_RSI : ZYDIS_REGISTER_RAX);
        if (type.what != Value::What::kType) return {};
        const auto made = [&](GoPointerKind kind) { return Value{Value::What::kMade, kind, type.address}; };
        switch (callee) {
            case Callee::kUsesMap: {
                const Value map = at(ZYDIS_REGISTER_RBX);
                if (map.what == Value::What::kVariable) note(map.address, GoPointerKind::kMap, type.address);
                return {};
            }
            case Callee::kMakesMap: return made(GoPointerKind::kMap);
            case Callee::kMakesChannel: return made(GoPointerKind::kChannel);
            case Callee::kMakesValue: return made(GoPointerKind::kPointer);
            case Callee::kMakesArray:
            case Callee::kGrowsArray: return made(GoPointerKind::kSlice);
            case Callee::kKeepsAll: break;
        }
        return {};
    }

    // Where two lines say different things, it is the word of an interface, say.
    void note(uint64_t variable, GoPointerKind kind, uint64_t type) {
        if (found_.size() >= kMaxVariables) return;
        const GoTypedVariable one{variable, kind, type};
        const auto [found, is_new] = found_.try_emplace(variable, one);
        if (!is_new && found->second != one) found->second.kind = GoPointerKind::kUntyped;
    }

    const GoProcess& process_;
    const GoModuleData& module_;
    const ZydisDecoder decoder_ = make_decoder();
    absl::flat_hash_map<uint64_t, Callee> callees_;  // by entry
    Registers registers_{};
    absl::flat_hash_map<int64_t, Value> slots_;  // of the stack, by distance from its pointer
    absl::flat_hash_map<uint64_t, Registers> at_targets_;
    absl::flat_hash_map<uint64_t, GoTypedVariable> found_;
};

}  // namespace

std::vector<GoTypedVariable> find_go_typed_variables(const GoProcess& process, const GoOn& go_on) {
    return Finder(process).find(go_on);
}

}  // namespace whoholds
