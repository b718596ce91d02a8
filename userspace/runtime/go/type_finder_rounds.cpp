// In which order objects are visited to find types.
#include <algorithm>
#include <bit>
#include <utility>

#include "runtime/go/type_finder.h"

namespace whoholds {
namespace {

constexpr size_t kStepsBetweenPauses = 1 << 16;

}  // namespace

Error GoTypeFinder::too_late() {
    return {ErrorCode::kLimit, "Go's heap: there was not enough time to find the types in it"};
}

// In rounds, each in the order of addresses: a heap is larger than any cache.
Result<void> GoTypeFinder::spread(const GoOn& go_on) {
    while (!open_.empty() || !open_variables_.empty()) {
        const auto variables = std::exchange(open_variables_, {});
        for (const auto& [address, type] : variables)
            visit_values(roots_.variables_at(address), *type, 1, Worth::kPointer);
        WH_TRY_VOID(visit_round(std::exchange(open_, {}), go_on));
    }
    return go_on() ? Result<void>() : too_late();
}

// A round that is a good part of the heap is put into order by marks, which take no comparisons.
Result<void> GoTypeFinder::visit_round(std::vector<GoObject> round, const GoOn& go_on) {
    constexpr size_t kObjectsPerMarked = 128;
    if (round.size() < model_.element_count() / kObjectsPerMarked) {
        std::ranges::sort(round, {}, &GoObject::number);
        for (const GoObject object : round)
            if (!visit_next(object, go_on)) return too_late();
        return {};
    }
    marks_.resize(model_.element_count() / 64 + 1);
    for (const GoObject object : round) marks_[object.number / 64] |= uint64_t{1} << object.number % 64;
    round = {};
    return visit_marked(go_on);
}

Result<void> GoTypeFinder::visit_marked(const GoOn& go_on) {
    const auto spans = model_.spans();
    uint32_t span = 0;
    for (size_t i = 0; i < marks_.size(); ++i) {
        for (uint64_t bits = std::exchange(marks_[i], 0); bits != 0; bits &= bits - 1) {
            const auto number = static_cast<uint32_t>(i * 64 + static_cast<unsigned>(std::countr_zero(bits)));
            while (span + 1 < spans.size() && spans[span + 1].first_number <= number) ++span;
            if (!visit_next({span, number}, go_on)) return too_late();
        }
    }
    return {};
}

bool GoTypeFinder::visit_next(GoObject object, const GoOn& go_on) {
    visit(object, std::min(worth_[object.number], Worth::kPointer));
    return ++steps_ % kStepsBetweenPauses != 0 || go_on();
}

}  // namespace whoholds
