// The bytes of an ELF file, in a file that may be changed or cut short while we look, or in memory (the vdso, an
// unpacked .gnu_debugdata). Used inside of elf/ and by the line tables; everyone else uses ElfImage.
// Invariant: files are read, never mapped: a file that shrinks under a mapping kills the reader with SIGBUS.
#pragma once

#include <libelf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds {

struct ElfEnd {
    void operator()(Elf* elf) const { ::elf_end(elf); }
};
// Keeps whatever it read until it is destroyed, so it is made for one task and dropped after it.
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

class ElfSource {
public:
    // A path below /proc/PID/root is resolved as that process would: its symbolic links cannot leave its root.
    static Result<ElfSource> open(const std::string& path);
    static ElfSource from_bytes(std::vector<uint8_t> bytes);
    [[nodiscard]] Result<ElfSource> duplicate() const;

    [[nodiscard]] uint64_t size() const { return size_; }
    // Fills out, or false if the bytes from offset on do not suffice.
    [[nodiscard]] bool read_at(uint64_t offset, std::span<uint8_t> out) const;
    // At most max_size bytes from offset, fewer at the end of the file.
    [[nodiscard]] std::vector<uint8_t> read_up_to(uint64_t offset, uint64_t max_size) const;
    // kUnsupported unless libelf takes it for an ELF file. Must not outlive this ElfSource.
    [[nodiscard]] Result<ElfHandle> handle() const;
    [[nodiscard]] int fd() const { return file_.get(); }  // -1 for bytes in memory
    // CRC-32 of the whole file, as .gnu_debuglink has it.
    [[nodiscard]] Result<uint32_t> crc32() const;

private:
    UniqueFd file_;
    std::vector<uint8_t> bytes_;
    uint64_t size_ = 0;
};

// A copy of some ranges of a file, at the places where they are in the file; zeros elsewhere, which take no memory.
// For libdw, which would read all of a file's debug information in one go, too long to wait for.
class ElfCopy {
public:
    // As large as the source. kSystem when there is not enough address space.
    static Result<ElfCopy> of_size(uint64_t size);
    ElfCopy(ElfCopy&& other) noexcept;
    ElfCopy& operator=(ElfCopy&& other) noexcept;
    ~ElfCopy();

    // False if the source does not have this range (any more).
    [[nodiscard]] bool take(const ElfSource& source, uint64_t offset, uint64_t size);
    // Zeros in place of what was taken.
    void clear(uint64_t offset, uint64_t size);
    // As ElfSource::handle(). Must not outlive this.
    [[nodiscard]] Result<ElfHandle> handle() const;

private:
    ElfCopy() = default;
    uint8_t* bytes_ = nullptr;
    uint64_t size_ = 0;
};

// libelf's last complaint, in our words: "what: invalid section header".
Error elf_error(std::string_view what);

}  // namespace whoholds
