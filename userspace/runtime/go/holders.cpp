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
constexpr size_t kTriesToConfirm = 4;

bool is_part_of_map(GoObjectForm form) { return form >= GoObjectForm::kMap && form <= GoObjectForm::kMapExtra; }

}  // namespace

Result<GoHolders> GoHolders::find(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots,
                                  const GoHeapScan& scan, GoTypes& types, const DataSymbols& symbols,
                                  const GoOn& go_on) {
    GoHolders holders(process, model, roots, scan, types, symbols);
    holders.parents_.assign(model.element_count(), kNotReached);
    holders.root_of_.assign(model.element_count(), kNotReached);
    // First by objects whose type is known, then by others too; what the runtime itself remembers comes last.
    for (const GoRoot& root : roots.roots) holders.begin_at(root, false);
    WH_TRY_VOID(holders.follow(go_on));
    holders.open_ = std::exchange(holders.put_off_, {});
    holders.follows_unknown_ = true;
    WH_TRY_VOID(holders.follow(go_on));
    for (const GoRoot& root : roots.roots) holders.begin_at(root, true);
    WH_TRY_VOID(holders.follow(go_on));
    return holders;
}

void GoHolders::begin_at(const GoRoot& root, bool of_runtime) {
    const bool is_stack = root.goroutine != GoRoot::kGlobals;
    if (is_stack) {
        const std::string function = function_name(roots_.goroutines[root.goroutine].start, false);
        if ((function.starts_with("runtime.") && function != "runtime.main") != of_runtime) return;
    }
    const auto words = roots_.words_of(root);
    for (size_t i = 0; i < words.size(); ++i) {
        const GoObject object = model_.find(words[i]);
        if (!object.exists() || parents_[object.number] != kNotReached) continue;
        if (!is_stack && !of_runtime &&
            symbols_.name_at(process_.to_file(root.address + i * 8)).starts_with("runtime."))
            continue;
        root_words_.push_back({root.address + i * 8, root.goroutine});
        reach(words[i], kFromRoot, static_cast<uint32_t>(root_words_.size() - 1));
    }
}

void GoHolders::reach(uint64_t word, uint32_t parent, uint32_t root) {
    const GoObject object = model_.find(word);
    if (!object.exists() || parents_[object.number] != kNotReached) return;
    parents_[object.number] = parent;
    root_of_[object.number] = root;
    if (!model_.spans()[object.span].has_pointers || is_of_runtime(object)) return;
    const bool is_unknown = scan_.name(scan_.kind_number(object.number)).empty();
    (is_unknown && !follows_unknown_ ? put_off_ : open_).push_back(object);
}

// In the order of their distance from the roots, so that ways are short; those of one distance in the order of addresses.
Result<void> GoHolders::follow(const GoOn& go_on) {
    constexpr size_t kStepsBetweenPauses = 1 << 15;
    size_t steps = 0;
    while (!open_.empty()) {
        std::vector<GoObject> round = std::exchange(open_, {});
        std::ranges::sort(round, {}, &GoObject::number);
        for (const GoObject object : round) {
            for (const uint64_t word : model_.words(object)) reach(word, object.number, root_of_[object.number]);
            if (++steps % kStepsBetweenPauses == 0 && !go_on())
                return Error{ErrorCode::kLimit, "Go's heap: there was not enough time to find who holds what"};
        }
    }
    return {};
}

bool GoHolders::is_of_runtime(GoObject object) const {
    const GoObjectKind& kind = scan_.kind(object);
    if (kind.form == GoObjectForm::kGoroutine) return true;
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
        std::vector<Way> examples;
    };
    absl::flat_hash_map<std::string, Group> groups;
    uint64_t looked_at = 0;
    for (size_t i = 0; i < objects.size(); i += stride) {
        ++looked_at;
        if (parents_[objects[i].number] == kNotReached) continue;  // garbage, or held by the runtime alone
        Way way = way_to(objects[i]);
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
        if (std::ranges::any_of(group.examples, [&](const Way& way) { return is_still_so(way); }))
            holders.push_back({text, group.count, looked_at});
    }
    return holders;
}

