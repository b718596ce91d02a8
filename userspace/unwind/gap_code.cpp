#include "unwind/gap_code.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string_view>

#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxCodeBytes = uint64_t{32} << 20;
// Functions are aligned to 16 bytes, so that a function that has no CFI between two that have leaves at least this.
constexpr uint64_t kMinGapBytes = 16;
constexpr uint64_t kEntryBytes = 64;
constexpr size_t kMaxPatches = 1024;  // a C library has one or two such pieces of code

// mov $15,%rax; syscall: rt_sigreturn
constexpr std::array<uint8_t, 9> kSignalReturn = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
// pop %rdi; call *%r9; mov %eax,%edi; xor %eax,%eax; mov $60,%al; syscall: a thread of musl begins, calls and exits
constexpr std::array<uint8_t, 12> kThreadStart = {0x5f, 0x41, 0xff, 0xd1, 0x89, 0xc7,
                                                  0x31, 0xc0, 0xb0, 0x3c, 0x0f, 0x05};
// mov %rbx,%rsp; mov (%rsp),%rdi; test %rdi,%rdi: glibc's __start_context, to whose first byte a function returns that makecontext
// started. It has CFI as if it had been called, but the byte before it has none.
constexpr std::array<uint8_t, 10> kContextEnd = {0x48, 0x89, 0xdc, 0x48, 0x8b, 0x3c, 0x24, 0x48, 0x85, 0xff};
// syscall; test %rax,%rax (musl: %eax,%eax): clone and clone3, whose CFI ends in front of the system call as it would be wrong in the
// child. The parent returns from there, and has pushed nothing.
constexpr std::array<uint8_t, 5> kClone = {0x0f, 0x05, 0x48, 0x85, 0xc0};
constexpr std::array<uint8_t, 4> kMuslClone = {0x0f, 0x05, 0x85, 0xc0};
constexpr uint64_t kCloneBytes = 10;  // up to the ret
// syscall; cmp $-4095,%rax: Go's functions for system calls, in assembler, have no frame, and so no frame pointer of their own.
constexpr std::array<uint8_t, 8> kGoSystemCall = {0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff};
// push %rbp; mov %rsp,%rbp
constexpr std::array<uint8_t, 4> kPrologue = {0x55, 0x48, 0x89, 0xe5};
// Code that keeps frame pointers has a function, and so a prologue, in this many bytes, and more than a few.
constexpr uint64_t kCodeBytesPerPrologue = 2048;
constexpr uint64_t kMinPrologues = 4;

template <class Found>
void for_each_match(std::span<const uint8_t> code, std::span<const uint8_t> pattern, Found found) {
    const std::string_view text(reinterpret_cast<const char*>(code.data()), code.size());
    const std::string_view wanted(reinterpret_cast<const char*>(pattern.data()), pattern.size());
    for (size_t at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + wanted.size()))
        found(at);
}

// Of code that makes a system call and has pushed nothing.
void add_system_calls(std::span<const uint8_t> code, const UnwindRange& gap, bool is_go,
                      std::vector<UnwindPatch>& patches) {
    auto add = [&](size_t at) {
        if (patches.size() >= kMaxPatches) return;
        const uint64_t start = gap.start + at;
        patches.push_back({{start, std::min(start + kCloneBytes, gap.end)}, make_rule(WH_CFA_SP, 8)});
    };
    for_each_match(code, kClone, add);
    for_each_match(code, kMuslClone, add);
    if (is_go) for_each_match(code, kGoSystemCall, add);
}

// Code that is returned to without having called: to its first byte, and a return address is looked up one byte before it. If
// that byte belongs to another function, it may be the last one of a call there, so it is nobody's.
void add_byte_before(uint64_t start, const wh_unwind_rule& rule, const std::vector<UnwindRow>& rows,
                     std::vector<UnwindPatch>& patches) {
    const bool gap_before = same_rule(rule_at(rows, start - 1), kGapRule);
    if (patches.size() < kMaxPatches) patches.push_back({{start - 1, start}, gap_before ? rule : kUnsupportedRule});
}

