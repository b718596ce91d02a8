// What would be attached, where, why, and what was skipped. Pure data, made by the planner, printed by `whoholds plan`,
// executed by the edge (userspace/bpf).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach/go_functions.h"
#include "base/result.h"
#include "bpf/shared/go_process.h"
#include "elf/elf_image.h"
#include "proc/process.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

// Where a probe sits relative to the function's entry, and what an event will cost there.
struct Placement {
    uint64_t delta = 0;         // bytes after the entry
    unsigned pushed_words = 0;  // 8-byte words pushed before the probe: entry stack pointer = rsp + 8 * pushed_words
    // The register (as argument number) that holds argument n + 1 here: compilers copy arguments before they overwrite them.
    std::array<uint8_t, 6> argument_at = {1, 2, 3, 4, 5, 6};
    bool emulated = false;    // the kernel emulates the instruction; else it is single-stepped, about ten times dearer
    std::string instruction;  // disassembly of the probed instruction
    std::string why;  // "function entry is emulated (push)", "moved 3 bytes to je", "no emulated instruction: stepped"
};

struct PlannedProbe {
    std::string symbol;                // the name in the table of allocators
    std::vector<std::string> aliases;  // other rows or names at the same address
    std::string family;                // "libc", "jemalloc", …
    std::string table;                 // where the symbol was found
    uint64_t address = 0;              // virtual address of the function in the file
    uint64_t entry_offset = 0;         // file offset of the function
    // call_shape.h, PROBE and PROCESS still 0, PUSHED_WORDS filled in, arguments numbered as they are where the probe sits
    uint64_t shape = 0;
    bool needs_return =
        false;  // its return is followed: by a uretprobe at the offset of the entry probe, or (BY_RET in shape):
    std::vector<uint64_t> return_offsets;  // file offsets of all ret instructions that can end the call
    Placement placement;

    [[nodiscard]] uint64_t probe_offset() const { return entry_offset + placement.delta; }
};

// A system-call instruction that makes or ends descriptors, or a call of libc's function syscall(): the probe sits right behind it.
struct PlannedSite {
    uint32_t number = 0;
    std::string name;           // of the system call
    std::string function;       // that makes it, "" when not known
    uint64_t address = 0;       // virtual address of the instruction that makes the system call in the file
    uint64_t probe_offset = 0;  // file offset of the probed instruction
    uint64_t shape = 0;         // call_shape.h, PROBE and PROCESS still 0; arguments as the kernel takes them
    bool emulated = false;      // by the kernel; else single-stepped, about ten times dearer
    std::string instruction;    // disassembly of the probed one
    std::string why;
};

// Probes on one function of Go code, at the places that go_functions.h allows.
struct PlannedGoProbe {
    enum class Role : uint8_t { kGoroutineCreated, kGoroutineEnded, kAcquired, kReleased };
    Role role = Role::kAcquired;
    std::string symbol;  // as Go's own tracebacks show it
    uint64_t address = 0;
    std::vector<GoProbeSite> sites;  // all its RET instructions, or the one behind its stack check, or in a caller
    // call_shape.h: the kind; KEY_ARG, of pairs: the word of the arguments or results that is the handle, from 1, with KEY_INDIRECT:
    // if it turns out to be the first of an interface, the one behind it; of goroutines also the rest. PROBE and PROCESS still 0.
    uint64_t shape = 0;
};

// How to read the goroutines of a Go module.
struct PlannedGoProcess {
    wh_go_process process{};            // its addresses are those of the file
    uint64_t address_minus_offset = 0;  // of its code in the file
    bool needs_check = false;           // made by a version of Go that is newer than what is known of it
};

struct ModulePlan {
    std::string path;       // as the target sees it
    std::string open_path;  // what we open: /proc/PID/map_files/… , /proc/PID/exe, /proc/PID/root/…
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    uint64_t inode = 0;
    std::string build_id;
    bool is_allocator = false;   // its own mmap calls are an allocator's, not the program's
    uint64_t first_address = 0;  // of its mappings in the target
    uint64_t end_address = 0;
    std::vector<PlannedProbe> probes;
    std::vector<PlannedSite> sites;  // with DescriptorMethod::kSites only
    std::vector<PlannedGoProbe> go_probes;
    std::optional<PlannedGoProcess> go;  // with probes on its goroutines only

    [[nodiscard]] bool is_empty() const { return probes.empty() && sites.empty() && go_probes.empty(); }
};

struct Skipped {
    std::string what;
    std::string why;
};

// How descriptors are seen: one way for a process, so that none is seen twice.
enum class DescriptorMethod : uint8_t {
    kNone,
    kSites,       // probes behind the system-call instructions of its modules: costs nobody else anything
    kTracepoint,  // at the end of every system call: every process of the machine pays a little
};

// "none", "sites", "tracepoint"
std::string_view descriptor_method_name(DescriptorMethod method);

struct AttachPlan {
    pid_t pid = 0;
    std::vector<ModulePlan> modules;
    DescriptorMethod descriptor_method = DescriptorMethod::kNone;
    std::string descriptor_why;  // why this one, as a sentence without a full stop
    std::vector<Skipped> skipped;
    std::vector<std::string> found;  // of what an earlier plan may have skipped because it was nowhere
    // Offsets of the dynamic linker's _dl_debug_state (called at every dlopen and dlclose), probed to learn of new libraries.
    std::string loader_open_path;
    uint64_t loader_offset = 0;  // 0: none (static)

    [[nodiscard]] size_t probe_count() const;     // of functions
    [[nodiscard]] size_t site_count() const;      // probes too, of system calls
    [[nodiscard]] size_t go_probe_count() const;  // functions of Go code
};

struct PlanOptions {
    bool return_probes_allowed = true;  // false: seccomp on a kernel that kills (T5)
    std::string return_probes_refusal;  // the sentence why not
    bool heap = true;
    bool mappings = true;
    bool descriptors = true;
    bool threads = true;       // joinable ones among them: pthread_create and what joins or detaches
    bool go_tracing = true;    // creation and end of goroutines, and so who created the one that takes something
    bool cheap_detach = true;  // false: no uprobe_multi; then each probe takes up to 0.2 s to take away
    // What was decided for the process when its first modules were planned, for modules that are mapped later.
    std::optional<DescriptorMethod> descriptor_method_so_far;
    std::vector<Pair> pairs;    // the kind of the first one is WH_KIND_PAIR_FIRST, and so on
    bool whole_process = true;  // false: only what was loaded since; functions that are not there are no news then
    std::string target_root;    // "/proc/PID/root": the target's own debug files are looked for there too; "" for none
    [[nodiscard]] bool wants_calls() const {
        return heap || mappings || descriptors || threads || go_tracing || !pairs.empty();
    }
};

// Opens the ELF files of mappings through open_file (tests give their own).
using OpenElf = std::function<Result<ElfImage>(const Mapping& mapping, std::string& open_path)>;

AttachPlan make_plan(pid_t pid, const std::vector<Mapping>& mappings, const PlanOptions& options,
                     const OpenElf& open_elf);

// Opens by /proc/PID/map_files when that is allowed, else /proc/PID/exe or /proc/PID/root + path; the inode must be that of the
// mapping (device numbers differ on overlayfs and btrfs).
OpenElf open_elf_of(const ProcRoot& root, pid_t pid);

// The text of `whoholds plan`.
std::string plan_to_text(const AttachPlan& plan);
std::string plan_to_json(const AttachPlan& plan);

}  // namespace whoholds
