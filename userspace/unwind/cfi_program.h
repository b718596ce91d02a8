// CfiProgram: runs the instructions of a CIE or an FDE, from one row to the next.
// Invariant: reads nothing outside of its program; the states it remembers are bounded. Time is linear in the program.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/byte_reader.h"
#include "unwind/cfi_entries.h"
#include "unwind/cfi_state.h"

namespace whoholds {

class CfiProgram {
public:
    enum class Stop : uint8_t {
        kAdvanced,   // state() held up to location()
        kEnd,        // state() holds for the rest
        kMalformed,  // nothing is known from location() on
    };

    // A CIE's own instructions: they make the state that its FDEs begin with.
    CfiProgram(const CfiCie& cie, std::span<const uint8_t> program);
    // An FDE's. remembered is working memory, to be reused from one program to the next.
    CfiProgram(const CfiCie& cie, const CfiFde& fde, std::vector<CfiState>& remembered);

    // Runs up to the next instruction that advances the location.
    Stop run();

    [[nodiscard]] const CfiState& state() const { return state_; }
    [[nodiscard]] uint64_t location() const { return location_; }

private:
    enum class Step : uint8_t { kContinue, kAdvanced, kMalformed };

    Step step();
    Step extended(uint8_t instruction);
    Step advance(std::optional<uint64_t> factored);
    Step set_location();
    Step define_cfa(std::optional<uint64_t> base, std::optional<int64_t> offset);
    Step set_cfa_base();
    Step set_cfa_offset(std::optional<int64_t> offset);
    Step set_cfa_expression();
    Step set_register(std::optional<uint64_t> number, const CfiRegister& value);
    Step set_register(std::optional<uint64_t> number, CfiRegister::Kind kind, std::optional<int64_t> offset);
    Step set_register_expression(CfiRegister::Kind kind);
    Step restore(std::optional<uint64_t> number);
    Step remember_state();
    Step restore_state();

    std::optional<int64_t> offset_operand();  // unsigned
    std::optional<int64_t> factored_operand();
    std::optional<int64_t> signed_factored_operand();
    std::optional<int64_t> factored(std::optional<int64_t> value) const;
    std::optional<std::span<const uint8_t>> block_operand();
    static CfiRegister* tracked(CfiState& state, uint64_t number);

    const CfiCie& cie_;
    ByteReader reader_;
    uint64_t program_address_ = 0;
    uint64_t location_ = 0;
    CfiState state_;
    std::vector<CfiState>* remembered_ = nullptr;  // none while a CIE's instructions run
};

}  // namespace whoholds
