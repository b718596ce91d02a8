#include "runtime/go/holders.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMaxLookedAt = 1000;  // objects of one type
constexpr size_t kMaxSteps = 64;       // of one way
constexpr size_t kShownSteps = 7;
constexpr size_t kNearSteps = 3;
constexpr size_t kTriesToConfirm = 4;

}  // namespace

Result<GoHolders> GoHolders::find(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots,
                                  const GoHeapScan& scan, GoTypes& types, GoRootNames& names, const GoOn& go_on) {
    GoHolders holders(process, model, roots, scan, types, names);
    holders.parents_.assign(model.element_count(), kNotReached);
    holders.root_of_.assign(model.element_count(), kNotReached);
    WH_TRY_VOID(holders.follow_from(From::kVariables, go_on));
    WH_TRY_VOID(holders.follow_from(From::kUsersStacks, go_on));
    WH_TRY_VOID(holders.follow_from(From::kLibrariesStacks, go_on));
    WH_TRY_VOID(holders.follow_words_behind(go_on));
    WH_TRY_VOID(holders.follow_from(From::kRuntimesVariables, go_on));
    WH_TRY_VOID(holders.follow_from(From::kRuntimesStacks, go_on));
    return holders;
}

// First by objects whose type is known, then by others too.
Result<void> GoHolders::follow_from(From from, const GoOn& go_on) {
    follows_unknown_ = false;
    for (const GoRoot& root : roots_.roots) begin_at(root, from);
    WH_TRY_VOID(follow(go_on));
    open_ = std::exchange(put_off_, {});
    follows_unknown_ = true;
    return follow(go_on);
}

GoHolders::From GoHolders::place_of(const GoRoot& root, uint64_t address) const {
    if (root.goroutine == GoRoot::kGlobals)
        return names_.is_of_runtime(address) ? From::kRuntimesVariables : From::kVariables;
    switch (names_.owner_of(root)) {
        case GoRootOwner::kUser: return From::kUsersStacks;
        case GoRootOwner::kLibrary: return From::kLibrariesStacks;
        case GoRootOwner::kRuntime: break;
    }
    return From::kRuntimesStacks;
}

void GoHolders::begin_at(const GoRoot& root, From from) {
    const bool is_stack = root.goroutine != GoRoot::kGlobals;
    const bool wants_variables = from == From::kVariables || from == From::kRuntimesVariables;
    if (is_stack == wants_variables || (is_stack && place_of(root, root.address) != from)) return;
    const auto words = roots_.words_of(root);
    for (size_t i = 0; i < words.size(); ++i) {
        const GoObject object = model_.find(words[i]);
        if (!object.exists() || parents_[object.number] != kNotReached) continue;
        const uint64_t address = root.address + i * 8;
        if (!is_stack && place_of(root, address) != from) continue;
        root_words_.push_back({address, root.goroutine});
        reach(words[i], kFromRoot, static_cast<uint32_t>(root_words_.size() - 1));
    }
}

void GoHolders::reach(uint64_t word, uint32_t parent, uint32_t root) {
    const GoObject object = model_.find(word);
    if (!object.exists() || parents_[object.number] != kNotReached) return;
    parents_[object.number] = parent;
    root_of_[object.number] = root;
    const uint32_t kind = scan_.kind_number(object.number);
    if (!model_.spans()[object.span].has_pointers || kinds_[kind].is_of_runtime) return;
    const bool is_unknown = scan_.name(kind).empty();
    (is_unknown && !follows_unknown_ ? put_off_ : open_).push_back(object);
}

template <class Visit>
bool GoHolders::for_each_spot(const GoTypePlan& plan, uint64_t first_word, uint64_t word_count, Visit& visit) {
    for (const GoPointerSpot& spot : plan.spots) {
        uint64_t word = first_word + spot.offset / 8;
        if (spot.kind == GoPointerKind::kRepeat) {
            const GoTypePlan& repeated = plans_.of(*spot.target);
            for (uint32_t i = 0; i < spot.count && word < word_count; ++i, word += spot.target->bytes / 8)
                if (!for_each_spot(repeated, word, word_count, visit)) return false;
            continue;
        }
        if (spot.kind == GoPointerKind::kInterface) ++word;
        if (word < word_count && !visit(word)) return false;
    }
    return true;
}