void add_trampoline(uint64_t start, const std::vector<UnwindRow>& rows, std::vector<UnwindPatch>& patches) {
    add_byte_before(start, kSignalRule, rows, patches);
    if (patches.size() >= kMaxPatches) return;
    patches.push_back({{start, start + kSignalReturn.size()}, kSignalRule});
}

const UnwindRange* range_around(const std::vector<UnwindRange>& ranges, uint64_t address) {
    const auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                        [](uint64_t value, const UnwindRange& range) { return value < range.start; });
    if (after == ranges.begin() || address >= std::prev(after)->end) return nullptr;
    return &*std::prev(after);
}

bool begins_with(std::span<const uint8_t> code, std::initializer_list<uint8_t> bytes) {
    return code.size() >= bytes.size() && std::equal(bytes.begin(), bytes.end(), code.begin());
}

bool begins_with_endbr(std::span<const uint8_t> code) { return begins_with(code, {0xf3, 0x0f, 0x1e, 0xfa}); }
bool begins_with_jump(std::span<const uint8_t> code) {
    return begins_with(code, {0xff, 0x25}) || begins_with(code, {0xf2, 0xff, 0x25});
}

// xor %ebp,%ebp as the ABI wants it where a program begins. Linkers name the first byte of code when a library has no entry.
bool clears_frame_pointer(std::span<const uint8_t> code) {
    constexpr size_t kEndbrBytes = 4;
    if (begins_with_endbr(code)) code = code.subspan(kEndbrBytes);
    return begins_with(code, {0x31, 0xed}) || begins_with(code, {0x48, 0x31, 0xed});
}

// glibc's dynamic linker: mov %rsp,%rdi; call _dl_start. Constructors of libraries are called from its next instructions.
bool begins_with_stack_argument(std::span<const uint8_t> code) { return begins_with(code, {0x48, 0x89, 0xe7, 0xe8}); }

// .plt: an entry of 16 bytes that pushes its second word for the resolver, then such ones as push their index and jump to it.
void add_lazy_table(const ElfImage& image, const UnwindRange& table, std::vector<UnwindPatch>& patches) {
    constexpr uint64_t kEntry = 16;
    constexpr uint64_t kFirstPushBytes = 6;
    constexpr int8_t kPushEnd = 11;          // jmp *slot(%rip): 6 bytes, push: 5
    constexpr int8_t kPushEndWithEndbr = 9;  // endbr64: 4 bytes, push: 5
    const std::vector<uint8_t> code = image.code_at(table.start, 2 * kEntry);
    if (code.size() < 2 * kEntry || table.start % kEntry != 0 || !begins_with(code, {0xff, 0x35})) return;
    const std::span<const uint8_t> second = std::span(code).subspan(kEntry);
    const bool endbr = begins_with_endbr(second);
    if (!endbr && !begins_with_jump(second)) return;
    const uint64_t entries = table.start + kEntry;
    patches.push_back({{table.start, table.start + kFirstPushBytes}, make_rule(WH_CFA_SP, 16)});
    patches.push_back({{table.start + kFirstPushBytes, entries}, make_rule(WH_CFA_SP, 24)});
    const int8_t push_end = endbr ? kPushEndWithEndbr : kPushEnd;
    patches.push_back({{entries, table.end}, make_rule(WH_CFA_PLT, 0, {}, push_end)});
}

// .plt.got, .plt.sec, .iplt: every entry is a jump and leaves the stack as it is.
void add_jump_table(const ElfImage& image, const UnwindRange& table, std::vector<UnwindPatch>& patches) {
    const std::vector<uint8_t> code = image.code_at(table.start, 16);
    if (begins_with_endbr(code) || begins_with_jump(code)) patches.push_back({table, make_rule(WH_CFA_SP, 8)});
}

