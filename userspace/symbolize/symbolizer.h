// Program counters of one process -> functions, files, lines, inlined calls. Late (only for what is printed), cached.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "proc/process.h"
#include "symbolize/go_origin.h"
#include "symbolize/script_origin.h"

namespace whoholds {

struct Frame {
    std::string function;      // demangled and shortened; "" when no symbol is known
    std::string raw_function;  // as in the symbol table
    std::string file;          // "" when not known
    int line = 0;              // 0 when not known
    std::string
        module;  // path as the target sees it, "[vdso]", "[jit]", "[python]", "[javascript]", "" when no mapping holds the address
    std::string build_id;         // "" when none
    uint64_t address = 0;         // in the process; the return address itself (symbols are looked up at address - 1)
    uint64_t module_address = 0;  // virtual address within the module's file
    bool inlined = false;         // inlined into the next frame
    GoOrigin go = GoOrigin::kNotGo;
    ScriptOrigin script = ScriptOrigin::kNone;
    bool created_by = false;  // the innermost one of those that created the goroutine of the frames before it
    bool hands_on =
        false;  // gives its caller what the frame before it gave to it; looked up where something grows only
};

class DebugDownloads;

// Milliseconds of a clock that never goes back; for budgets.
uint64_t monotonic_ms();

class Symbolizer {
public:
    Symbolizer(ProcRoot root, pid_t pid);
    ~Symbolizer();
    Symbolizer(Symbolizer&&) noexcept;
    Symbolizer& operator=(Symbolizer&&) noexcept;

    // Begins a batch of symbolize() calls, which may spend about budget_ms on reading debug information; after that
    // lines stay empty, and the work goes on in the next batch. A file too large for the whole budget (see notes()) is
    // opened at the start of a batch, though never in the first one, and never with a budget of 0. Without this call
    // there is no limit.
    void set_budget_ms(uint64_t budget_ms, std::function<uint64_t()> now_ms = monotonic_ms);

    // Who is told, while names are looked up, what takes long: "reading symbols of /usr/bin/server (412 MiB)…".
    void on_progress(std::function<void(const std::string&)> progress);

    // Who knows how many bytes can be spared for symbols and debug information; without this they may take 1 GiB.
    void on_much_memory(std::function<uint64_t()> bytes_to_spare);

    // Where to ask for debug files that are missing here; nullptr: nowhere. What was downloaded is used from the next
    // set_budget_ms() or update_mappings() on. Must outlive this.
    void use_downloads(DebugDownloads* downloads);

    // Opens the files of new modules at once, because their names must be readable after the process is gone.
    // Mappings of the process now, and the number of the layout that they belong to (see mapping_history.h; 0: there are
    // no numbers). Old ones are kept for stacks of older layouts and for addresses that no new one covers, so that a
    // dlclose'd library's frames keep their names.
    void update_mappings(const std::vector<Mapping>& mappings, uint32_t layout = 0);

    // One physical frame -> one or more frames, innermost inlined function first, inlined = true for all but the last.
    // is_return_address: look up at pc - 1. False for the exact address of a frame that a signal interrupted.
    // layout: the one in which the stack was taken; 0: the latest. Never fails: what is not known stays empty.
    std::vector<Frame> symbolize(uint64_t pc, bool is_return_address = true, uint32_t layout = 0);

    // Of a module that frames name; nullptr: it is not known, or could not be read. Valid until the next update_mappings().
    [[nodiscard]] const ElfImage* image_of(std::string_view module) const;

    // What could not be read and why, one sentence each ("libfoo.so: no symbols").
    [[nodiscard]] std::vector<std::string> notes() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// "std::vector<std::__cxx11::basic_string<char, …>>::push_back(…)" -> "std::vector<std::string>::push_back"; Rust v0 and
// legacy manglings too (hash suffix cut). Names that are not mangled come back as they are.
std::string demangle_short(const std::string& raw);

}  // namespace whoholds
