#include "attach/probe_placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "attach/call_shape.h"
#include "attach/instruction.h"

namespace whoholds {
namespace {

constexpr size_t kArgumentCount = kMaxArgument;
constexpr std::array<ZydisRegister, kArgumentCount> kArgumentRegisters = {ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI,
                                                                          ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RCX,
                                                                          ZYDIS_REGISTER_R8,  ZYDIS_REGISTER_R9};
constexpr std::array<const char*, kArgumentCount> kArgumentNames = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"};
constexpr std::array<uint8_t, 4> kEndbr64 = {0xf3, 0x0f, 0x1e, 0xfa};

// A nop in mid-function is never chosen: newer kernels replace a probed five-byte nop by a call, which writes below the stack
// pointer where the function may keep its locals (T6). A call has its return address pushed and its callee run before ours.
bool may_move_to(std::string_view mnemonic) { return mnemonic != "nop" && mnemonic != "call"; }

// Calls visit(target, is_call) for each direct branch of the code, which is decoded from its first byte on.
template <class Visit>
void for_each_branch(std::span<const uint8_t> code, uint64_t address, const Visit& visit) {
    const ZydisDecoder decoder = make_decoder();
    for (size_t at = 0; at < code.size();) {
        ZydisDecodedInstruction instruction;
        if (!ZYAN_SUCCESS(
                ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data() + at, code.size() - at, &instruction))) {
            ++at;  // data between the code: find back into step
            continue;
        }
        for (const auto& immediate : instruction.raw.imm) {
            if (immediate.size == 0 || !immediate.is_relative) continue;
            const uint64_t next = address + at + instruction.length;
            visit(next + static_cast<uint64_t>(immediate.value.s), instruction.meta.category == ZYDIS_CATEGORY_CALL);
        }
        at += instruction.length;
    }
}

// Bit n: a direct branch leads to the nth byte after the entry. A call of the entry is an ordinary (recursive) call, a jump to
// it is a loop.
uint64_t branch_target_bits(std::span<const uint8_t> code, uint64_t address) {
    static_assert(kMaxProbeDelta < 64);
    uint64_t bits = 0;
    for_each_branch(code, address, [&](uint64_t target, bool is_call) {
        const uint64_t delta = target - address;
        if (delta <= kMaxProbeDelta && !(delta == 0 && is_call)) bits |= uint64_t{1} << delta;
    });
    return bits;
}

// What the code between entry and probe has done to what the probe reads.
class RegisterTracker {
public:
    explicit RegisterTracker(unsigned argument_mask) : argument_mask_(argument_mask) {}

    // False if the probe cannot sit behind this instruction; refusal() says why.
    bool step(const Decoded& decoded) {
        if (!runs_straight(decoded.instruction)) return refuse("a call or system call comes first");
        const bool is_push =
            decoded.instruction.mnemonic == ZYDIS_MNEMONIC_PUSH && decoded.instruction.operand_width == 64;
        unsigned written = 0;
        for (size_t i = 0; i < decoded.instruction.operand_count; ++i) {
            const ZydisDecodedOperand& operand = decoded.operands[i];
            if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0)
                continue;
            const ZydisRegister whole = enclosing_register(operand.reg.value);
            // The unwinder starts at the probe with the registers of the entry.
            if (whole == ZYDIS_REGISTER_RBP) return refuse("the frame pointer changes first");
            if (whole == ZYDIS_REGISTER_RSP && !is_push) return refuse("the stack pointer changes first");
            written |= argument_bit(whole);
        }
        if (is_push && ++pushed_words_ > WH_SHAPE_PUSHED_WORDS_MAX) return refuse("too many words are pushed first");
        return follow_values(written, copied_argument(decoded));
    }

    [[nodiscard]] unsigned pushed_words() const { return pushed_words_; }
    [[nodiscard]] const std::string& refusal() const { return refusal_; }

    // For each argument a register that still holds it, its own if possible.
    [[nodiscard]] std::array<uint8_t, kArgumentCount> argument_at() const {
        std::array<uint8_t, kArgumentCount> result{};
        for (size_t i = 0; i < kArgumentCount; ++i) {
            const unsigned holders = holders_[i];
            const bool keeps = holders == 0 || (holders & (1U << i)) != 0;
            result[i] = static_cast<uint8_t>(1 + (keeps ? i : static_cast<size_t>(__builtin_ctz(holders))));
        }
        return result;
    }

private:
    struct Copy {
        unsigned from = 0;  // argument register bits, 0: no copy between argument registers
        unsigned to = 0;
    };

    static bool runs_straight(const ZydisDecodedInstruction& instruction) {
        switch (instruction.meta.category) {
            case ZYDIS_CATEGORY_CALL:
            case ZYDIS_CATEGORY_RET:
            case ZYDIS_CATEGORY_UNCOND_BR:
            case ZYDIS_CATEGORY_COND_BR:
            case ZYDIS_CATEGORY_SYSCALL:
            case ZYDIS_CATEGORY_SYSRET:
            case ZYDIS_CATEGORY_INTERRUPT:
            case ZYDIS_CATEGORY_SYSTEM: return false;
            default: return instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_NONE;
        }
    }

    static unsigned argument_bit(ZydisRegister whole) {
        for (size_t i = 0; i < kArgumentCount; ++i) {
            if (kArgumentRegisters[i] == whole) return 1U << i;
        }
        return 0;
    }

