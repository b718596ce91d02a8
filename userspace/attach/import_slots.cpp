#include "attach/import_slots.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <set>
#include <string>

#include "elf/elf_source.h"

namespace whoholds {
namespace {

// The largest programs have some 15 MB of relocations, 15 MB of names and 10 MB of symbols.
constexpr uint64_t kMaxTableBytes = 64 << 20;
constexpr uint64_t kPieceBytes = sizeof(Elf64_Sym) * 43'690;  // about 1 MiB, and whole relocations too
static_assert(kPieceBytes % sizeof(Elf64_Rela) == 0);
// As many names end alike at most in any file that a linker has made.
constexpr size_t kMaxNames = 1000;

// Calls visit(element, index) for each element of a section's table.
template <class T>
void for_each_element(const ElfImage& elf, const ElfSection& section,
                      const std::function<void(const T& element, uint64_t index)>& visit) {
    const uint64_t size = std::min(section.size, kMaxTableBytes);
    for (uint64_t at = 0; at + sizeof(T) <= size; at += kPieceBytes) {
        const auto bytes = elf.source().read_up_to(section.file_offset + at, std::min(kPieceBytes, size - at));
        for (size_t place = 0; place + sizeof(T) <= bytes.size(); place += sizeof(T)) {
            T element;
            std::memcpy(&element, bytes.data() + place, sizeof element);
            visit(element, (at + place) / sizeof(T));
        }
    }
}

// Where the name is in the table of names: on its own, and as the end of others.
std::set<uint32_t> places_of_name(const ElfImage& elf, std::string_view name) {
    std::set<uint32_t> places;
    const ElfSection* strings = elf.find_section(".dynstr");
    if (strings == nullptr) return places;
    const auto bytes = elf.source().read_up_to(strings->file_offset, std::min(strings->size, kMaxTableBytes));
    const std::string wanted = std::string(name) + '\0';
    const uint8_t* at = bytes.data();
    const uint8_t* const end = bytes.data() + bytes.size();
    while (places.size() < kMaxNames) {
        const void* found = ::memmem(at, static_cast<size_t>(end - at), wanted.data(), wanted.size());
        if (found == nullptr) break;
        at = static_cast<const uint8_t*>(found);
        places.insert(static_cast<uint32_t>(at - bytes.data()));
        at += wanted.size();
    }
    return places;
}

}  // namespace

std::vector<uint64_t> find_import_slots(const ElfImage& elf, std::string_view function) {
    const std::set<uint32_t> names = places_of_name(elf, function);
    const ElfSection* symbols = elf.find_section(".dynsym");
    if (names.empty() || symbols == nullptr) return {};
    std::set<uint64_t> wanted;
    for_each_element<Elf64_Sym>(elf, *symbols, [&](const Elf64_Sym& symbol, uint64_t index) {
        if (names.contains(symbol.st_name)) wanted.insert(index);
    });
    std::vector<uint64_t> slots;
    if (wanted.empty()) return slots;
    for (const char* table : {".rela.plt", ".rela.dyn"}) {
        const ElfSection* section = elf.find_section(table);
        if (section == nullptr) continue;
        for_each_element<Elf64_Rela>(elf, *section, [&](const Elf64_Rela& relocation, uint64_t) {
            const auto type = ELF64_R_TYPE(relocation.r_info);
            if ((type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT) && slots.size() < kMaxNames &&
                wanted.contains(ELF64_R_SYM(relocation.r_info)))
                slots.push_back(relocation.r_offset);
        });
    }
    std::sort(slots.begin(), slots.end());
    return slots;
}

}  // namespace whoholds
