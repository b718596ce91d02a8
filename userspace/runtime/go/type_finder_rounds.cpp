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

// What is to be visited is a list as long as it is short, and marks of objects once it is a good part of the heap: they take little
// memory, and no comparisons to be put into order.
void GoTypeFinder::open(GoObject object) {
    constexpr size_t kObjectsPerMarked = 128;
    if (are_marked_) return mark(object);
    open_.push_back(object);
    if (open_.size() < std::max<size_t>(model_.element_count() / kObjectsPerMarked, 1)) return;
    marks_.resize(model_.element_count() / 64 + 1);
    are_marked_ = true;
    for (const GoObject listed : std::exchange(open_, {})) mark(listed);
}

void GoTypeFinder::mark(GoObject object) { marks_[object.number / 64] |= uint64_t{1} << object.number % 64; }

// In rounds, each in the order of addresses: a heap is larger than any cache.
Result<void> GoTypeFinder::spread(const GoOn& go_on) {
    while (!open_.empty() || are_marked_ || !open_variables_.empty()) {
        const auto variables = std::exchange(open_variables_, {});
        for (const auto& [address, type] : variables)
            visit_values(roots_.variables_at(address), *type, 1, Worth::kPointer);
        WH_TRY_VOID(are_marked_ ? visit_marked(go_on) : visit_listed(std::exchange(open_, {}), go_on));
    }
    return go_on() ? Result<void>() : too_late();
}

Result<void> GoTypeFinder::visit_listed(std::vector<GoObject> round, const GoOn& go_on) {
    std::ranges::sort(round, {}, &GoObject::number);
    for (const GoObject object : round)
        if (!visit_next(object, go_on)) return too_late();
    return {};
}

Result<void> GoTypeFinder::visit_marked(const GoOn& go_on) {
    const auto spans = model_.spans();
    uint32_t span = 0;
    std::swap(marks_, round_);  // which is empty
    are_marked_ = false;
    for (size_t i = 0; i < round_.size(); ++i) {
        for (uint64_t bits = std::exchange(round_[i], 0); bits != 0; bits &= bits - 1) {
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
