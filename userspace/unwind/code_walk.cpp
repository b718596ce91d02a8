#include "unwind/code_walk.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace whoholds {
namespace {

constexpr size_t kMaxFunctions = 20'000;
constexpr uint64_t kMaxWalkedBytes = uint64_t{16} << 20;  // some are walked more than once
constexpr size_t kMaxEdges = 500'000;
constexpr uint64_t kMaxWalkedBytesOfFunction = uint64_t{1} << 20;
constexpr StackState kAtEntry;

}  // namespace

CodeWalk::CodeWalk(const std::vector<CodeBytes>& code, std::vector<CodeExtent> functions) : code_(code) {
    size_t bytes = 0;
    for (const CodeBytes& piece : code) {
        first_index_.push_back(bytes);
        bytes += piece.bytes.size();
    }
    place_at_.resize(bytes);
    is_entry_.resize(bytes);
    std::sort(functions.begin(), functions.end(), [](const CodeExtent& a, const CodeExtent& b) {
        return a.code.start != b.code.start ? a.code.start < b.code.start : a.code.end > b.code.end;
    });
    for (const CodeExtent& each : functions) {
        const bool overlaps = !extents_.empty() && extents_.back().code.end > each.code.start;
        if (each.code.start < each.code.end && !overlaps && index_of(each.code.start) != kNowhere)
            extents_.push_back(each);
    }
    for (const CodeExtent& each : extents_) is_entry_[index_of(each.code.start)] = true;
}

size_t CodeWalk::index_of(uint64_t address) const {
    const auto after = std::upper_bound(code_.begin(), code_.end(), address,
                                        [](uint64_t value, const CodeBytes& piece) { return value < piece.start; });
    if (after == code_.begin() || address >= std::prev(after)->end()) return kNowhere;
    return first_index_[static_cast<size_t>(after - code_.begin()) - 1] + (address - std::prev(after)->start);
}

const DecodedPlace* CodeWalk::place_at(uint64_t address) const {
    const size_t index = index_of(address);
    return index == kNowhere || place_at_[index] == 0 ? nullptr : &places_[place_at_[index] - 1];
}

const CodeExtent* CodeWalk::extent_around(uint64_t address) const {
    const auto after =
        std::upper_bound(extents_.begin(), extents_.end(), address,
                         [](uint64_t value, const CodeExtent& extent) { return value < extent.code.start; });
    if (after == extents_.begin() || address >= std::prev(after)->code.end) return nullptr;
    return &*std::prev(after);
}

bool CodeWalk::run() {
    for (const CodeExtent& extent : extents_) {
        if (function_ + refused_ >= kMaxFunctions || bytes_ > kMaxWalkedBytes) return false;
        if (extent.is_part || place_at(extent.code.start) != nullptr) continue;
        walk({.address = extent.code.start, .state = kAtEntry}, &extent, false);
    }
    // What they lead to is added behind while this goes on.
    std::vector<bool> was_tried(place_at_.size());
    for (size_t i = 0; i < edges_.size(); i++) {
        if (function_ + refused_ >= kMaxFunctions || bytes_ > kMaxWalkedBytes || edges_.size() > kMaxEdges)
            return false;
        const CodeEdge edge = edges_[i];
        const size_t index = index_of(edge.address);
        if (index == kNowhere || place_at_[index] != 0 || was_tried[index]) continue;
        if (edge.state != kAtEntry || extent_around(edge.address) != nullptr) continue;
        was_tried[index] = true;
        walk({.address = edge.address, .state = kAtEntry}, nullptr, edge.is_named_only);
    }
    return true;
}

void CodeWalk::walk(const Way& entry, const CodeExtent* extent, bool is_named_only) {
    extent_ = extent;
    has_computed_jump_ = false;
    bytes_at_entry_ = bytes_;
    const Mark before = mark();
    if (walk_all(entry, is_named_only)) {
        function_++;
    } else {
        refused_++;
        take_back_to(before);
    }
}

