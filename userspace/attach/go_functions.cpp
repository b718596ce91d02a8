#include "attach/go_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "attach/function_code.h"
#include "attach/instruction.h"

namespace whoholds {
namespace {

// The check of the smallest frame is one comparison; that of a huge one computes the end of the frame first.
constexpr size_t kMaxCheckInstructions = 12;
// The compiler's code that asks for more stack keeps and reloads the arguments around the call.
constexpr size_t kMaxGrowInstructions = 64;

Error refusal(std::string why) { return {ErrorCode::kUnsupported, std::move(why)}; }

bool is_return(const Decoded& decoded) { return decoded.instruction.meta.category == ZYDIS_CATEGORY_RET; }

std::optional<uint64_t> direct_target(const Decoded& decoded, uint64_t address) {
    const ZydisDecodedOperand& operand = decoded.operands[0];
    if (operand.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !operand.imm.is_relative) return std::nullopt;
    return address + decoded.instruction.length + static_cast<uint64_t>(operand.imm.value.s);
}

// A switch jumps through a table; any other computed jump may be the call of another function in place of a return.
bool is_table_jump(const Decoded& decoded) {
    const ZydisDecodedOperand& operand = decoded.operands[0];
    return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.index != ZYDIS_REGISTER_NONE &&
           operand.mem.scale == 8;
}

class Search {
public:
    Search(const ElfImage& image, const FunctionCode& function) : image_(image), function_(function) {}

    Result<GoFunctionSites> run() {
        GoFunctionSites sites;
        sites.entry = function_.range().start;
        for (size_t i = 0; i < function_.instructions().size(); ++i) WH_TRY_VOID(pass(i, sites));
        std::ranges::sort(sites.calls);
        WH_TRY(const size_t start, find_start());
        WH_TRY(sites.start, site_at(start));
        return sites;
    }

private:
    [[nodiscard]] size_t count() const { return function_.instructions().size(); }
    [[nodiscard]] bool contains(uint64_t address) const {
        return address >= function_.range().start && address < function_.range().end;
    }

    Result<GoProbeSite> site_at(size_t index) const {
        const uint64_t address = function_.address_of(index);
        const auto offset = image_.is_executable(address) ? image_.offset_of(address) : std::nullopt;
        const auto decoded = function_.operands_of(index);
        if (!offset || !decoded) return refusal("it is not in the code of the file");
        const char* mnemonic = emulated_mnemonic(function_.bytes_of(index));
        return GoProbeSite{address, *offset, mnemonic != nullptr, disassemble(*decoded, address, mnemonic)};
    }

    Result<void> pass(size_t index, GoFunctionSites& sites) const {
        const auto decoded = function_.operands_of(index);
        if (!decoded) return refusal("there are bytes that are no code");
        if (is_return(*decoded)) {
            WH_TRY(GoProbeSite site, site_at(index));
            sites.returns.push_back(std::move(site));
            return {};
        }
        const auto category = decoded->instruction.meta.category;
        if (category == ZYDIS_CATEGORY_CALL)
            if (const auto callee = direct_target(*decoded, function_.address_of(index)))
                sites.calls.push_back(*callee);
        if (category != ZYDIS_CATEGORY_UNCOND_BR && category != ZYDIS_CATEGORY_COND_BR) return {};
        const auto target = direct_target(*decoded, function_.address_of(index));
        if (!target && !is_table_jump(*decoded)) return refusal("the destination of a jump is computed");
        if (target && !contains(*target)) return refusal("it ends in another function");
        if (target && function_.address_of(function_.index_of(*target)) != *target)
            return refusal("a jump leads into the middle of an instruction");
        return {};
    }

