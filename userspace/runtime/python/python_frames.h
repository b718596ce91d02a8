// The frames of Python code in the stacks of one process: from what BPF programs send of them (bpf/shared/python_process.h) to file, function and
// line. Code objects are read when a stack arrives, as they may be freed; each once. Used by the target, and by who puts stacks
// together for a report.
// Invariant: a place that is named was read from code of the identity that the program saw. What was gone by then has no name.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/python/code_object.h"
#include "runtime/python/python_process.h"

namespace whoholds {

// Of a frame of a stack: a program counter never looks so.
bool is_python_word(uint64_t frame);

struct PythonPlace {
    std::string file;  // "" and no name: not known
    std::string name;
    int line = 0;
};

class PythonFrames {
public:
    using ReadCode = std::function<Result<PythonCode>(uint64_t address, uint64_t identity)>;

    // code: all of the interpreter's; evaluator: what runs frames of Python code.
    PythonFrames(PythonRange code, std::vector<PythonRange> evaluator, ReadCode read)
        : code_(code), evaluator_(std::move(evaluator)), read_(std::move(read)), codes_(1), places_(1) {}

    // The frames of a stack as they were sent, with each frame of Python code as one word: WH_FRAME_PYTHON, the flags beside it, and a
    // number. nullopt: there are none in it.
    std::optional<std::vector<uint64_t>> resolve(std::span<const uint64_t> frames);
    // Of a word of resolve() that is not a mere mark; what is not known has no name.
    [[nodiscard]] PythonPlace place(uint64_t word) const;

    [[nodiscard]] bool is_evaluator(uint64_t address) const;
    [[nodiscard]] bool is_interpreter(uint64_t address) const { return code_.holds(address); }
    // How many frames could not be named, as their code was gone.
    [[nodiscard]] uint64_t unnamed() const { return unnamed_; }

private:
    struct Code {
        PythonCode code;
        absl::flat_hash_map<int, uint32_t> place_of_line;
    };
    struct Place {
        uint32_t code = 0;
        int line = 0;
    };
    [[nodiscard]] uint32_t code_of(uint64_t address, uint64_t identity);

    PythonRange code_;
    std::vector<PythonRange> evaluator_;
    ReadCode read_;
    std::vector<Code> codes_;  // the first one stands for all that are not known
    std::vector<Place> places_;
    absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint32_t> code_numbers_;  // by address and identity
    uint64_t unnamed_ = 0;
};

}  // namespace whoholds
