#include "elf/plt.h"

#include <absl/container/flat_hash_map.h>
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "elf/elf_source.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxSectionBytes = uint64_t{64} << 20;
constexpr size_t kMaxNameBytes = 4096;

std::vector<uint8_t> read_section(const ElfImage& image, const ElfSection& section) {
    if (section.type == SHT_NOBITS || section.size > kMaxSectionBytes) return {};
    return image.source().read_up_to(section.file_offset, section.size);
}

std::vector<uint8_t> read_section(const ElfImage& image, uint32_t index) {
    for (const ElfSection& section : image.sections()) {
        if (section.index == index) return read_section(image, section);
    }
    return {};
}

template <class T>
std::optional<T> element(const std::vector<uint8_t>& bytes, size_t index) {
    if (index >= bytes.size() / sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof value);
    return value;
}

using SlotNames = absl::flat_hash_map<uint64_t, std::string>;  // by address of the GOT slot

void add_slots(const ElfImage& image, const ElfSection& relocations, SlotNames& slots) {
    const std::vector<uint8_t> entries = read_section(image, relocations);
    const std::vector<uint8_t> symbols = read_section(image, relocations.link);
    const auto table = std::find_if(image.sections().begin(), image.sections().end(),
                                    [&](const ElfSection& section) { return section.index == relocations.link; });
    if (table == image.sections().end()) return;
    const std::vector<uint8_t> strings = read_section(image, table->link);
    for (size_t i = 0; i < entries.size() / sizeof(Elf64_Rela); ++i) {
        const auto relocation = element<Elf64_Rela>(entries, i);
        const uint64_t type = ELF64_R_TYPE(relocation->r_info);
        if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
        const auto symbol = element<Elf64_Sym>(symbols, ELF64_R_SYM(relocation->r_info));
        if (!symbol || symbol->st_name >= strings.size()) continue;
        const auto* name = reinterpret_cast<const char*>(strings.data() + symbol->st_name);
        const size_t length = ::strnlen(name, std::min<size_t>(strings.size() - symbol->st_name, kMaxNameBytes));
        if (length > 0) slots.emplace(relocation->r_offset, std::string(name, length));
    }
}

// The slot that "[endbr64] [bnd] jmp *slot(%rip)" at this address jumps through.
std::optional<uint64_t> slot_of_stub(std::span<const uint8_t> code, uint64_t address) {
    constexpr std::array<uint8_t, 4> kEndbr64 = {0xf3, 0x0f, 0x1e, 0xfa};
    constexpr uint8_t kBnd = 0xf2;
    constexpr std::array<uint8_t, 2> kJump = {0xff, 0x25};
    size_t at = 0;
    if (code.size() >= kEndbr64.size() && std::equal(kEndbr64.begin(), kEndbr64.end(), code.begin()))
        at = kEndbr64.size();
    if (at < code.size() && code[at] == kBnd) ++at;
    int32_t distance = 0;
    if (code.size() < at + kJump.size() + sizeof distance) return std::nullopt;
    if (!std::equal(kJump.begin(), kJump.end(), code.begin() + static_cast<ptrdiff_t>(at))) return std::nullopt;
    at += kJump.size();
    std::memcpy(&distance, code.data() + at, sizeof distance);
    return address + at + sizeof distance + static_cast<uint64_t>(int64_t{distance});
}

}  // namespace

std::vector<PltEntry> read_plt(const ElfImage& image) {
    SlotNames slots;
    for (const ElfSection& section : image.sections()) {
        if (section.type == SHT_RELA && (section.flags & SHF_ALLOC) != 0) add_slots(image, section, slots);
    }
    std::vector<PltEntry> entries;
    for (const ElfSection& section : image.sections()) {
        if (slots.empty() || !section.name.starts_with(".plt") || !section.is_executable()) continue;
        const uint64_t entry_size = section.entry_size == 8 ? 8 : 16;
        const std::vector<uint8_t> code = read_section(image, section);
        for (uint64_t at = 0; at + entry_size <= code.size(); at += entry_size) {
            const auto slot = slot_of_stub(std::span(code).subspan(at, entry_size), section.address + at);
            const auto name = slot ? slots.find(*slot) : slots.end();
            if (name != slots.end()) entries.push_back({section.address + at, entry_size, name->second});
        }
    }
    return entries;
}

}  // namespace whoholds