void GoHolders::look_at_kinds() {
    for (const GoObjectKind& kind : scan_.kinds()) {
        const bool has_layout = (kind.form == GoObjectForm::kValue || kind.form == GoObjectForm::kElements) &&
                                kind.type && kind.type->bytes >= 8;
        const GoTypePlan* plan = has_layout ? &plans_.of(*kind.type) : nullptr;
        kinds_.push_back({plan && !plan->is_cut ? plan : nullptr, is_of_runtime(kind)});
    }
}

template <class Visit>
void GoHolders::for_each_pointer(GoObject object, Visit visit) {
    const uint64_t words = model_.words(object).size();
    if (const GoTypePlan* plan = kinds_[scan_.kind_number(object.number)].plan) {
        const GoObjectKind& kind = scan_.kind(object);
        const uint64_t end = kind.form == GoObjectForm::kValue ? 1 : words;
        for (uint64_t word = 0; word < end; word += kind.type->bytes / 8)
            if (!for_each_spot(*plan, word, words, visit)) return;
        return;
    }
    for (uint64_t word = 0; word < words; ++word)
        if (!visit(word)) return;
}

template <class Visit>
void GoHolders::for_each_word_behind(GoObject object, Visit visit) {
    const GoObjectKind& kind = scan_.kind(object);
    if (kind.form != GoObjectForm::kValue || !kinds_[scan_.kind_number(object.number)].plan) return;
    const uint64_t words = model_.words(object).size();
    for (uint64_t word = (kind.type->bytes + 7) / 8; word < words; ++word)
        if (!visit(word)) return;
}

Result<void> GoHolders::follow_words_behind(const GoOn& go_on) {
    for (uint32_t i = 0; i < model_.spans().size(); ++i) {
        const GoModelSpan& span = model_.spans()[i];
        if (!span.has_pointers) continue;
        for (uint32_t number = span.first_number; number < span.first_number + span.element_count; ++number) {
            const GoObject object{i, number};
            if (!is_held(object) || kinds_[scan_.kind_number(number)].is_of_runtime) continue;
            const auto words = model_.words(object);
            for_each_word_behind(object, [&](uint64_t word) {
                reach(words[word], number, root_of_[number]);
                return true;
            });
        }
    }
    return follow(go_on);
}

// In the order of their distance from the roots, so that ways are short; those of one distance in the order of addresses.
Result<void> GoHolders::follow(const GoOn& go_on) {
    constexpr size_t kStepsBetweenPauses = 1 << 15;
    size_t steps = 0;
    while (!open_.empty()) {
        std::vector<GoObject> round = std::exchange(open_, {});
        std::ranges::sort(round, {}, &GoObject::number);
        for (const GoObject object : round) {
            const auto words = model_.words(object);
            for_each_pointer(object, [&](uint64_t word) {
                reach(words[word], object.number, root_of_[object.number]);
                return true;
            });
            if (++steps % kStepsBetweenPauses == 0 && !go_on())
                return Error{ErrorCode::kLimit, "Go's heap: there was not enough time to find who holds what"};
        }
    }
    return {};
}

bool GoHolders::is_of_runtime(const GoObjectKind& kind) {
    if (kind.form >= GoObjectForm::kGoroutine) return true;
    if (!kind.type) return false;
    const std::string_view package = kind.type->package();
    return package == "runtime" || kind.type->name.starts_with("*runtime.");
}

