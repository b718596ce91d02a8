// Where the functions of a pair of Go functions have its handle: in which of the registers that arguments and results go through.
// Decided from the debug information; without it from the names, and interfaces are told by what they lead to, in the BPF program.
// Used by go_pairs.cpp only. Pure: of the file.
// Invariant: a handle of which that cannot be known is refused with a sentence that says how to name the register.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"
#include "elf/go_signatures.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

struct GoHandle {
    unsigned word = 1;              // from 1: rax, rbx, rcx, rdi, rsi, r8, r9
    bool may_be_interface = false;  // then it is looked at each time, and the next word is taken if it is
    GoWord holds = GoWord::kOther;  // kOther: not known
    std::string type;               // "*main.Thing", "" if not known

    [[nodiscard]] bool operator==(const GoHandle&) const = default;
};

// Of the results, where what is released by one of these handles is; by the types.
Result<GoHandle> choose_go_result(const PairFunction& function, const GoSignature& signature,
                                  const std::vector<GoHandle>& released);
// Of the arguments, the first.
Result<GoHandle> choose_go_argument(const PairFunction& function, const GoSignature& signature);

class GoHandles {
public:
    GoHandles(const ElfImage& image, const GoCode& code);

    [[nodiscard]] Result<GoHandle> released(const PairFunction& wanted, const GoFunction& function) const;
    [[nodiscard]] Result<GoHandle> acquired(const PairFunction& wanted, const GoFunction& function,
                                            const std::vector<GoHandle>& released) const;

private:
    [[nodiscard]] static GoHandle told(unsigned word, const std::optional<GoSignature>& signature);
    [[nodiscard]] std::optional<GoSignature> signature_of(const GoFunction& function) const;
    [[nodiscard]] std::optional<size_t> dictionary_of(std::string_view name) const;

    const GoCode& code_;
    std::optional<GoSignatures> signatures_;
};

// The type of the receiver, if the name says that it is a pointer: "*main.Thing" of "main.(*Thing).Close"; else "".
std::string go_receiver_of(std::string_view name);

}  // namespace whoholds
