#include "unwind/libdw_module.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "elf/dwarf_file.h"
#include "unwind/cfi_reader.h"
#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxEhFrameBytes = uint64_t{256} << 20;
// libdw reads and unpacks all debug sections to come by .debug_frame; what they say of other files it leaves alone as long as no
// entry of .debug_info is asked for.
constexpr uint64_t kMaxDebugBytes = uint64_t{256} << 20;
// Without section headers libdw takes whatever lies behind the table's beginning.
constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
constexpr size_t kMaxKnown = 65'536;
constexpr uint64_t kEntryBytes = 64;
// Where so much has unwind information, the rest is a few pieces of assembler, and not worth reading all of it.
constexpr uint64_t kMaxEhFrameBytesToDecode = uint64_t{4} << 20;

// The return trampoline of a signal handler: rt_sigreturn, and nothing else.
constexpr std::array<uint8_t, 9> kSignalReturn = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
constexpr std::array<uint8_t, 7> kShortSignalReturn = {0xb8, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};

// glibc's __start_context: a function that makecontext started returns to it, to its first byte.
constexpr std::array<uint8_t, 10> kContextEnd = {0x48, 0x89, 0xdc, 0x48, 0x8b, 0x3c, 0x24, 0x48, 0x85, 0xff};

bool begins_with(const std::vector<uint8_t>& code, std::span<const uint8_t> pattern) {
    return code.size() >= pattern.size() && std::equal(pattern.begin(), pattern.end(), code.begin());
}

bool is_too_large(const ElfImage& image) {
    const ElfSection* section = image.find_section(".eh_frame");
    return section != nullptr ? section->size > kMaxEhFrameBytes : image.source().size() > kMaxFileBytes;
}

bool can_read_debug_frame(const ElfImage& image) {
    if (!image.has_section(".debug_frame") && !image.has_section(".zdebug_frame")) return false;
    uint64_t bytes = packed_debug_bytes_of(image);
    for (const ElfSection& section : image.sections()) {
        const bool is_read = section.name.starts_with(".debug_") || section.name.starts_with(".zdebug_");
        if (is_read && bytes <= kMaxDebugBytes) bytes += std::min(section.size, kMaxDebugBytes);
    }
    return bytes <= kMaxDebugBytes;
}

}  // namespace

Result<LibdwModule> LibdwModule::open(ElfImage image) {
    if (is_too_large(image)) return Error{ErrorCode::kLimit, "unwind information of more than 256 MiB"};
    LibdwModule module(std::move(image));
    WH_TRY(module.elf_, module.image_.source().handle());
    module.eh_frame_.reset(::dwarf_getcfi_elf(module.elf_.get()));
    if (can_read_debug_frame(module.image_)) {
        module.dwarf_.reset(::dwarf_begin_elf(module.elf_.get(), DWARF_C_READ, nullptr));
        if (module.dwarf_) module.debug_frame_ = ::dwarf_getcfi(module.dwarf_.get());
    }
    return module;
}

LibdwModule::Code LibdwModule::find(uint64_t address) {
    auto found = known_.find(address);
    if (found == known_.end()) {
        if (known_.size() >= kMaxKnown) known_.clear();
        found = known_.emplace(address, look_up(address)).first;
    }
    return {found->second.kind, found->second.frame.get(), found->second.rule};
}

LibdwModule::Known LibdwModule::look_up(uint64_t address) {
    for (Dwarf_CFI* table : {eh_frame_.get(), debug_frame_}) {
        Dwarf_Frame* frame = nullptr;
        if (table == nullptr || ::dwarf_cfi_addrframe(table, address, &frame) != 0) continue;
        Known known;
        known.kind = CodeKind::kDescribed;
        known.frame.reset(frame);
        return known;
    }
    Known known;
    known.kind = recognize(address);
    if (known.kind != CodeKind::kUnknown) return known;
    known.rule = decoded_rule(address);
    const wh_cfa_kind cfa = cfa_kind_of(known.rule);
    if (cfa == WH_CFA_SP || cfa == WH_CFA_FP) known.kind = CodeKind::kDecoded;
    return known;
}

// libdw has found nothing, so that what the table says was derived from code.
wh_unwind_rule LibdwModule::decoded_rule(uint64_t address) {
    if (!table_) {
        const ElfSection* section = image_.find_section(".eh_frame");
        const bool is_small = section == nullptr || section->size <= kMaxEhFrameBytesToDecode;
        table_ = is_small ? build_unwind_table(image_, nullptr) : UnwindTable{};
    }
    return rule_at(table_->rows, address);
}

CodeKind LibdwModule::recognize(uint64_t address) const {
    // glibc's dynamic linker calls the constructors of libraries from such code (sysdeps/x86_64/dl-machine.h, RTLD_START).
    if (address - image_.entry_address() < kEntryBytes) return CodeKind::kEntry;
    // Looked up are return addresses minus one; what is searched here was put on the stack, and not by a call.
    const std::vector<uint8_t> code = image_.code_at(address + 1, kContextEnd.size());
    if (begins_with(code, kContextEnd)) return CodeKind::kEntry;
    const bool returns = begins_with(code, kSignalReturn) || begins_with(code, kShortSignalReturn);
    return returns ? CodeKind::kSignalReturn : CodeKind::kUnknown;
}

}  // namespace whoholds
