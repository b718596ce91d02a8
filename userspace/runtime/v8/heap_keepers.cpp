#include "runtime/v8/heap_keepers.h"

#include <algorithm>
#include <bit>

namespace whoholds {
namespace {

constexpr int kMostSteps = 12;
constexpr size_t kMostParents = 16;  // more refer to what is no part of anything: a name, a prototype
constexpr size_t kMostEdges = size_t{1} << 16;
constexpr uint64_t kTag = 3;
constexpr uint64_t kStrong = 1;
constexpr unsigned kFilterBits = 16;

constexpr uint64_t filter_bit(uint64_t object) { return object * 0x9e3779b97f4a7c15 >> (64 - kFilterBits); }

// Where the fields end of objects that are a way to others; 0: it is none.
uint64_t end_of(V8Pages& pages, V8Page& page, uint64_t object, const V8MapFacts& facts) {
    const uint64_t count = pages.word(page, object + 8).value_or(0) >> 32;
    switch (facts.form) {
        case V8Form::kFields: return object + facts.size_bytes;
        case V8Form::kCounted: return object + 16 + 8 * count;
        case V8Form::kProperties: return object + 16 + 8 * (count & 0x3ff);
        case V8Form::kCons: return object + 32;
        case V8Form::kSlice: return object + 24;
        default: return 0;
    }
}

}  // namespace

// The marked object that the address lies in.
std::optional<uint64_t> V8Keepers::object_around(V8Page& page, uint64_t address) {
    if (around_.object != 0 && address > around_.object && address < around_.end) return around_.object;
    const uint64_t bit = (address - page.base) / 8;
    uint64_t word = bit / 64;
    if (word >= page.marked.size()) return std::nullopt;
    uint64_t bits = page.marked[word] & (~uint64_t{0} >> (63 - bit % 64));
    while (bits == 0 && word > 0) bits = page.marked[--word];
    if (bits == 0) return std::nullopt;
    const uint64_t object = page.base + 8 * (word * 64 + 63 - static_cast<uint64_t>(std::countl_zero(bits)));
    const V8MapFacts facts = facts_of_(page, object);
    const bool is_way = facts.type != shapes_.map_type();
    around_ = {object, is_way ? end_of(pages_, page, object, facts) : 0};
    return address > object && address < around_.end ? std::optional(object) : std::nullopt;
}

// Once, as each step looks at all of them: a heap has far more other words.
bool V8Keepers::find_pointers() {
    pointers_.clear();
    bool goes_on = true;
    pages_.for_each([&](V8Page& page) {
        goes_on = goes_on && go_on_();
        if (!goes_on || page.marked.empty()) return;
        std::vector<uint32_t>& indexes = pointers_.emplace_back(&page, std::vector<uint32_t>()).second;
        const uint64_t end = std::min<uint64_t>(page.words.size(), (page.end - page.base) / 8);
        for (uint64_t i = (page.start - page.base) / 8; i < end; i++)
            if ((page.words[i] & kTag) == kStrong) indexes.push_back(static_cast<uint32_t>(i));
    });
    return goes_on;
}

// false: it took too long, or there are too many.
bool V8Keepers::collect(std::vector<Edge>& edges) {
    filter_.assign((size_t{1} << kFilterBits) / 64, 0);
    for (const auto& [object, objects] : edge_of_search_) {
        const uint64_t bit = filter_bit(object);
        filter_[bit / 64] |= uint64_t{1} << bit % 64;
    }
    for (const auto& [page, indexes] : pointers_) {
        if (!go_on_()) return false;
        around_ = {};
        for (const uint32_t i : indexes) {
            const uint64_t child = page->words[i] - kStrong;
            const uint64_t bit = filter_bit(child);
            if ((filter_[bit / 64] >> bit % 64 & 1) == 0 || !edge_of_search_.contains(child)) continue;
            const uint64_t at = page->base + uint64_t{8} * i;
            if (const auto parent = object_around(*page, at)) edges.push_back({child, *parent, at});
            if (edges.size() >= kMostEdges) return false;
        }
    }
    return true;
}

void V8Keepers::ask(uint64_t function, Objects objects, const Accept& accept) {
    V8Page* page = pages_.with(function, false);
    if (page == nullptr) return;
    const auto shared = pages_.word(*page, function + shapes_.layout().function_shared);
    if (!shared || (*shared & kTag) != kStrong) return;
    for (Objects left = objects & open_; left != 0; left &= left - 1) {
        const auto number = static_cast<size_t>(std::countr_zero(left));
        if (accept(number, {function, *shared - kStrong})) open_ &= ~(Objects{1} << number);
    }
}

void V8Keepers::step(const std::vector<Edge>& edges, const Accept& accept) {
    absl::flat_hash_map<uint64_t, size_t> parents;
    for (const Edge& edge : edges) parents[edge.child]++;
    absl::flat_hash_map<uint64_t, Objects> next;
    for (const Edge& edge : edges) {
        if (parents[edge.child] > kMostParents) continue;
        const Objects objects = edge_of_search_.at(edge.child) & open_;
        Objects& seen = seen_[edge.parent];
        const Objects fresh = objects & ~seen;
        if (fresh == 0) continue;
        seen |= fresh;
        next[edge.parent] |= fresh;
        V8Page* page = pages_.with(edge.parent, false);
        const bool is_function = page != nullptr && facts_of_(*page, edge.parent).type == shapes_.function_type();
        if (is_function && edge.at == edge.parent + shapes_.layout().function_context) ask(edge.parent, fresh, accept);
    }
    edge_of_search_.swap(next);
}

void V8Keepers::find(std::span<const uint64_t> objects, const Accept& accept) {
    edge_of_search_.clear();
    seen_.clear();
    open_ = 0;
    for (size_t i = 0; i < std::min(objects.size(), kMostObjects); i++) {
        edge_of_search_[objects[i]] |= Objects{1} << i;
        open_ |= Objects{1} << i;
    }
    if (!find_pointers()) return;
    std::vector<Edge> edges;
    for (int i = 0; i < kMostSteps && open_ != 0 && !edge_of_search_.empty(); i++) {
        edges.clear();
        if (!collect(edges)) return;
        step(edges, accept);
    }
}

}  // namespace whoholds