    static Copy copied_argument(const Decoded& decoded) {
        if (decoded.instruction.mnemonic != ZYDIS_MNEMONIC_MOV || decoded.instruction.operand_width != 64) return {};
        const ZydisDecodedOperand& to = decoded.operands[0];
        const ZydisDecodedOperand& from = decoded.operands[1];
        if (to.type != ZYDIS_OPERAND_TYPE_REGISTER || from.type != ZYDIS_OPERAND_TYPE_REGISTER) return {};
        return {.from = argument_bit(from.reg.value), .to = argument_bit(to.reg.value)};
    }

    bool follow_values(unsigned written, Copy copy) {
        for (size_t i = 0; i < kArgumentCount; ++i) {
            const bool copied = copy.from != 0 && (holders_[i] & copy.from) != 0;
            holders_[i] &= ~written;
            if (copied) holders_[i] |= copy.to;
            if (holders_[i] == 0 && (argument_mask_ & (1U << i)) != 0)
                return refuse(fmt::format("{} is overwritten first", kArgumentNames[i]));
        }
        return true;
    }

    bool refuse(std::string why) {
        refusal_ = std::move(why);
        return false;
    }

    unsigned argument_mask_;
    unsigned pushed_words_ = 0;
    std::array<unsigned, kArgumentCount> holders_ = {1, 2, 4, 8, 16, 32};  // argument registers that hold argument i
    std::string refusal_;
};

// An emulated instruction behind the entry, or nothing and why not.
std::optional<Placement> find_behind_entry(const PlacementRequest& request, std::string& refusal) {
    const ZydisDecoder decoder = make_decoder();
    RegisterTracker tracker(request.argument_mask);
    uint64_t delta = 0;
    while (delta <= kMaxProbeDelta && delta < request.code.size()) {
        const std::span<const uint8_t> rest = request.code.subspan(delta);
        const auto decoded = decode(decoder, rest);
        if (!decoded) {
            refusal = "code that cannot be decoded comes first";
            return std::nullopt;
        }
        const char* mnemonic = emulated_mnemonic(rest.first(decoded->instruction.length));
        if (delta != 0 && mnemonic != nullptr && may_move_to(mnemonic)) {
            if (request.has_return_probe && tracker.pushed_words() != 0) {
                refusal = "the stack pointer changes first";
                return std::nullopt;
            }
            return Placement{.delta = delta,
                             .pushed_words = tracker.pushed_words(),
                             .argument_at = tracker.argument_at(),
                             .emulated = true,
                             .instruction = disassemble(*decoded, request.address + delta, mnemonic),
                             .why = fmt::format("moved {} bytes to {}", delta, mnemonic)};
        }
        if (!tracker.step(*decoded)) {
            refusal = tracker.refusal();
            return std::nullopt;
        }
        delta += decoded->instruction.length;
    }
    refusal = fmt::format("no emulated instruction within {} bytes", kMaxProbeDelta);
    return std::nullopt;
}

size_t skip_endbr64(std::span<const uint8_t> code) {
    const bool present = code.size() >= kEndbr64.size() && std::equal(kEndbr64.begin(), kEndbr64.end(), code.begin());
    return present ? kEndbr64.size() : 0;
}

}  // namespace

Placement choose_placement(const PlacementRequest& request) {
    const auto first = decode(make_decoder(), request.code);
    if (!first) return {.instruction = "?", .why = "the entry cannot be decoded: stepped"};
    const char* mnemonic = emulated_mnemonic(request.code.first(first->instruction.length));
    Placement entry{.emulated = mnemonic != nullptr, .instruction = disassemble(*first, request.address, mnemonic)};
    if (entry.emulated) {
        entry.why = fmt::format("function entry is emulated ({})", mnemonic);
        return entry;
    }

    std::string refusal;
    if (auto moved = find_behind_entry(request, refusal)) {
        const uint64_t passed = (uint64_t{2} << moved->delta) - 1;  // the entry and every byte up to the probe
        if ((branch_target_bits(request.code, request.address) & passed) == 0) return *std::move(moved);
        refusal = fmt::format("a jump leads into the first {} bytes", moved->delta);
    }
    entry.why = refusal + ": stepped";
    return entry;
}

bool reaches_directly(std::span<const uint8_t> code, uint64_t address, uint64_t target) {
    bool reached = false;
    for_each_branch(code, address, [&](uint64_t branch_target, bool) { reached = reached || branch_target == target; });
    return reached;
}

uint64_t plt_slot(std::span<const uint8_t> code, uint64_t address) {
    size_t at = skip_endbr64(code);
    if (at < code.size() && code[at] == 0xf2) ++at;  // bnd
    if (code.size() < at + 6 || code[at] != 0xff || code[at + 1] != 0x25) return 0;
    int32_t displacement = 0;
    std::memcpy(&displacement, code.data() + at + 2, sizeof displacement);
    return address + at + 6 + static_cast<uint64_t>(int64_t{displacement});
}

uint64_t thunk_target(std::span<const uint8_t> code, uint64_t address) {
    size_t at = skip_endbr64(code);
    if (at < code.size() && code[at] == 0xf2) ++at;  // bnd
    if (code.size() >= at + 2 && code[at] == 0xeb) {
        return address + at + 2 + static_cast<uint64_t>(int64_t{static_cast<int8_t>(code[at + 1])});
    }
    if (code.size() < at + 5 || code[at] != 0xe9) return 0;
    int32_t displacement = 0;
    std::memcpy(&displacement, code.data() + at + 1, sizeof displacement);
    return address + at + 5 + static_cast<uint64_t>(int64_t{displacement});
}

}  // namespace whoholds
