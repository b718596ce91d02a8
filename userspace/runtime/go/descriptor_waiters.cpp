#include "runtime/go/descriptor_waiters.h"

#include <algorithm>
#include <optional>
#include <span>

namespace whoholds {
namespace {

constexpr uint64_t kMostDescriptors = uint64_t{1} << 30;
// From the stack pointer on: gopark, netpollblock and poll.runtime_pollWait, of which one has the record's address.
constexpr size_t kWordsLookedAt = 64;
constexpr size_t kMaxCandidates = 1'000'000;

// runtime/netpoll.go, pollDesc: link, fd, (since 1.21: fdseq,) atomicInfo, rg, wg. The last two are who waits to read and to write.
constexpr size_t kNumberWord = 1;
constexpr size_t kFirstWaiterWord = 3;
using RecordWords = std::array<uint64_t, 6>;

struct Candidate {
    uint32_t goroutine = 0;
    uint64_t record = 0;
};

// The runtime has its records outside of the heap, in which stacks are, and of the program's file.
bool may_be_record(uint64_t word, const GoroutineRecord& goroutine, const GoProcess& process) {
    const GoModuleData& module = process.code().module_data();
    const bool is_of_file = word >= process.to_process(module.text) && word < process.to_process(module.data_end);
    return word % 8 == 0 && word > kMostDescriptors && word >> 47 == 0 && word >> 32 != goroutine.stack_low >> 32 &&
           !is_of_file;
}

std::vector<Candidate> candidates_of(const GoProcess& process, const GoRoots& roots) {
    std::vector<Candidate> candidates;
    for (const GoRoot& root : roots.roots) {
        if (root.goroutine == GoRoot::kGlobals) continue;
        const GoroutineRecord& goroutine = roots.goroutines[root.goroutine];
        if (goroutine.state != GoroutineState::kWaiting || goroutine.waiting != 0) continue;
        const auto words = roots.words_of(root);
        for (const uint64_t word : words.first(std::min(words.size(), kWordsLookedAt)))
            if (may_be_record(word, goroutine, process) && candidates.size() < kMaxCandidates)
                candidates.push_back({root.goroutine, word});
    }
    return candidates;
}

std::optional<GoDescriptorWaiter> waiter_in(const RecordWords& words, Candidate candidate, uint64_t goroutine) {
    const uint64_t number = words[kNumberWord];
    if (number >= kMostDescriptors) return std::nullopt;
    const auto waiter = std::find(words.begin() + kFirstWaiterWord, words.end(), goroutine);
    if (waiter == words.end()) return std::nullopt;
    const uint64_t waiter_address = candidate.record + static_cast<uint64_t>(waiter - words.begin()) * 8;
    return GoDescriptorWaiter{static_cast<uint32_t>(number),
                              candidate.goroutine,
                              {GoProof{candidate.record + kNumberWord * 8, number, number + 1},
                               GoProof{waiter_address, goroutine, goroutine + 1}}};
}

}  // namespace

Result<std::vector<GoDescriptorWaiter>> find_go_descriptor_waiters(const GoProcess& process, const GoRoots& roots) {
    const std::vector<Candidate> candidates = candidates_of(process, roots);
    std::vector<RecordWords> records(candidates.size());
    std::vector<ProcessMemory::Piece> pieces;
    pieces.reserve(candidates.size());
    for (size_t i = 0; i < candidates.size(); ++i)
        pieces.push_back({candidates[i].record, {reinterpret_cast<uint8_t*>(&records[i]), sizeof(RecordWords)}});
    WH_TRY_VOID(process.memory().read_pieces(pieces));
    std::vector<GoDescriptorWaiter> waiters;
    for (size_t i = 0; i < candidates.size(); ++i) {
        if (!pieces[i].is_read) continue;
        if (const auto one = waiter_in(records[i], candidates[i], roots.addresses[candidates[i].goroutine]))
            waiters.push_back(*one);
    }
    return waiters;
}

}  // namespace whoholds
