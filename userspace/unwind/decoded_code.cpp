#include "unwind/decoded_code.h"

#include <algorithm>

#include "unwind/code_walk.h"
#include "unwind/row_builder.h"
#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

constexpr size_t kMaxRounds = 32;
constexpr StackState kAtEntry;

class Judge {
public:
    explicit Judge(const CodeWalk& walk) : walk_(walk), refused_(walk.function_count()) {}

    // Refuses functions until no two of those that are left contradict each other; false if that takes too long.
    bool run() {
        by_address_.reserve(walk_.places().size());
        for (const DecodedPlace& place : walk_.places()) by_address_.push_back(&place);
        std::sort(by_address_.begin(), by_address_.end(),
                  [](const DecodedPlace* a, const DecodedPlace* b) { return a->address < b->address; });
        refuse_overlaps();
        for (size_t round = 0; round < kMaxRounds; round++) {
            changed_ = false;
            for (const CodeEdge& edge : walk_.edges()) judge(edge);
            if (!changed_) return true;
        }
        return false;
    }

    DecodedCode take() const {
        DecodedCode result;
        result.places.reserve(by_address_.size());
        for (const DecodedPlace* place : by_address_) {
            if (!refused_[place->function]) result.places.push_back(*place);
        }
        const auto refused = static_cast<size_t>(std::count(refused_.begin(), refused_.end(), true));
        result.accepted = refused_.size() - refused;
        result.refused = walk_.refused() + refused;
        return result;
    }

private:
    void refuse(uint32_t function) {
        if (refused_[function]) return;
        refused_[function] = true;
        changed_ = true;
    }

    // Instructions that begin within others are found in hand-written code that jumps over a prefix.
    void refuse_overlaps() {
        constexpr uint64_t kMaxInstructionBytes = 15;
        for (size_t i = 1; i < by_address_.size(); i++) {
            const DecodedPlace& place = *by_address_[i];
            for (size_t j = i; j-- > 0 && by_address_[j]->address + kMaxInstructionBytes > place.address;) {
                const DecodedPlace& before = *by_address_[j];
                if (before.address + before.length <= place.address || before.state == place.state) continue;
                refuse(before.function);
                refuse(place.function);
            }
        }
    }

    [[nodiscard]] bool is_inside_of_an_instruction(uint64_t address) const {
        const auto after =
            std::upper_bound(by_address_.begin(), by_address_.end(), address,
                             [](uint64_t value, const DecodedPlace* place) { return value < place->address; });
        if (after == by_address_.begin()) return false;
        const DecodedPlace& before = **std::prev(after);
        return before.address + before.length > address && !refused_[before.function];
    }

    void judge(const CodeEdge& edge) {
        if (refused_[edge.from]) return;
        const DecodedPlace* place = walk_.place_at(edge.address);
        if (place != nullptr && !refused_[place->function]) {
            if (place->state == edge.state) return;
            refuse(place->function);
            if (!edge.is_named_only) refuse(edge.from);
        } else if (edge.state != kAtEntry || (!edge.is_named_only && is_inside_of_an_instruction(edge.address))) {
            refuse(edge.from);
        }
    }

    const CodeWalk& walk_;
    std::vector<const DecodedPlace*> by_address_;
    std::vector<bool> refused_;
    bool changed_ = false;
};

}  // namespace

DecodedCode decode_code(const std::vector<CodeBytes>& code, std::vector<CodeExtent> functions) {
    CodeWalk walk(code, std::move(functions));
    const bool read_all = walk.run();
    Judge judge(walk);
    DecodedCode result;
    if (judge.run()) result = judge.take();
    result.read_all = read_all;
    return result;
}

std::vector<UnwindPatch> patches_of(const DecodedCode& decoded) {
    std::vector<UnwindPatch> patches;
    for (const DecodedPlace& place : decoded.places) {
        const wh_unwind_rule rule = place.state.rule();
        const uint64_t end = place.address + place.length;
        const bool goes_on = !patches.empty() && patches.back().range.end >= place.address;
        if (goes_on && same_rule(patches.back().rule, rule)) {
            patches.back().range.end = std::max(patches.back().range.end, end);
        } else {
            patches.push_back({{goes_on ? patches.back().range.end : place.address, end}, rule});
        }
    }
    return patches;
}

}  // namespace whoholds
