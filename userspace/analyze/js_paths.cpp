#include "analyze/js_paths.h"

#include <absl/hash/hash.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "analyze/headline.h"

namespace whoholds {
namespace {

using Row = std::pair<const StackReport*, JsPath>;

int64_t hidden_steps(const JsPath& path) { return std::ranges::count_if(path, &JsStep::may_hide); }

bool says_more(const Row& a, const Row& b) {
    const auto rank = [](const Row& row) {
        return std::tuple(hidden_steps(row.second), -static_cast<int64_t>(row.second.size()),
                          -static_cast<int64_t>(row.first->held.count), row.first->id);
    };
    return rank(a) < rank(b);
}

bool is_same_path(const JsPath& a, const JsPath& b) {
    return std::ranges::equal(a, b, {}, &JsStep::function, &JsStep::function);
}

void add(JsPlace& place, const StackReport& stack, double share) {
    place.rows.push_back({&stack, share});
    place.held_bytes += share * static_cast<double>(stack.held.bytes);
}

}  // namespace

JsPath js_path_of(const StackReport& stack, std::string_view exe) {
    const auto last = std::find_if(stack.frames.rbegin(), stack.frames.rend(), is_script_code);
    const size_t end =
        last == stack.frames.rend() ? stack.frames.size() : static_cast<size_t>(stack.frames.rend() - last);
    JsPath path;
    const size_t begin = headline_frame(stack.frames, exe);
    for (size_t i = begin; i < end; i++) {
        const Frame& frame = stack.frames[i];
        const uint64_t address = frame.function.empty() ? frame.address : 0;
        path.push_back({absl::HashOf(std::string_view(frame.function), std::string_view(frame.file), address),
                        is_script_code(frame) && frame.line == 0});
    }
    return path;
}

bool may_be_path(const JsPath& seen, const JsPath& whole) {
    size_t left = seen.size();
    for (size_t i = whole.size(); i > 0; i--) {
        if (left > 0 && seen[left - 1].function == whole[i - 1].function) {
            left--;
            continue;
        }
        if (left == seen.size() || !seen[left].may_hide) return false;
    }
    return left == 0;
}

std::vector<JsPlace> js_places_of(const std::vector<const StackReport*>& stacks, std::string_view exe) {
    std::vector<Row> rows;
    for (const StackReport* stack : stacks) rows.emplace_back(stack, js_path_of(*stack, exe));
    std::ranges::sort(rows, says_more);
    std::vector<JsPlace> places;
    for (auto& [stack, path] : rows) {
        std::vector<JsPlace*> candidates;
        double sum = 0;
        for (JsPlace& place : places) {
            const bool may_be_it =
                hidden_steps(path) > 0 ? may_be_path(path, place.path) : is_same_path(path, place.path);
            if (!may_be_it) continue;
            candidates.push_back(&place);
            sum += place.held_bytes;
        }
        if (candidates.empty()) {
            add(places.emplace_back(JsPlace{.path = std::move(path), .rows = {}}), *stack, 1);
            continue;
        }
        std::vector<double> shares;
        for (const JsPlace* place : candidates)
            shares.push_back(sum > 0 ? place->held_bytes / sum : 1.0 / static_cast<double>(candidates.size()));
        for (size_t i = 0; i < candidates.size(); i++) add(*candidates[i], *stack, shares[i]);
    }
    return places;
}

}  // namespace whoholds
