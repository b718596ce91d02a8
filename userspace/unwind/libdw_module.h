// The unwind information of one ELF file, read by libdw: .eh_frame (found by its section, or through the program headers when
// there are no sections), then the file's own .debug_frame. Used by LibdwUnwinder only.
// Invariant: no other file is opened for it and nothing is looked up on the network.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <absl/container/flat_hash_map.h>

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/elf_source.h"
#include "unwind/unwind_table.h"

namespace whoholds {

// What is known of the code at one address: how to compute the caller's registers. Of a code pattern or an entry point where the
// file says nothing.
enum class CodeKind : uint8_t {
    kUnknown,       // no information
    kDescribed,     // by a frame of libdw's
    kEntry,         // at a program's entry point, or where a coroutine ends: there is no caller
    kSignalReturn,  // the code that a signal handler returns to (musl's has no unwind information)
    kDecoded,       // by a rule derived from the code
};

class LibdwModule {
public:
    static Result<LibdwModule> open(ElfImage image);

    struct Code {
        CodeKind kind = CodeKind::kUnknown;
        Dwarf_Frame* frame = nullptr;  // of kDescribed; valid until the next find()
        wh_unwind_rule rule{};         // of kDecoded; by rsp or rbp
    };
    // At a virtual address of the file.
    Code find(uint64_t address);

    [[nodiscard]] const ElfImage& image() const { return image_; }

private:
    struct DwarfEnd {
        void operator()(Dwarf* dwarf) const { ::dwarf_end(dwarf); }
    };
    struct CfiEnd {
        void operator()(Dwarf_CFI* cfi) const { ::dwarf_cfi_end(cfi); }
    };
    struct FrameEnd {
        void operator()(Dwarf_Frame* frame) const { std::free(frame); }  // NOLINT(cppcoreguidelines-no-malloc)
    };
    struct Known {
        CodeKind kind = CodeKind::kUnknown;
        std::unique_ptr<Dwarf_Frame, FrameEnd> frame;
        wh_unwind_rule rule{};
    };

    explicit LibdwModule(ElfImage image) : image_(std::move(image)) {}
    Known look_up(uint64_t address);
    [[nodiscard]] wh_unwind_rule decoded_rule(uint64_t address);
    [[nodiscard]] CodeKind recognize(uint64_t address) const;

    // Order matters: frames refer to the tables, those to the Elf handle, that to the file.
    ElfImage image_;
    ElfHandle elf_;
    std::unique_ptr<Dwarf, DwarfEnd> dwarf_;
    std::unique_ptr<Dwarf_CFI, CfiEnd> eh_frame_;
    Dwarf_CFI* debug_frame_ = nullptr;  // goes with dwarf_
    absl::flat_hash_map<uint64_t, Known> known_;
    std::optional<UnwindTable> table_;  // read when code without information is met
};

}  // namespace whoholds
