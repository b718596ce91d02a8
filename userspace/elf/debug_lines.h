// Source lines and inlined calls from DWARF, by libdw. One per module; reads units and functions only where they are
// asked about. Used by the symboliser.
// Invariant: work is done in small steps between which out_of_time is asked; what was done is kept, so that the next
// call goes on where this one stopped. Hostile debug information can give wrong lines, not unbounded work.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"

namespace whoholds {

struct SourceFrame {
    std::string function;  // linkage name, else the plain one; "" when not known
    std::string file;      // "" when not known
    int line = 0;          // 0 when not known
};

class DebugLines {
public:
    using OutOfTime = std::function<bool()>;

    // How many bytes of debug information there are, unpacked; 0 when image has no DWARF.
    static uint64_t bytes_to_read(const ElfImage& image);
    // How many of these are packed: libdw unpacks them in one go, which no out_of_time can end.
    static uint64_t bytes_to_unpack(const ElfImage& image);

    // image is where the DWARF is: the program itself or its separate debug file. kNotFound without DWARF, kLimit above
    // 1 GiB. It is read by the first calls of find().
    static Result<DebugLines> open(ElfImage image, const ElfImage::SymbolOptions& options);
    DebugLines(DebugLines&&) noexcept;
    DebugLines& operator=(DebugLines&&) noexcept;
    ~DebugLines();

    // The frames at an address of the file, the innermost inlined function first, the function itself last; empty when
    // nothing is known. nullopt: out of time.
    std::optional<std::vector<SourceFrame>> find(uint64_t address, const OutOfTime& out_of_time);
    // Why nothing will ever be found; nullptr as long as that is not known.
    [[nodiscard]] const Error* error() const;

private:
    struct State;
    explicit DebugLines(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
