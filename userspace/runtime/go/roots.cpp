#include "runtime/go/roots.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr uint64_t kMaxGlobalBytes = uint64_t{64} << 20;  // of each kind
constexpr uint64_t kMaxStackBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxOneStackBytes = uint64_t{4} << 20;  // from the stack pointer on
constexpr uint64_t kMaxGoroutines = 4'000'000;
using Piece = ProcessMemory::Piece;

uint8_t* bytes_of(uint64_t* words) { return reinterpret_cast<uint8_t*>(words); }

Result<void> read_globals(const GoProcess& process, GoRoots& roots) {
    for (const GoModuleData::Range& range : process.code().module_data().pointer_data) {
        const uint64_t start = process.to_process(range.start + 7) / 8 * 8;
        const uint64_t end = process.to_process(range.end);
        if (end <= start) continue;
        const uint64_t first = roots.words.size();
        const uint64_t words = std::min(end - start, kMaxGlobalBytes) / 8;
        roots.words.resize(first + words);
        WH_TRY_VOID(process.memory().read_into(start, {bytes_of(roots.words.data() + first), words * 8}));
        roots.roots.push_back({.address = start, .first_word = first, .word_count = words});
    }
    return {};
}

Result<void> read_records(const GoProcess& process, GoRoots& roots) {
    const GoroutineLayout& layout = process.layout().goroutine;
    const ProcessMemory& memory = process.memory();
    // In this order: the array that is found then has at least so many.
    WH_TRY(const uint64_t count, memory.read_object<uint64_t>(process.variables().goroutine_count));
    WH_TRY(const uint64_t array, memory.read_object<uint64_t>(process.variables().goroutines));
    if (count > kMaxGoroutines) return Error{ErrorCode::kLimit, "more than four million goroutines"};
    roots.goroutine_addresses.resize(count);
    WH_TRY_VOID(memory.read_into(array, {bytes_of(roots.goroutine_addresses.data()), count * 8}));
    std::vector<uint8_t> bytes(count * layout.size);
    std::vector<Piece> pieces;
    for (size_t i = 0; i < count; ++i)
        pieces.push_back({roots.goroutine_addresses[i], std::span(bytes).subspan(i * layout.size, layout.size)});
    WH_TRY_VOID(memory.read_pieces(pieces));
    for (const Piece& piece : pieces) {
        if (!piece.is_read) continue;
        const GoroutineRecord record = parse_goroutine(piece.buffer, layout);
        if (!record.is_alive()) continue;
        roots.goroutines.push_back(record);
        roots.addresses.push_back(piece.address);
    }
    return {};
}

Result<void> read_stacks(const GoProcess& process, uint64_t max_bytes, GoRoots& roots) {
    const size_t first_root = roots.roots.size();
    uint64_t total = 0;
    uint64_t at = roots.words.size();
    for (uint32_t i = 0; i < roots.goroutines.size(); ++i) {
        const GoroutineRecord& record = roots.goroutines[i];
        const bool is_sane = record.stack_low < record.stack_high && record.stack_high >> 47 == 0 &&
                             record.stack_high - record.stack_low <= GoroutineRecord::kMaxStackBytes;
        if (!is_sane) continue;
        // Of one that runs the stack pointer is that of when it was suspended last.
        const uint64_t low =
            record.sp >= record.stack_low && record.sp < record.stack_high ? record.sp : record.stack_low;
        const uint64_t start = (low + 7) / 8 * 8;
        const uint64_t words = std::min(record.stack_high - start, kMaxOneStackBytes) / 8;
        if (total + words * 8 > max_bytes) {
            ++roots.left_out;
            continue;
        }
        total += words * 8;
        roots.roots.push_back({.address = start, .first_word = at, .word_count = words, .goroutine = i});
        at += words;
    }
    roots.words.resize(at);
    std::vector<Piece> pieces;
    for (size_t i = first_root; i < roots.roots.size(); ++i) {
        const GoRoot& root = roots.roots[i];
        pieces.push_back({root.address, {bytes_of(roots.words.data() + root.first_word), root.word_count * 8}});
    }
    WH_TRY_VOID(process.memory().read_pieces(pieces));
    for (const Piece& piece : pieces) {
        if (!piece.is_read) ++roots.left_out;
    }
    return {};
}

}  // namespace

std::span<const uint64_t> GoRoots::variables_at(uint64_t address) const {
    for (const GoRoot& root : roots) {
        if (root.goroutine != GoRoot::kGlobals) break;
        const uint64_t offset = address - root.address;
        if (offset < root.word_count * 8 && offset % 8 == 0) return words_of(root).subspan(offset / 8);
    }
    return {};
}

Result<GoRoots> read_go_roots(const GoProcess& process, uint64_t max_stack_bytes) {
    GoRoots roots;
    WH_TRY_VOID(read_globals(process, roots));
    WH_TRY_VOID(read_records(process, roots));
    WH_TRY_VOID(read_stacks(process, std::min(max_stack_bytes, kMaxStackBytes), roots));
    return roots;
}

}  // namespace whoholds
