// What the functions of a Go program take and give back, by its debug information, which programs linked with -w do not have. Used
// by what chooses the handle of a pair (attach/go_handles.h) and by symbolize/go_hand_on.h.
// Invariant: everything in the file is untrusted; every walk is bounded, and what makes no sense is not told.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "elf/dwarf_file.h"
#include "elf/elf_image.h"

namespace whoholds {

// What one integer register holds of a value.
enum class GoWord : uint8_t {
    kPointer,  // also channels, maps and functions
    kNumber,
    kType,   // of an interface: what is in it is the next word
    kData,   // ... kData
    kOther,  // a part of a string or slice
};

// A parameter or a result.
struct GoValue {
    std::string type;           // as Go writes it: "*main.Thing"
    std::vector<GoWord> words;  // in the order of their registers
    // Which of rax, rbx, rcx, rdi, rsi, r8, r9, r10, r11 has its first word, from 1; 0: none has.
    unsigned first_word = 0;
};

struct GoSignature {
    std::vector<GoValue> parameters;
    std::vector<GoValue> results;
    bool tells_results = true;           // of what is inlined, only results with names are written down
    std::vector<std::string> variables;  // types of its local variables
};

class GoSignatures {
public:
    static constexpr uint64_t kMaxDebugBytes = uint64_t{512} << 20;

    // kNotFound without debug information, kLimit if there is more of it than max_bytes. `pause` is called after each portion that is
    // read.
    static Result<GoSignatures> open(
        const ElfImage& image, uint64_t max_bytes = kMaxDebugBytes, const std::function<void()>& pause = [] {});

    // Of the function that begins there. A generic function has a dictionary among its parameters that is not written down:
    // `parameters_before` says how many stand before it; nullopt: there is none. nullopt: nothing is said of this function.
    [[nodiscard]] std::optional<GoSignature> find(uint64_t entry, std::optional<size_t> parameters_before) const;
    // Of the function that tracebacks give this name (see readable_go_name), also where it exists as a part of others only.
    [[nodiscard]] std::optional<GoSignature> find(std::string_view readable_name) const;

private:
    explicit GoSignatures(DwarfFile file) : file_(std::move(file)) {}
    DwarfFile file_;
};

}  // namespace whoholds