std::vector<GoHolder> GoHolders::of(std::string_view name, size_t limit) {
    std::vector<GoObject> objects;
    for (uint32_t i = 0; i < model_.spans().size(); ++i) {
        const GoModelSpan& span = model_.spans()[i];
        for (uint32_t element = 0; element < span.element_count; ++element) {
            const GoObject object{i, span.first_number + element};
            if (model_.is_allocated(object.number) && scan_.name(scan_.kind_number(object.number)) == name)
                objects.push_back(object);
        }
    }
    const size_t stride = std::max<size_t>(1, objects.size() / kMaxLookedAt);
    struct Group {
        uint64_t count = 0;
        std::vector<GoWay> examples;
    };
    absl::flat_hash_map<std::string, Group> groups;
    uint64_t looked_at = 0;
    for (size_t i = 0; i < objects.size(); i += stride) {
        ++looked_at;
        if (!is_held(objects[i])) continue;
        GoWay way = way_to(objects[i]);
        Group& group = groups[way.text];
        ++group.count;
        if (group.examples.size() < kTriesToConfirm) group.examples.push_back(std::move(way));
    }
    std::vector<std::pair<std::string, Group>> ordered(groups.begin(), groups.end());
    std::ranges::sort(ordered, [](const auto& a, const auto& b) {
        return std::pair(b.second.count, a.first) < std::pair(a.second.count, b.first);
    });
    std::vector<GoHolder> holders;
    for (const auto& [text, group] : ordered) {
        if (holders.size() >= limit) break;
        if (std::ranges::any_of(group.examples, [&](const GoWay& way) { return is_still_so(way); }))
            holders.push_back({text, group.count, looked_at});
    }
    return holders;
}

// From the object up to the root; told from the root down. What repeats itself (a list) is told once.
GoWay GoHolders::way_to(GoObject object) {
    GoWay way;
    std::vector<std::string> texts = {text_of(object, UINT64_MAX)};
    GoObject at = object;
    bool is_cut = false;
    for (size_t i = 0; parents_[at.number] != kFromRoot; ++i) {
        const GoObject parent = model_.object(parents_[at.number]);
        if (i >= kMaxSteps || !parent.exists()) {
            is_cut = true;
            break;
        }
        const auto words = model_.words(parent);
        uint64_t offset = 0;
        bool is_found = false;
        const auto look = [&](uint64_t word) {
            offset = word * 8;
            is_found = model_.find(words[word]) == at;
            return !is_found;
        };
        for_each_pointer(parent, look);
        if (!is_found) for_each_word_behind(parent, look);
        way.proofs.push_back(proof(model_.start(parent) + offset, at));
        std::string text = text_of(parent, offset);
        const bool is_same_map = is_part_of_go_map(scan_.kind(parent).form) && text == texts.back();
        const bool repeats = !is_same_map && text == texts.back();
        if (repeats && texts.size() > 1) {
            if (texts[texts.size() - 2] != "...") texts.insert(texts.end() - 1, "...");
        } else if (!is_same_map) {
            texts.push_back(std::move(text));
        }
        at = parent;
    }
    if (is_cut && (texts.size() < 2 || texts[texts.size() - 2] != "...")) texts.emplace_back("...");
    const Root& root = root_words_[root_of_[object.number]];
    if (!is_cut) way.proofs.push_back(proof(root.address, at));
    texts.push_back(root.goroutine == GoRoot::kGlobals ? names_.of_variable(root.address)
                                                       : names_.of_goroutine(root.goroutine));
    if (way.proofs.size() > kNearSteps && texts.size() > kNearSteps + 1) {
        way.near_proofs = kNearSteps;
        for (size_t i = kNearSteps + 1; i-- > 0;)
            way.near_text += (way.near_text.empty() ? "... -> " : " -> ") + texts[i];
    }
    if (texts.size() > kShownSteps + 1) {
        texts.erase(texts.begin() + kShownSteps / 2 + 1, texts.end() - static_cast<ptrdiff_t>(kShownSteps / 2 + 1));
        texts.insert(texts.begin() + kShownSteps / 2 + 1, "...");
    }
    std::ranges::reverse(texts);
    way.text = fmt::format("{}", fmt::join(texts, " -> "));
    return way;
}

GoProof GoHolders::proof(uint64_t address, GoObject to) const {
    const GoModelSpan& span = model_.spans()[to.span];
    const uint64_t low = span.start + (to.number - span.first_number) * span.element_bytes;
    return {address, low, low + span.element_bytes};
}

bool GoHolders::is_still_so(const GoWay& way) const {
    return std::ranges::all_of(way.proofs, [&](const GoProof& proof) {
        const auto word = process_.memory().read_object<uint64_t>(proof.address);
        return word && *word >= proof.low && *word < proof.high;
    });
}

}  // namespace whoholds
