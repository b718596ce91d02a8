#include "attach/return_sites.h"

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "attach/instruction.h"
#include "attach/probe_placement.h"

namespace whoholds {
namespace {

constexpr size_t kMaxInstructionBytes = 15;
constexpr size_t kWindowBytes = 512;  // most functions fit
constexpr size_t kStubBytes = 32;

// Reads code a window at a time: most instructions follow the one before.
class CodeWindow {
public:
    explicit CodeWindow(const ModuleCode& code) : code_(code) {}

    std::span<const uint8_t> at(uint64_t address) {
        if (address < start_ || address - start_ + kMaxInstructionBytes > bytes_.size()) {
            bytes_ = code_.code_at(address, kWindowBytes);
            start_ = address;
        }
        return std::span<const uint8_t>(bytes_).subspan(address - start_);
    }

private:
    const ModuleCode& code_;
    std::vector<uint8_t> bytes_;
    uint64_t start_ = 0;
};

std::optional<CodeRange> range_by_symbol(const ModuleCode& code, uint64_t address) {
    for (const ElfSymbol& symbol : code.symbols) {
        if (address >= symbol.address && address - symbol.address < symbol.size)
            return CodeRange{symbol.address, symbol.address + symbol.size};
    }
    return std::nullopt;
}

class Walk {
public:
    Walk(const ModuleCode& code, const std::function<bool(uint64_t)>& reports_return)
        : code_(code), reports_return_(reports_return), window_(code) {
        ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    }

    ReturnSites from(uint64_t address) {
        pending_.push_back(address);
        do {
            while (!pending_.empty() && refusal_.empty()) {
                const uint64_t next = pending_.back();
                pending_.pop_back();
                follow(next, false);
            }
        } while (refusal_.empty() && follow_what_nothing_jumps_to());
        // A tail call to a function with a return probe needs no site, but a function that never returns is a mistake of ours.
        if (refusal_.empty() && returns_.empty() && !reported_elsewhere_) refusal_ = "none was found";
        if (!refusal_.empty()) return {.refusal = refusal_};
        return {.addresses = {returns_.begin(), returns_.end()}};
    }

private:
    enum class Flow : uint8_t { kNext, kAfterCall, kEnd };

    // The straight way from address to an instruction that never continues to the next. What follows a call at the end of a
    // function (but for padding) is another function: the call was one that does not return (__cxa_throw, abort).
    void follow(uint64_t address, bool after_call) {
        std::optional<CodeRange> range = enter(address);
        while (refusal_.empty()) {
            if (range && address >= range->end) {
                if (after_call) return;
                range = enter(address);
            }
            if (instructions_.contains(address)) return;
            ZydisDecodedInstruction instruction;
            std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
            const auto bytes = window_.at(address);
            if (!code_.offset_of(address) || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, bytes.data(), bytes.size(),
                                                                                  &instruction, operands.data()))) {
                return refuse("there are bytes that are no code");
            }
            if (instructions_.size() >= kMaxInstructionsWalked) return refuse("it is too large");
            instructions_.emplace(address, instruction.length);

            const Flow flow = pass(address, instruction, operands[0]);
            if (flow == Flow::kEnd) return;
            after_call = flow == Flow::kAfterCall || (after_call && instruction.mnemonic == ZYDIS_MNEMONIC_NOP);
            address += instruction.length;
        }
    }

    Flow pass(uint64_t address, const ZydisDecodedInstruction& instruction, const ZydisDecodedOperand& operand) {
        const uint64_t next = address + instruction.length;
        switch (instruction.meta.category) {
            case ZYDIS_CATEGORY_RET: note_return(address, instruction); return Flow::kEnd;
            case ZYDIS_CATEGORY_CALL: return Flow::kAfterCall;
            case ZYDIS_CATEGORY_UNCOND_BR:
            case ZYDIS_CATEGORY_COND_BR:
                if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand.imm.is_relative) {
                    go_to(next + static_cast<uint64_t>(operand.imm.value.s));
                } else if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.base == ZYDIS_REGISTER_RIP &&
                           operand.mem.index == ZYDIS_REGISTER_NONE) {
                    go_through(next + static_cast<uint64_t>(operand.mem.disp.value));
                } else {
                    refuse("the destination of a jump is computed");
                }
                return instruction.meta.category == ZYDIS_CATEGORY_COND_BR ? Flow::kNext : Flow::kEnd;
            default:
                if (never_continues(instruction.mnemonic)) return Flow::kEnd;
                if (instruction.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE) refuse("it branches in an unusual way");
                return Flow::kNext;
        }
    }

    void note_return(uint64_t address, const ZydisDecodedInstruction& instruction) {
        if (instruction.mnemonic != ZYDIS_MNEMONIC_RET || instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
            return refuse("it returns in an unusual way");
        returns_.insert(address);
        if (returns_.size() > kMaxReturnSites) refuse("there are too many");
    }

    void go_to(uint64_t target) {
        if (reports_return_(target)) {
            reported_elsewhere_ = true;
        } else if (const uint64_t slot = plt_slot(code_.code_at(target, kStubBytes), target)) {
            go_through(slot);
        } else {
            pending_.push_back(target);
        }
    }

    // A jump through a slot that the dynamic linker fills. We take it to choose this module's own definition if there is one,
    // as it does unless another module that comes earlier defines the same name; whoever replaces the inner functions
    // of an allocator one by one loses the returns through them.
    void go_through(uint64_t slot) {
        const uint64_t target = code_.import_definition ? code_.import_definition(slot) : 0;
        if (target != 0) {
            if (reports_return_(target)) {
                reported_elsewhere_ = true;
            } else {
                pending_.push_back(target);
            }
            return;
        }
        const std::string name = code_.import_name(slot);
        refuse(name.empty() ? "the destination of a jump is computed"
                            : fmt::format("it may end in {} of another module", name));
    }

    std::optional<CodeRange> enter(uint64_t address) {
        std::optional<CodeRange> range = code_.range_of ? code_.range_of(address) : std::optional<CodeRange>();
        if (!range) range = range_by_symbol(code_, address);
        if (range) ranges_.emplace(range->start, range->end);
        return range;
    }

    // Landing pads of exceptions: the unwinder enters them, no jump does. Each gap in the functions seen so far is such code or
    // padding. False if there is none.
    bool follow_what_nothing_jumps_to() {
        bool any = false;
        const auto ranges = ranges_;
        for (const auto& [start, end] : ranges) {
            for (uint64_t at = start; at < end && refusal_.empty();) {
                const auto known = instructions_.find(at);
                if (known != instructions_.end()) {
                    at += known->second;
                } else {
                    follow(at, true);
                    any = true;
                }
            }
        }
        return any;
    }

    void refuse(std::string why) {
        if (refusal_.empty()) refusal_ = std::move(why);
    }

    const ModuleCode& code_;
    const std::function<bool(uint64_t)>& reports_return_;
    CodeWindow window_;
    ZydisDecoder decoder_{};
    std::map<uint64_t, uint64_t> instructions_;  // address to length
    std::map<uint64_t, uint64_t> ranges_;        // of the functions walked into: start to end
    std::vector<uint64_t> pending_;
    std::set<uint64_t> returns_;
    bool reported_elsewhere_ = false;
    std::string refusal_;
};

}  // namespace

ReturnSites find_return_sites(const ModuleCode& code, uint64_t address,
                              const std::function<bool(uint64_t address)>& reports_return) {
    return Walk(code, reports_return).from(address);
}

}  // namespace whoholds