bool CodeWalk::walk_all(const Way& entry, bool is_named_only) {
    behind_calls_.clear();
    left_.clear();
    known_places_ = places_.size();
    has_evidence_ = false;
    if (!follow_all({entry})) return false;
    const bool is_whole = try_all_behind_calls();
    // What is only named is perhaps no function.
    if (is_named_only && !(is_whole && has_evidence_)) return false;
    // Of a jump by a table that stands where nothing is on the stack nobody knows whether it leaves the function. If it does, all
    // of the function was seen.
    return !has_computed_jump_ || is_covered();
}

// Whether nothing contradicts.
bool CodeWalk::try_all_behind_calls() {
    constexpr size_t kMaxRounds = 4;
    bool has_contradiction = false;
    bool has_evidence = has_evidence_;
    for (size_t round = 0; round < kMaxRounds; round++) {
        left_.insert(left_.end(), behind_calls_.begin(), behind_calls_.end());
        behind_calls_.clear();
        std::vector<Way> ways;
        std::swap(ways, left_);
        has_contradiction = false;
        bool has_progress = false;
        for (const Way& way : ways) {
            const Found found = try_behind_call(way, places_.size(), 0);
            if (found == Found::kEvidence) has_progress = true;
            if (found != Found::kEvidence) left_.push_back(way);
            if (found == Found::kContradiction) has_contradiction = true;
        }
        has_evidence = has_evidence || has_progress;
        if (!has_progress) break;
    }
    if (!has_contradiction && !left_.empty() && extent_ != nullptr) has_contradiction = !keep_what_never_returns();
    has_evidence_ = has_evidence;
    return !has_contradiction;
}

// A function that never returns gives no evidence. All of it has to fit together then.
bool CodeWalk::keep_what_never_returns() {
    const Mark before = mark();
    std::vector<Way> ways;
    std::swap(ways, left_);
    while (!ways.empty()) {
        std::erase_if(ways, [this](const Way& way) { return extent_around(way.address) != extent_; });
        behind_calls_.clear();
        if (!follow_all(std::move(ways))) {
            take_back_to(before);
            return false;
        }
        ways = std::move(behind_calls_);
    }
    return true;
}

CodeWalk::Found CodeWalk::try_behind_call(const Way& way, size_t known_places, size_t depth) {
    constexpr size_t kMaxDepth = 500;
    if (depth >= kMaxDepth || bytes_ - bytes_at_entry_ > kMaxWalkedBytesOfFunction) return Found::kContradiction;
    const Mark before = mark();
    known_places_ = known_places;
    has_evidence_ = false;
    std::vector<Way> outer;
    std::swap(outer, behind_calls_);
    const bool follows = follow_all({way});
    bool has_evidence = has_evidence_;
    std::vector<Way> inner;
    std::swap(inner, behind_calls_);
    std::swap(outer, behind_calls_);
    if (!follows) {
        take_back_to(before);
        return Found::kContradiction;
    }
    bool has_contradiction = false;
    std::vector<Way> left;
    for (const Way& each : inner) {
        const Found found = try_behind_call(each, has_evidence ? places_.size() : known_places, depth + 1);
        if (found == Found::kEvidence) has_evidence = true;
        if (found != Found::kEvidence) left.push_back(each);
        if (found == Found::kContradiction) has_contradiction = true;
    }
    if (has_evidence) {
        left_.insert(left_.end(), left.begin(), left.end());
        return Found::kEvidence;
    }
    take_back_to(before);
    return has_contradiction ? Found::kContradiction : Found::kNothing;
}

bool CodeWalk::follow_all(std::vector<Way> ways) {
    while (!ways.empty()) {
        const Way way = ways.back();
        ways.pop_back();
        if (!follow(way, ways)) return false;
    }
    return true;
}

void CodeWalk::take_back_to(const Mark& mark) {
    for (size_t i = mark.places; i < places_.size(); i++) place_at_[index_of(places_[i].address)] = 0;
    places_.resize(mark.places);
    edges_.resize(mark.edges);
}

// Whether the way stays in the function.
bool CodeWalk::belongs(const Way& way) const {
    const CodeExtent* extent = extent_around(way.address);
    if (extent != nullptr) return extent == extent_ || (extent->is_part && way.state != kAtEntry);
    // Behind the end of a known function or in one whose extent is not known: parts of it lie elsewhere, but what is jumped to
    // as if it were called is a function of its own.
    return !(way.is_direct_jump && way.state == kAtEntry);
}

