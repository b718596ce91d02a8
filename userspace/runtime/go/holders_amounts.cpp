// How much of a heap is held, by kind of object.
#include <vector>

#include "runtime/go/holders.h"

namespace whoholds {

Result<std::vector<GoReached>> GoHolders::reached(std::string_view main_module, const GoOn& go_on) const {
    constexpr uint32_t kNotKnown = UINT32_MAX;
    constexpr size_t kObjectsBetweenPauses = 1 << 17;
    std::vector<bool> is_users;  // by number of the kind
    for (uint32_t kind = 0; kind < scan_.kinds().size(); ++kind)
        is_users.push_back(is_go_users_package(scan_.package(kind), main_module));
    std::vector<GoReached> amounts(scan_.kinds().size());
    std::vector<uint32_t> part_of(parents_.size(),
                                  kNotKnown);  // by number of the object: the kind that it is counted with
    std::vector<uint32_t> way;
    size_t steps = 0;
    for (const GoModelSpan& span : model_.spans()) {
        for (uint32_t number = span.first_number; number < span.first_number + span.element_count; ++number) {
            if (parents_[number] == kNotReached) continue;
            uint32_t at = number;
            while (part_of[at] == kNotKnown) {
                const uint32_t kind = scan_.kind_number(at);
                if (is_users[kind] || parents_[at] == kFromRoot) {
                    part_of[at] = kind;
                    break;
                }
                way.push_back(at);
                at = parents_[at];
            }
            for (const uint32_t passed : way) part_of[passed] = part_of[at];
            steps += 1 + way.size();
            way.clear();
            GoReached& of_kind = amounts[scan_.kind_number(number)];
            ++of_kind.count;
            of_kind.bytes += span.element_bytes;
            amounts[part_of[number]].whole_bytes += span.element_bytes;
        }
        if (steps < kObjectsBetweenPauses) continue;
        steps = 0;
        if (!go_on()) return Error{ErrorCode::kLimit, "Go's heap: there was not enough time to add up what is held"};
    }
    return amounts;
}

}  // namespace whoholds
