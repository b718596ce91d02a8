#include "attach/syscall_scan.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace whoholds {
namespace {

constexpr size_t kPieceBytes = 1 << 20;
constexpr size_t kShortestJump = 5;    // e9 and a displacement
constexpr size_t kLongestPattern = 6;  // 0f 8x and a displacement
constexpr std::array<uint8_t, 2> kSyscall = {0x0f, 0x05};

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

}  // namespace

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