bool CodeWalk::leave_function(const Way& way) {
    if (way.is_weak) return true;
    const size_t index = index_of(way.address);
    if (index == kNowhere && way.state != kAtEntry) return false;
    if (way.is_direct_jump) has_evidence_ = true;
    edges_.push_back({function_, way.address, way.state});
    if (index != kNowhere && way.state == kAtEntry) is_entry_[index] = true;
    return true;
}

// Where something was before.
bool CodeWalk::arrive(const Way& way, const DecodedPlace& place) {
    if (place.state != way.state) return false;
    if (static_cast<size_t>(&place - places_.data()) < known_places_) has_evidence_ = true;
    if (place.function != function_) edges_.push_back({function_, way.address, way.state});
    return true;
}

std::span<const uint8_t> CodeWalk::instruction_bytes(uint64_t address) const {
    constexpr size_t kMaxInstructionBytes = 15;
    const auto piece = std::prev(std::upper_bound(
        code_.begin(), code_.end(), address, [](uint64_t value, const CodeBytes& each) { return value < each.start; }));
    const auto bytes = std::span(piece->bytes).subspan(address - piece->start);
    return bytes.first(std::min(bytes.size(), kMaxInstructionBytes));
}

void CodeWalk::name(uint64_t address, bool is_named_only) {
    const size_t index = index_of(address);
    if (index == kNowhere) return;
    edges_.push_back({function_, address, kAtEntry, is_named_only});
    is_entry_[index] = true;
}

// Straight on until something was here before.
bool CodeWalk::follow(Way way, std::vector<Way>& ways) {
    for (;;) {
        const size_t index = index_of(way.address);
        if (index == kNowhere || !belongs(way)) return leave_function(way);
        if (way.is_weak && is_entry_[index] && way.state != kAtEntry) return true;
        if (const uint32_t number = place_at_[index]; number != 0) return arrive(way, places_[number - 1]);
        StackState state = way.state;
        const Step step = stepper_.step(instruction_bytes(way.address), way.address, state);
        if (way.is_weak && step.is_padding && extent_ == nullptr) return true;
        if (step.flow == Flow::kUnknown || edges_.size() > kMaxEdges) return false;
        places_.push_back({way.address, function_, step.length, way.state});
        place_at_[index] = static_cast<uint32_t>(places_.size());
        bytes_ += step.length;
        if (step.named) name(*step.named, true);
        if (!add_ways(way, step, state, ways)) return false;
        if (step.flow != Flow::kNext && step.flow != Flow::kBranch) return true;
        way = {.address = way.address + step.length, .state = state};
    }
}

bool CodeWalk::add_ways(const Way& way, const Step& step, const StackState& state, std::vector<Way>& ways) {
    const uint64_t next = way.address + step.length;
    switch (step.flow) {
        case Flow::kCall:
            if (step.target == next) return false;
            if (step.target) name(*step.target, false);
            behind_calls_.push_back({.address = next, .state = state, .is_weak = true});
            return true;
        case Flow::kHalt: behind_calls_.push_back({.address = next, .state = state, .is_weak = true}); return true;
        case Flow::kBranch: ways.push_back({.address = *step.target, .state = state}); return true;
        case Flow::kJump:
            ways.push_back({.address = *step.target, .state = state, .is_direct_jump = true});
            return true;
        case Flow::kComputedJump:
            if (state != kAtEntry || extent_ == nullptr) return false;
            has_computed_jump_ = true;
            return true;
        case Flow::kReturn: has_evidence_ = true; return state == kAtEntry;
        default: return true;
    }
}

// All of the function but padding.
bool CodeWalk::is_covered() const {
    StackState ignored;
    for (uint64_t at = extent_->code.start; at < extent_->code.end;) {
        const size_t index = index_of(at);
        if (index == kNowhere) return false;
        if (place_at_[index] != 0) {
            at += places_[place_at_[index] - 1].length;
            continue;
        }
        const Step step = stepper_.step(instruction_bytes(at), at, ignored);
        if (!step.is_padding) return false;
        at += step.length;
    }
    return true;
}

}  // namespace whoholds
