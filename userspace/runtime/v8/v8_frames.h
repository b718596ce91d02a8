// The functions of JavaScript in the stacks of one process: from what BPF programs send of them (bpf/shared/v8_process.h) to file, function and
// line. They are read when a stack arrives, as V8 moves its objects; each once. Used by the target, and by who puts stacks together for a report.
// Invariant: a place that is named was read from the function, and the code, whose identity the program saw. What was gone has no name.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/v8/v8_code.h"
#include "runtime/v8/v8_heap.h"
#include "runtime/v8/v8_script.h"

namespace whoholds {

// Of a frame of a stack: a program counter never looks so.
bool is_v8_word(uint64_t frame);

// The frames of a stack without what was sent of V8.
std::vector<uint64_t> without_v8_words(std::span<const uint64_t> frames);

struct V8Range {
    uint64_t start = 0;
    uint64_t end = 0;
    [[nodiscard]] bool holds(uint64_t address) const { return address - start < end - start; }
    bool operator==(const V8Range&) const = default;
};

struct V8Place {
    std::string file;  // "" and no name: not known
    std::string name;  // as V8 writes it in its own stacks: "new Session" is the constructor of a class
    int line = 0;
};

class V8Frames {
public:
    // bytecode_sizes: see v8_compiled(); none: code of the baseline compiler has no lines.
    V8Frames(V8Heap heap, std::vector<uint8_t> bytecode_sizes)
        : heap_(std::move(heap)), bytecode_sizes_(std::move(bytecode_sizes)), scripts_(1), functions_(1), places_(1) {}

    // The code of the file that V8 is in, wherever it is mapped.
    void set_own_code(std::vector<V8Range> ranges) { own_code_ = std::move(ranges); }

    // The frames of a stack as they were sent, with one word WH_FRAME_V8 | number for each function, those that were inlined, too. Frames of
    // V8's own that lie outside of the innermost function, and its stubs, are left out. nullopt: no function is in it.
    std::optional<std::vector<uint64_t>> resolve(std::span<const uint64_t> frames, uint32_t tid);
    // Of the functions of a stack, as resolve() gave it, the one that a function was made in, with the line where that begins: a word of the
    // same sort. shared: the address of its SharedFunctionInfo. nullopt: it was made in none of them, or it is not known.
    std::optional<uint64_t> line_made_at(uint64_t shared, std::span<const uint64_t> words);
    // Of such a word; what is not known has no name.
    [[nodiscard]] V8Place place(uint64_t word) const;
    [[nodiscard]] bool is_own_code(uint64_t address) const;

    [[nodiscard]] uint64_t named() const { return named_; }
    [[nodiscard]] uint64_t unnamed() const { return unnamed_; }

private:
    struct Seen {  // one frame as it was sent
        uint64_t pc = 0;
        uint64_t shared = 0;
        uint64_t identity = 0;
        uint64_t offset = 0;
        uint64_t code = 0;
        uint64_t code_identity = 0;  // 0: not known
        uint32_t tid = 0;
    };
    struct Function {
        V8Function read;
        uint32_t script = 0;
        uint32_t tid = 0;
        absl::flat_hash_map<int, uint32_t> place_of_line;
    };
    struct Place {
        uint32_t function = 0;
        int line = 0;
    };

    static std::optional<Seen> take(std::span<const uint64_t> frames, size_t& at, uint32_t tid);
    void add_places(const Seen& seen, std::vector<uint64_t>& words);
    void add_compiled(const Seen& seen, uint32_t function, std::vector<uint64_t>& words);
    void add_optimized(const Seen& seen, uint32_t function, const V8Code& code, std::vector<uint64_t>& words);
    void add(uint32_t function, int line, std::vector<uint64_t>& words);
    [[nodiscard]] uint32_t place_of(uint32_t function, int line, bool has_room);
    [[nodiscard]] const V8Code* code_of(const Seen& seen, uint32_t function);
    [[nodiscard]] uint32_t function_of(uint64_t shared, uint64_t identity, uint32_t tid);
    [[nodiscard]] uint32_t function_at(uint64_t shared, uint32_t tid);
    [[nodiscard]] uint32_t script_of(const V8Function& function, uint32_t tid);
    [[nodiscard]] int line_of(uint32_t function, const std::optional<V8Position>& position) const;

    V8Heap heap_;
    std::vector<uint8_t> bytecode_sizes_;
    std::vector<V8Range> own_code_;
    std::vector<V8Script> scripts_;  // the first one of each stands for all that are not known
    std::vector<Function> functions_;
    std::vector<Place> places_;
    size_t lines_kept_ = 0;
    absl::flat_hash_map<std::pair<uint32_t, uint32_t>, uint32_t> script_numbers_;  // by thread and id
    absl::flat_hash_map<uint64_t, uint32_t> function_numbers_;                     // by identity
    absl::flat_hash_map<std::pair<uint64_t, uint32_t>, V8Code> codes_;             // by identity and function
    std::optional<V8Code> other_code_;                                             // that is not kept
    uint64_t named_ = 0;
    uint64_t unnamed_ = 0;
};

}  // namespace whoholds
