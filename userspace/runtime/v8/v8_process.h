// A live process in which V8 runs JavaScript: its version, where its own code is, and how its objects are read. Used by V8Following.
// Invariant: only versions whose layout is known, and whose file agrees with it as far as it says. Nothing is written, nothing is stopped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "proc/process.h"
#include "proc/process_memory.h"
#include "runtime/v8/layout.h"
#include "runtime/v8/v8_frames.h"

namespace whoholds {

// Whether this file may be one that V8 is in, by its name; what is not is not opened, unless it is the program itself.
bool may_hold_v8(const std::string& path);

// Where code of one file is mapped, each time it is: parts with nothing of others between them are one.
std::vector<V8Range> code_of_file(const std::vector<Mapping>& mappings, const Mapping& file);

class V8Process {
public:
    // The first file among the process's with V8 in it. kNotFound: none; kUnsupported: a version that is not known, with the reason; another
    // error may pass.
    static Result<V8Process> open(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings);

    [[nodiscard]] const V8Layout& layout() const { return layout_; }
    [[nodiscard]] const ProcessMemory& memory() const { return memory_; }
    [[nodiscard]] const std::string& version() const { return version_; }      // of V8: "11.3.244"
    [[nodiscard]] const V8Constants& constants() const { return constants_; }  // what its file says of itself
    [[nodiscard]] const std::vector<uint8_t>& bytecode_sizes() const { return bytecode_sizes_; }
    [[nodiscard]] std::vector<V8Range> own_code(const std::vector<Mapping>& mappings) const {
        return code_of_file(mappings, file_);
    }

private:
    V8Process(Mapping file, ProcessMemory memory) : file_(std::move(file)), memory_(std::move(memory)) {}

    Mapping file_;
    ProcessMemory memory_;
    V8Layout layout_;
    V8Constants constants_;
    std::string version_;
    std::vector<uint8_t> bytecode_sizes_;
};

// What the programs are told: the layout's, and the first ranges of its own code.
wh_v8_process v8_process_with_code(const V8Layout& layout, std::span<const V8Range> own_code);

}  // namespace whoholds