    // Code at `index` that calls for more stack and begins the function again; the jump that does, if it is.
    [[nodiscard]] std::optional<size_t> begins_again(size_t index) const {
        bool has_called = false;
        for (size_t i = index; i < count() && i - index < kMaxGrowInstructions; ++i) {
            const auto decoded = function_.operands_of(i);
            if (!decoded || is_return(*decoded)) return std::nullopt;
            const auto category = decoded->instruction.meta.category;
            if (category == ZYDIS_CATEGORY_COND_BR) return std::nullopt;
            if (category == ZYDIS_CATEGORY_CALL) {
                if (has_called) return std::nullopt;
                has_called = true;
            }
            if (category != ZYDIS_CATEGORY_UNCOND_BR) continue;
            const bool to_entry = direct_target(*decoded, function_.address_of(i)) == function_.range().start;
            return has_called && to_entry ? std::optional(i) : std::nullopt;
        }
        return std::nullopt;
    }

    // The instruction behind the last jump of the stack check.
    Result<size_t> find_start() const {
        const std::vector<size_t> restarts = jumps_to_entry();
        if (restarts.empty()) return size_t{0};
        std::vector<size_t> known;
        std::optional<size_t> start;
        for (size_t i = 0; i < std::min(count(), kMaxCheckInstructions); ++i) {
            const auto decoded = function_.operands_of(i);
            const auto category = decoded->instruction.meta.category;
            if (category == ZYDIS_CATEGORY_COND_BR) {
                const auto target = direct_target(*decoded, function_.address_of(i));
                const auto restart = target ? begins_again(function_.index_of(*target)) : std::nullopt;
                if (!restart) break;
                known.push_back(*restart);
                start = i + 1;
            } else if (!is_part_of_check(*decoded)) {
                break;
            }
        }
        const bool all_known =
            std::ranges::all_of(restarts, [&](size_t jump) { return std::ranges::count(known, jump) > 0; });
        if (!start || *start >= count() || !all_known) return refusal("its stack check is not as known");
        const uint64_t address = function_.address_of(*start);
        if (function_.is_jumped_to(address, address)) return refusal("a loop begins right behind its stack check");
        return *start;
    }

    // Comparisons, and in r12 and the like the computation of what is compared: the stack pointer and arguments stay.
    static bool is_part_of_check(const Decoded& decoded) {
        switch (decoded.instruction.mnemonic) {
            case ZYDIS_MNEMONIC_CMP:
            case ZYDIS_MNEMONIC_NOP: return true;
            case ZYDIS_MNEMONIC_MOV:
            case ZYDIS_MNEMONIC_LEA:
            case ZYDIS_MNEMONIC_SUB: break;
            default: return false;
        }
        const ZydisDecodedOperand& to = decoded.operands[0];
        // r12 by ABIInternal, rcx or rsi by assembly's.
        if (to.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
        const ZydisRegister whole = enclosing_register(to.reg.value);
        return whole == ZYDIS_REGISTER_R12 || whole == ZYDIS_REGISTER_R13 || whole == ZYDIS_REGISTER_RCX ||
               whole == ZYDIS_REGISTER_RSI;
    }

    [[nodiscard]] std::vector<size_t> jumps_to_entry() const {
        std::vector<size_t> jumps = function_.predecessors(0);
        std::erase_if(jumps, [&](size_t jump) { return function_.instructions()[jump].is_call; });
        return jumps;
    }

    const ElfImage& image_;
    const FunctionCode& function_;
};

}  // namespace

Result<GoFunctionSites> go_function_sites(const ElfImage& image, const GoCode& code, const GoFunction& function) {
    if (!code.covers(function.entry)) return refusal("it is not in the code of the module");
    ModuleCode bytes;
    bytes.code_at = [&image](uint64_t address, size_t size) { return image.code_at(address, size); };
    const auto decoded = FunctionCode::decode(bytes, {function.entry, function.end});
    if (!decoded) return refusal("it is too large, or there are bytes that are no code");
    WH_TRY(GoFunctionSites sites, Search(image, *decoded).run());
    sites.name = readable_go_name(code.table().name_of(function));
    return sites;
}

Result<GoFunctionSites> go_function_sites(const ElfImage& image, const GoCode& code, std::string_view name) {
    const auto function = code.table().find_name(name);
    if (!function) return Error{ErrorCode::kNotFound, fmt::format("there is no function {}", name)};
    auto sites = go_function_sites(image, code, *function);
    if (!sites) return std::move(sites).error().with_context(name);
    return sites;
}

}  // namespace whoholds