void add_context_end(const ElfImage& image, const std::vector<UnwindRow>& rows, std::vector<UnwindPatch>& patches) {
    constexpr uint64_t kMostBytes = 64;  // it is a short function that pushes nothing
    const wh_unwind_rule pushes_nothing = make_rule(WH_CFA_SP, 8);
    size_t looked_at = 0;
    for (size_t i = 1; i + 1 < rows.size() && looked_at < kMaxPatches; i++) {
        const bool is_alone = same_rule(rows[i - 1].rule, kGapRule) && same_rule(rows[i + 1].rule, kGapRule);
        const bool is_short = rows[i + 1].address - rows[i].address <= kMostBytes;
        if (!is_alone || !is_short || !same_rule(rows[i].rule, pushes_nothing)) continue;
        looked_at++;
        const std::vector<uint8_t> code = image.code_at(rows[i].address, kContextEnd.size());
        if (std::ranges::equal(code, kContextEnd)) add_byte_before(rows[i].address, kEndRule, rows, patches);
    }
}

}  // namespace

GapCode look_through_gaps(const ElfImage& image, const std::vector<UnwindRow>& rows,
                          const std::vector<UnwindRange>& gaps) {
    GapCode result;
    uint64_t bytes = 0;
    uint64_t prologues = 0;
    const bool is_go = image.is_go();
    for (const UnwindRange& gap : gaps) {
        const uint64_t size = std::min(gap.end - gap.start, kMaxCodeBytes - bytes);
        if (gap.end - gap.start < kMinGapBytes) {
            if (size >= kClone.size() && size == gap.end - gap.start)
                add_system_calls(image.code_at(gap.start, size), gap, is_go, result.patches);
            continue;
        }
        if (size < gap.end - gap.start) result.read_all = false;
        if (size == 0) break;
        const std::vector<uint8_t> code = image.code_at(gap.start, size);
        bytes += size;
        for_each_match(code, kSignalReturn, [&](size_t at) { add_trampoline(gap.start + at, rows, result.patches); });
        for_each_match(code, kThreadStart, [&](size_t at) {
            if (result.patches.size() >= kMaxPatches) return;
            result.patches.push_back({{gap.start + at, gap.start + at + kThreadStart.size()}, kEndRule});
        });
        add_system_calls(code, gap, is_go, result.patches);
        for_each_match(code, kPrologue, [&](size_t) { ++prologues; });
    }
    add_context_end(image, rows, result.patches);
    result.keeps_frame_pointers = prologues >= kMinPrologues && prologues * kCodeBytesPerPrologue > bytes;
    return result;
}

std::vector<UnwindPatch> linkage_table_patches(const ElfImage& image, const std::vector<UnwindRange>& gaps) {
    std::vector<UnwindPatch> patches;
    for (const ElfSection& section : image.sections()) {
        const bool linkage = section.name.starts_with(".plt") || section.name == ".iplt";
        const UnwindRange* gap = linkage && section.is_executable() ? range_around(gaps, section.address) : nullptr;
        if (gap == nullptr) continue;
        const uint64_t size = std::min(section.size, gap->end - section.address);
        const UnwindRange table{section.address, section.address + size};
        if (section.name == ".plt") {
            add_lazy_table(image, table, patches);
        } else {
            add_jump_table(image, table, patches);
        }
    }
    return patches;
}

std::vector<UnwindPatch> entry_patches(const ElfImage& image, const std::vector<UnwindRange>& gaps) {
    const uint64_t entry = image.entry_address();
    const UnwindRange* gap = range_around(gaps, entry);
    if (gap == nullptr) return {};
    const bool program = !image.is_position_independent() || !image.interpreter().empty();
    const std::vector<uint8_t> code = image.code_at(entry, 8);
    if (!program && !clears_frame_pointer(code) && !begins_with_stack_argument(code)) return {};
    return {{{entry, entry + std::min(kEntryBytes, gap->end - entry)}, kEndRule}};
}

}  // namespace whoholds
