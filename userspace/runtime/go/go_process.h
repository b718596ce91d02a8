// A live process whose program or library is Go code: what its tables say, where it is loaded, where its runtime's variables are.
// Opened once per process and kept; the readers of this folder (heap_profile, goroutines, runtime_facts) read through it.
// Invariant: the offsets that readers use were checked against this process when it was opened, so that a version of Go
// that is built differently is refused with a sentence and never read wrongly. Nothing is written, nothing is stopped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"
#include "proc/process.h"
#include "proc/process_memory.h"
#include "runtime/go/layout.h"
#include "runtime/go/variables.h"

namespace whoholds {

class GoProcess {
public:
    // The first Go module among the process's files. kNotFound: none; kUnsupported: a version that cannot be read, with the
    // reason; another error may pass (a process that is only starting).
    static Result<GoProcess> open(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings);

    [[nodiscard]] const ElfImage& image() const { return image_; }
    [[nodiscard]] const GoCode& code() const { return code_; }
    [[nodiscard]] const GoLayout& layout() const { return layout_; }
    [[nodiscard]] const GoVariables& variables() const { return variables_; }  // as addresses in the process
    [[nodiscard]] const ProcessMemory& memory() const { return memory_; }
    [[nodiscard]] const std::string& path() const { return path_; }

    // Between addresses of the file and of the process.
    [[nodiscard]] uint64_t to_file(uint64_t address) const { return address - bias_; }
    [[nodiscard]] uint64_t to_process(uint64_t address) const { return address + bias_; }
    [[nodiscard]] std::optional<GoFunction> function_at(uint64_t address) const {
        return code_.table().find(to_file(address));
    }

private:
    GoProcess(ElfImage image, GoCode code, ProcessMemory memory)
        : image_(std::move(image)), code_(std::move(code)), memory_(std::move(memory)) {}

    ElfImage image_;
    GoCode code_;
    ProcessMemory memory_;
    GoLayout layout_;
    GoVariables variables_;
    std::string path_;
    uint64_t bias_ = 0;
};

}  // namespace whoholds
