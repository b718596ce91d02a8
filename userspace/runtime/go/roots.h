// Where the pointers into a Go heap begin: global variables and the stacks of goroutines, as their words. Used by the scan of
// the heap by type and the search for holders.
// Invariant: words of stacks are what lies between the stack pointer and the stack's end; which of them the function still uses is
// not known, so that a word may be a left-over: what is concluded from stacks alone says so.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/go/go_process.h"
#include "runtime/go/goroutine_record.h"

namespace whoholds {

struct GoRoot {
    static constexpr uint32_t kGlobals = UINT32_MAX;
    uint64_t address = 0;  // of its first word
    uint64_t first_word = 0;
    uint64_t word_count = 0;
    uint32_t goroutine = kGlobals;  // position in GoRoots::goroutines
};

struct GoRoots {
    std::vector<uint64_t> words;                // of all
    std::vector<GoRoot> roots;                  // globals first
    std::vector<GoroutineRecord> goroutines;    // alive
    std::vector<uint64_t> addresses;            // of their records
    std::vector<uint64_t> goroutine_addresses;  // of all records (struct g), those of dead ones included
    uint64_t left_out = 0;                      // stacks that were not read

    [[nodiscard]] std::span<const uint64_t> words_of(const GoRoot& root) const {
        return std::span(words).subspan(root.first_word, root.word_count);
    }
    // Of global variables, from an address on; empty where there are none.
    [[nodiscard]] std::span<const uint64_t> variables_at(uint64_t address) const;
};

// At most 64 MiB of globals and 256 MiB of stacks, or less of these.
Result<GoRoots> read_go_roots(const GoProcess& process, uint64_t max_stack_bytes = UINT64_MAX);

}  // namespace whoholds
