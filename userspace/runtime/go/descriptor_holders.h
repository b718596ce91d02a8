// GoDescriptorHolders: who holds the descriptors of a Go process, by the objects that have them. Used for descriptors that no stack is
// known of, as they were there before the attach. Found in one look at the heap, or else by the goroutines that wait for them; confirm()
// compares again what was found.
// Invariant: after confirm() each word of each way, and the number in the object, is what it was. Where that is so of the last
// steps only, those are told. What two objects claim, and what nothing leads to has no way.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/go/descriptor_objects.h"
#include "runtime/go/descriptor_waiters.h"
#include "runtime/go/holders.h"
#include "runtime/go/root_names.h"

namespace whoholds {

class GoDescriptorHolders {
public:
    static constexpr size_t kMaxDescriptors = 50'000;

    void find(std::span<const GoDescriptorObject> objects, GoHolders& holders, const GoOn& go_on);
    // Those of which nothing is known yet.
    void add(std::span<const GoDescriptorWaiter> waiters, GoRootNames& names);
    // Where the process cannot be read any more, nothing is left.
    void confirm(const ProcessMemory& memory);

    // "variable main.pool -> map[string]net.Conn -> *net.TCPConn"; "" when not known.
    [[nodiscard]] std::string_view way_to(uint32_t descriptor) const;
    // By two objects, and nobody known waits for them.
    [[nodiscard]] uint64_t claimed_twice() const;
    [[nodiscard]] uint64_t changed() const { return changed_; }  // since they were found
    [[nodiscard]] bool is_empty() const { return ways_of_.empty(); }

private:
    struct Found {
        uint32_t text = 0;       // in texts_
        uint32_t near_text = 0;  // of the steps that the first near_proofs prove; 0: none
        uint64_t first_proof = 0;
        uint64_t near_proofs = 0;
        uint64_t proof_count = 0;
    };
    uint32_t number_of(const std::string& text);
    void add(const GoDescriptorObject& object, const GoWay& way);

    std::vector<std::string> texts_;
    absl::flat_hash_map<std::string, uint32_t> text_numbers_;
    std::vector<GoProof> proofs_;
    absl::flat_hash_map<uint32_t, Found> ways_of_;  // by descriptor
    std::vector<uint32_t> claimed_twice_;
    uint64_t changed_ = 0;
};

}  // namespace whoholds
