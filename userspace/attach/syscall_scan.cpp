#include "attach/syscall_scan.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

namespace whoholds {
namespace {

constexpr size_t kPieceBytes = 64 << 10;  // stays in the cache, and in memory that is used again
constexpr size_t kShortestJump = 5;       // e9 and a displacement
constexpr size_t kLongestPattern = 6;     // 0f 8x and a displacement
constexpr std::array<uint8_t, 2> kSyscall = {0x0f, 0x05};
constexpr uint8_t kCall = 0xe8;                                // and a displacement
constexpr std::array<uint8_t, 2> kThroughSlot = {0xff, 0x15};  // call *slot(%rip)
constexpr uint8_t kJumpThrough = 0x25;                         // in place of the second byte: jmp
constexpr uint8_t kBnd = 0xf2;
constexpr std::array<uint8_t, 4> kEndbr64 = {0xf3, 0x0f, 0x1e, 0xfa};
constexpr uint64_t kMaxStubBytes = 4 << 20;  // of all tables of stubs: 16 bytes for each imported function

// Calls visit(address, bytes) for pieces that overlap by less than the longest pattern; false from visit ends it.
template <class Visit>
void for_each_piece(const ModuleCode& code, size_t overlap, const Visit& visit) {
    for (const CodeRange& range : code.executable_ranges) {
        for (uint64_t at = range.start; at < range.end;) {
            const auto bytes = code.code_at(at, std::min<uint64_t>(kPieceBytes, range.end - at));
            if (bytes.empty() || !visit(at, std::span<const uint8_t>(bytes))) break;
            if (bytes.size() <= overlap || at + bytes.size() >= range.end) break;
            at += bytes.size() - overlap;
        }
    }
}

// The displacement's place in what looks like a jmp or jcc with one, 0 if it is none.
size_t displacement_at(const uint8_t* bytes) {
    if (bytes[0] == 0xe9) return 1;
    return bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80 ? 2 : 0;
}

// Calls visit(place) for every place of the byte; false ends it.
template <class Visit>
void for_each_byte(std::span<const uint8_t> bytes, uint8_t wanted, const Visit& visit) {
    for (size_t at = 0; at < bytes.size(); ++at) {
        const void* hit = ::memchr(bytes.data() + at, wanted, bytes.size() - at);
        if (hit == nullptr) return;
        at = static_cast<size_t>(static_cast<const uint8_t*>(hit) - bytes.data());
        if (!visit(at)) return;
    }
}

// The address that a displacement at this place means, if it ends its instruction; nothing if it is cut off.
std::optional<uint64_t> relative_address(uint64_t address, std::span<const uint8_t> bytes, size_t place) {
    int32_t displacement = 0;
    if (place > bytes.size() || bytes.size() - place < sizeof displacement) return std::nullopt;
    std::memcpy(&displacement, bytes.data() + place, sizeof displacement);
    return address + place + sizeof displacement + static_cast<uint64_t>(int64_t{displacement});
}

bool is_among(const std::vector<uint64_t>& sorted, uint64_t address) {
    return std::binary_search(sorted.begin(), sorted.end(), address);
}

// Where stubs begin that jump through one of the slots: at the jump, its prefix, or the mark of a branch target before it.
std::vector<uint64_t> find_stubs(const ModuleCode& code, const std::vector<uint64_t>& slots) {
    std::vector<uint64_t> found;
    uint64_t left = kMaxStubBytes;
    for (const CodeRange& range : code.stub_ranges) {
        const auto bytes = code.code_at(range.start, std::min(range.end - range.start, left));
        left -= bytes.size();
        for_each_byte(bytes, kThroughSlot[0], [&](size_t at) {
            if (at + 1 >= bytes.size() || bytes[at + 1] != kJumpThrough) return true;
            const auto slot = relative_address(range.start, bytes, at + kThroughSlot.size());
            if (!slot || !is_among(slots, *slot)) return true;
            size_t start = at;
            found.push_back(range.start + start);
            if (start > 0 && bytes[start - 1] == kBnd) found.push_back(range.start + --start);
            const size_t mark = kEndbr64.size();
            if (start >= mark && std::equal(kEndbr64.begin(), kEndbr64.end(), bytes.data() + start - mark))
                found.push_back(range.start + start - mark);
            return found.size() < kMaxWrapperCalls;
        });
    }
    return found;
}

}  // namespace

std::vector<uint64_t> find_calls(const ModuleCode& code, const std::vector<uint64_t>& slots,
                                 std::vector<uint64_t> entries) {
    const std::vector<uint64_t> stubs = slots.empty() ? std::vector<uint64_t>() : find_stubs(code, slots);
    entries.insert(entries.end(), stubs.begin(), stubs.end());
    std::sort(entries.begin(), entries.end());
    std::vector<uint64_t> found;
    if (entries.empty() && slots.empty()) return found;
    for_each_piece(code, kLongestPattern - 1, [&](uint64_t address, std::span<const uint8_t> bytes) {
        const auto look_at = [&](const std::vector<uint64_t>& targets, size_t place) {
            const auto target = relative_address(address, bytes, place);
            if (target && is_among(targets, *target)) found.push_back(address + place + sizeof(int32_t));
            return found.size() <= kMaxWrapperCalls;
        };
        if (!entries.empty()) for_each_byte(bytes, kCall, [&](size_t at) { return look_at(entries, at + 1); });
        if (!slots.empty()) {
            for_each_byte(bytes, kThroughSlot[1], [&](size_t at) {
                return at == 0 || bytes[at - 1] != kThroughSlot[0] || look_at(slots, at + 1);
            });
        }
        return found.size() <= kMaxWrapperCalls;
    });
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

std::vector<uint64_t> find_syscall_bytes(const ModuleCode& code) {
    std::vector<uint64_t> found;
    for_each_piece(code, kSyscall.size() - 1, [&](uint64_t address, std::span<const uint8_t> bytes) {
        for (size_t at = 0; at < bytes.size() && found.size() <= kMaxSyscallHits;) {
            const void* hit = ::memmem(bytes.data() + at, bytes.size() - at, kSyscall.data(), kSyscall.size());
            if (hit == nullptr) break;
            at = static_cast<size_t>(static_cast<const uint8_t*>(hit) - bytes.data());
            found.push_back(address + at);
            at += kSyscall.size();
        }
        return found.size() <= kMaxSyscallHits;
    });
    return found;
}

void find_far_jumps(const ModuleCode& code, const std::vector<uint64_t>& targets,
                    const std::function<void(uint64_t from, uint64_t target)>& visit) {
    if (targets.empty()) return;
    const absl::flat_hash_set<uint64_t> wanted(targets.begin(), targets.end());
    const uint64_t span = targets.back() - targets.front();
    for_each_piece(code, kLongestPattern - 1, [&](uint64_t address, std::span<const uint8_t> bytes) {
        for (size_t at = 0; at + kShortestJump <= bytes.size(); ++at) {
            const size_t place = displacement_at(bytes.data() + at);
            if (place == 0 || at + place + sizeof(int32_t) > bytes.size()) continue;
            int32_t displacement = 0;
            std::memcpy(&displacement, bytes.data() + at + place, sizeof displacement);
            const uint64_t target =
                address + at + place + sizeof displacement + static_cast<uint64_t>(int64_t{displacement});
            if (target - targets.front() <= span && wanted.contains(target)) visit(address + at, target);
        }
        return true;
    });
}

}  // namespace whoholds
