// libdw's own evaluation of CFI, as a witness for ours.
#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <libelf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "unwind/unwind_rule.h"

namespace whoholds {

class LibdwWitness {
public:
    explicit LibdwWitness(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        ::elf_version(EV_CURRENT);
        elf_ = ::elf_begin(fd_, ELF_C_READ_MMAP, nullptr);
        eh_frame_ = ::dwarf_getcfi_elf(elf_);
        dwarf_ = ::dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
        debug_frame_ = dwarf_ == nullptr ? nullptr : ::dwarf_getcfi(dwarf_);
    }
    ~LibdwWitness() {
        if (eh_frame_ != nullptr) ::dwarf_cfi_end(eh_frame_);
        if (dwarf_ != nullptr) ::dwarf_end(dwarf_);
        ::elf_end(elf_);
        ::close(fd_);
    }
    LibdwWitness(const LibdwWitness&) = delete;
    LibdwWitness& operator=(const LibdwWitness&) = delete;

    // The rule that says what libdw says; WH_CFA_NONE where it knows nothing, WH_CFA_UNSUPPORTED where no rule says it.
    [[nodiscard]] wh_unwind_rule rule_at(uint64_t address) const {
        for (Dwarf_CFI* cfi : {eh_frame_, debug_frame_}) {
            Dwarf_Frame* frame = nullptr;
            if (cfi == nullptr || ::dwarf_cfi_addrframe(cfi, address, &frame) != 0) continue;
            const std::unique_ptr<Dwarf_Frame, decltype(&std::free)> owner(frame, &std::free);
            return rule_of_frame(frame);
        }
        return kGapRule;
    }

private:
    using Operations = std::span<const Dwarf_Op>;

    // What a register's operations begin with and where they lead.
    struct Place {
        enum class Kind : uint8_t { kSame, kUndefined, kAtCfa, kCfaPlus, kExpression };
        Kind kind = Kind::kSame;
        int64_t offset = 0;
        std::optional<Dwarf_Op> operation;  // of an expression that has only one
    };

    static wh_unwind_rule rule_of_frame(Dwarf_Frame* frame) {
        bool signal = false;
        const int return_register = ::dwarf_frame_info(frame, nullptr, nullptr, &signal);
        const Place return_address = place_of(frame, return_register);
        if (return_address.kind == Place::Kind::kUndefined) return kEndRule;
        const std::optional<wh_unwind_rule> cfa = cfa_of(frame);
        if (signal) return is_trampoline(cfa, return_address) ? kSignalRule : kUnsupportedRule;
        const Place stack_pointer = place_of(frame, 7);
        if (return_address.kind != Place::Kind::kAtCfa || return_address.offset != -8) return kUnsupportedRule;
        if (stack_pointer.kind != Place::Kind::kCfaPlus || stack_pointer.offset != 0) return kUnsupportedRule;
        if (!cfa) return kUnsupportedRule;
        return make_rule(cfa_kind_of(*cfa), cfa->cfa_offset, frame_pointer_of(place_of(frame, 6)), cfa->extra);
    }

    static bool is_trampoline(const std::optional<wh_unwind_rule>& cfa, const Place& return_address) {
        return cfa && same_rule(*cfa, make_rule(WH_CFA_SP_DEREFERENCED, 160)) && return_address.operation &&
               return_address.operation->atom == DW_OP_breg7 &&
               static_cast<int64_t>(return_address.operation->number) == 168;
    }

    static std::optional<wh_unwind_rule> cfa_of(Dwarf_Frame* frame) {
        Dwarf_Op* start = nullptr;
        size_t count = 0;
        if (::dwarf_frame_cfa(frame, &start, &count) != 0 || count == 0) return std::nullopt;
        const Operations operations(start, count);
        if (count == 9 && operations[5].atom == DW_OP_ge && operations[0].atom == DW_OP_breg7) {
            return make_rule(WH_CFA_PLT, 0, {}, static_cast<int8_t>(operations[4].atom - DW_OP_lit0));
        }
        const Dwarf_Op& first = operations[0];
        const bool by_number = first.atom == DW_OP_bregx;
        const uint64_t base = by_number ? first.number : first.atom - DW_OP_breg0;
        const auto offset = static_cast<int32_t>(by_number ? first.number2 : first.number);
        if (base != 6 && base != 7) return std::nullopt;
        if (count == 1) return make_rule(base == 7 ? WH_CFA_SP : WH_CFA_FP, offset);
        if (operations[1].atom != DW_OP_deref || count > 3) return std::nullopt;
        if (count == 3 && operations[2].atom != DW_OP_plus_uconst) return std::nullopt;
        const uint64_t added = count == 3 ? operations[2].number : 0;
        return make_rule(base == 7 ? WH_CFA_SP_DEREFERENCED : WH_CFA_FP_DEREFERENCED, offset, {},
                         static_cast<int8_t>(added / 8));
    }

    static Place place_of(Dwarf_Frame* frame, int number) {
        Dwarf_Op memory[3];
        Dwarf_Op* start = nullptr;
        size_t count = 0;
        if (::dwarf_frame_register(frame, number, memory, &start, &count) != 0) return {Place::Kind::kUndefined};
        if (count == 0) return {start == nullptr ? Place::Kind::kSame : Place::Kind::kUndefined};
        const Operations operations(start, count);
        const bool from_cfa = operations[0].atom == DW_OP_call_frame_cfa;
        const bool value = operations.back().atom == DW_OP_stack_value;
        const size_t sum = count - (value ? 1 : 0);
        if (from_cfa && (sum == 1 || (sum == 2 && operations[1].atom == DW_OP_plus_uconst))) {
            return {value ? Place::Kind::kCfaPlus : Place::Kind::kAtCfa,
                    sum == 1 ? 0 : static_cast<int64_t>(operations[1].number)};
        }
        // libdw puts the CFA below what a register's expression computes.
        const size_t own = from_cfa ? 1 : 0;
        if (count == own + 1) return {Place::Kind::kExpression, 0, operations[own]};
        return {Place::Kind::kExpression};
    }

    static FramePointerRule frame_pointer_of(const Place& place) {
        switch (place.kind) {
            case Place::Kind::kSame: return {WH_FP_SAME};
            case Place::Kind::kUndefined: return {WH_FP_UNDEFINED};
            case Place::Kind::kAtCfa: return {WH_FP_AT_CFA, static_cast<int16_t>(place.offset / 8)};
            case Place::Kind::kExpression:
                if (place.operation && place.operation->atom == DW_OP_breg6) {
                    return {WH_FP_AT_FP, static_cast<int16_t>(static_cast<int64_t>(place.operation->number) / 8)};
                }
                return {WH_FP_UNSUPPORTED};
            default: return {WH_FP_UNSUPPORTED};
        }
    }

    int fd_;
    Elf* elf_ = nullptr;
    Dwarf* dwarf_ = nullptr;
    Dwarf_CFI* eh_frame_ = nullptr;
    Dwarf_CFI* debug_frame_ = nullptr;  // belongs to dwarf_
};

}  // namespace whoholds
