// Which executable mapping of a process is walked by which table, in the form that BPF programs search; and whether an address
// has come to mean other code than before. Pure: files and memory are someone else's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "bpf/shared/unwind.h"
#include "elf/elf_image.h"
#include "proc/process.h"
#include "unwind/unwind_arena.h"

namespace whoholds {

struct UnwindModule {  // what is known of one file's code; its number stands for it in what follows
    std::optional<PlacedTable> table;
    std::vector<ElfSegment> segments;
    uint16_t gap_flags = 0;  // WH_MAPPING_FRAME_POINTERS, …_GUESS: how code without a rule is walked
    bool makes_code_with_frame_pointers = false;  // a JIT whose code keeps them
};

constexpr size_t kNoModule = std::numeric_limits<size_t>::max();  // anonymous memory: code that a JIT made

struct CodeMapping {
    uint64_t start = 0;  // in the process
    uint64_t end = 0;
    uint64_t file_offset = 0;
    size_t module = kNoModule;

    bool operator==(const CodeMapping&) const = default;
};

// The executable mappings, sorted. Those that a JIT made are joined where they touch; if it keeps frame pointers, they
// take in the anonymous memory beside them, which it reserved for code to come. module_of is asked for each mapping of a file or
// of the vdso, and may answer kNoModule.
using ModuleOf = std::function<size_t(const Mapping& mapping)>;
std::vector<CodeMapping> code_mappings(const std::vector<Mapping>& maps, bool jit_keeps_frame_pointers,
                                       const ModuleOf& module_of);

// As the BPF programs read them. Mappings of files that were not understood have no flags: a walk ends there, and says so.
std::vector<wh_mapping> pack_mappings(std::span<const CodeMapping> mappings, std::span<const UnwindModule> modules,
                                      bool jit_keeps_frame_pointers);

// Remembers what each address meant last.
class CodeHistory {
public:
    // True if an address that meant one thing before means another now.
    bool update(std::span<const CodeMapping> now);
    void clear() { meanings_.clear(); }

private:
    struct Meaning {
        uint64_t end;
        uint64_t file_offset;
        size_t module;
    };
    void forget(uint64_t start, uint64_t end);

    std::map<uint64_t, Meaning> meanings_;  // by start; they do not overlap
};

}  // namespace whoholds