// From the object up to the root; told from the root down. What repeats itself (a list) is told once.
GoHolders::Way GoHolders::way_to(GoObject object) {
    Way way;
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
        const auto word = std::ranges::find_if(words, [&](uint64_t value) { return model_.find(value) == at; });
        const auto offset = static_cast<uint64_t>(word - words.begin()) * 8;
        way.steps.push_back({model_.start(parent) + offset, at});
        std::string text = text_of(parent, offset);
        const bool is_same_map = is_part_of_map(scan_.kind(parent).form) && text == texts.back();
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
    way.steps.push_back({root.address, is_cut ? GoObject{} : at});
    texts.push_back(text_of_root(root));
    if (texts.size() > kShownSteps + 1) {
        texts.erase(texts.begin() + kShownSteps / 2 + 1, texts.end() - static_cast<ptrdiff_t>(kShownSteps / 2 + 1));
        texts.insert(texts.begin() + kShownSteps / 2 + 1, "...");
    }
    std::ranges::reverse(texts);
    way.text = fmt::format("{}", fmt::join(texts, " -> "));
    return way;
}

bool GoHolders::is_still_so(const Way& way) const {
    return std::ranges::all_of(way.steps, [&](const Step& step) {
        if (!step.to.exists()) return true;
        const auto word = process_.memory().read_object<uint64_t>(step.address);
        return word && model_.find(*word) == step.to;
    });
}

std::string GoHolders::text_of_root(const Root& root) const {
    if (root.goroutine == GoRoot::kGlobals) {
        const uint64_t address = process_.to_file(root.address);
        const std::string name = symbols_.name_at(address);
        return name.empty() ? fmt::format("variable at {:#x}", address) : "variable " + name;
    }
    const GoroutineRecord& goroutine = roots_.goroutines[root.goroutine];
    std::string text = "goroutine " + function_name(goroutine.start, false);
    if (goroutine.creator != 0) text += ", started by " + function_name(goroutine.creator, true);
    return text;
}

std::string GoHolders::function_name(uint64_t address, bool is_call) const {
    const auto function = process_.function_at(is_call && address > 0 ? address - 1 : address);
    const std::string_view name = function ? process_.code().table().name_of(*function) : std::string_view();
    return name.empty() ? "?" : readable_go_name(name);
}

// offset: of the word that leads on; none at the end of the way.
std::string GoHolders::text_of(GoObject object, uint64_t offset) const {
    const GoObjectKind& kind = scan_.kind(object);
    switch (kind.form) {
        case GoObjectForm::kUnknown: return fmt::format("({} bytes)", model_.value_bytes(object));
        case GoObjectForm::kBeginning:
            return offset < kind.type->bytes ? kind.type->name + field_at(*kind.type, offset, 0)
                                             : fmt::format("({} bytes)", model_.value_bytes(object));
        case GoObjectForm::kValue:
            return offset == UINT64_MAX ? "*" + kind.type->name : kind.type->name + field_at(*kind.type, offset, 0);
        case GoObjectForm::kElements:
            return "[]" + kind.type->name +
                   (offset == UINT64_MAX ? "" : field_at(*kind.type, offset % kind.type->bytes, 0));
        default: break;
    }
    if (is_part_of_map(kind.form)) return kind.type->name;  // all of them
    return scan_.name(scan_.kind_number(object.number));
}

std::string GoHolders::field_at(const GoType& type, uint64_t offset, int depth) const {
    constexpr int kMaxDepth = 8;
    if (depth > kMaxDepth) return "";
    if (type.kind == GoKind::kArray) {
        const GoType* element = types_.at(type.element);
        return element && element->bytes > 0 ? field_at(*element, offset % element->bytes, depth + 1) : "";
    }
    if (type.kind != GoKind::kStruct) return "";
    const auto after = std::ranges::upper_bound(type.fields, offset, {}, &GoField::offset);
    if (after == type.fields.begin()) return "";
    const GoField& field = *std::prev(after);
    const GoType* of_field = types_.at(field.type);
    std::string text = "." + std::string(types_.name_at(field.name));
    if (of_field && offset - field.offset < of_field->bytes)
        text += field_at(*of_field, offset - field.offset, depth + 1);
    return text;
}

}  // namespace whoholds
