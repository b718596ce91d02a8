// How types are found: what notes and interfaces say, and what follows from it along pointers. What maps and channels consist of is in
// type_finder_parts.cpp, in which order they are visited in type_finder_rounds.cpp.
#include "runtime/go/type_finder.h"

#include <algorithm>

namespace whoholds {

GoTypeFinder::GoTypeFinder(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots, GoTypes& types)
    : process_(process), model_(model), roots_(roots), types_(types), plans_(types) {
    const GoModuleData& module = process.code().module_data();
    image_start_ = process.to_process(std::min({module.text, module.types, module.data}));
    image_end_ = process.to_process(module.data_end);
    scan_.kind_of_.resize(model.element_count());
    worth_.resize(model.element_count());
    number_of({});
}

Result<void> GoTypeFinder::find(std::span<const GoTypedVariable> variables, const GoOn& go_on) {
    WH_TRY_VOID(find_headers(go_on));
    find_goroutines();
    find_processors();
    find_variables(variables);
    WH_TRY_VOID(spread(go_on));
    for (const GoRoot& root : roots_.roots) {
        if (root.goroutine == GoRoot::kGlobals) find_pairs(roots_.words_of(root), Worth::kPair);
    }
    WH_TRY_VOID(spread(go_on));
    WH_TRY_VOID(find_pairs_in_objects(go_on));
    for (const GoRoot& root : roots_.roots) {
        if (root.goroutine != GoRoot::kGlobals) find_pairs(roots_.words_of(root), Worth::kStack);
    }
    return spread(go_on);
}

Result<void> GoTypeFinder::find_headers(const GoOn& go_on) {
    const auto spans = model_.spans();
    for (uint32_t i = 0; i < spans.size(); ++i) {
        const GoModelSpan& span = spans[i];
        if (!span.has_headers && span.large_type == 0) continue;
        for (uint32_t element = 0; element < span.element_count; ++element) {
            const GoObject object{i, span.first_number + element};
            if (!model_.is_allocated(object.number)) continue;
            const GoType* type = types_.at(span.has_headers ? model_.header(object) : span.large_type);
            if (!type || type->bytes == 0 || type->bytes > model_.value_bytes(object)) continue;
            const bool is_one = fits(object, type->bytes, span.has_pointers);
            set(object, {is_one ? GoObjectForm::kValue : GoObjectForm::kElements, type}, Worth::kHeader);
        }
        if (i % 256 == 0 && !go_on()) return too_late();
    }
    return {};
}

void GoTypeFinder::find_variables(std::span<const GoTypedVariable> variables) {
    for (const GoTypedVariable& variable : variables) {
        const uint64_t address = process_.to_process(variable.address);
        const auto words = roots_.variables_at(address);
        const GoType* type = types_.at(process_.to_process(variable.type));
        if (words.empty() || !type) continue;
        const bool is_maps = variable.kind == GoPointerKind::kMap && type->kind == GoKind::kMap;
        const bool is_channels = variable.kind == GoPointerKind::kChannel && type->kind == GoKind::kChannel;
        if (is_maps || is_channels)
            found_variable(address, *type);
        else if (variable.kind == GoPointerKind::kPointer || variable.kind == GoPointerKind::kSlice)
            visit_spot(words, 0, {.kind = variable.kind, .target = type}, Worth::kPair);
    }
}

void GoTypeFinder::find_pairs(std::span<const uint64_t> words, Worth worth) {
    for (size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] - image_start_ >= image_end_ - image_start_ && !types_.covers(words[i])) continue;
        const GoObject object = object_at(words[i + 1]);
        const bool is_new = object.exists() ? worth_[object.number] < worth
                                            : worth >= Worth::kPair && !roots_.variables_at(words[i + 1]).empty();
        if (is_new) found_interface(words[i], words[i + 1], worth);
    }
}

Result<void> GoTypeFinder::find_pairs_in_objects(const GoOn& go_on) {
    const auto spans = model_.spans();
    for (uint32_t i = 0; i < spans.size(); ++i) {
        const GoModelSpan& span = spans[i];
        if (!span.has_pointers || !span.is_swept) continue;
        for (uint32_t element = 0; element < span.element_count; ++element) {
            const GoObject object{i, span.first_number + element};
            if (!model_.is_allocated(object.number) || worth_[object.number] > Worth::kBeginning) continue;
            const auto words = model_.words(object);
            if (!words.empty() && is_function(words[0]))
                set(object, {GoObjectForm::kClosure, nullptr, words[0]}, Worth::kPair);
            find_pairs(words, Worth::kPair);
        }
        if (i % 64 == 0) WH_TRY_VOID(spread(go_on));
    }
    return spread(go_on);
}

void GoTypeFinder::visit(GoObject object, Worth worth) {
    const auto words = model_.words(object);
    // What the last collection found dead may hold pointers to slots that were given to others.
    if (words.empty() || !model_.spans()[object.span].is_swept) return;
    const GoObjectKind kind = scan_.kind(object);
    switch (kind.form) {
        case GoObjectForm::kBeginning: return visit_values(words, *kind.type, 1, Worth::kPair);
        case GoObjectForm::kValue: return visit_values(words, *kind.type, 1, worth);
        case GoObjectForm::kElements:
        case GoObjectForm::kChannelBuffer:
            return visit_values(words, *kind.type, words.size() * 8 / std::max<uint64_t>(kind.type->bytes, 8), worth);
        case GoObjectForm::kMap: return visit_map(words, *kind.type, worth);
        case GoObjectForm::kMapTable: return visit_map_table(words, *kind.type, worth);
        case GoObjectForm::kMapDirectory: return visit_map_directory(words, *kind.type, worth);
        case GoObjectForm::kMapGroups: return visit_map_groups(words, *kind.type, worth);
        case GoObjectForm::kChannel: return visit_channel(words, worth);
        case GoObjectForm::kClosure: return find_pairs(words, std::min(worth, Worth::kPair));
        case GoObjectForm::kUnknown:
        case GoObjectForm::kText:
        case GoObjectForm::kMapExtra:
        case GoObjectForm::kGoroutine:
        case GoObjectForm::kThread:
        case GoObjectForm::kProcessor: return;
    }
}

void GoTypeFinder::visit_values(std::span<const uint64_t> words, const GoType& type, uint64_t count, Worth worth) {
    if (!type.has_pointers()) return;
    for (uint64_t i = 0; i < count && i * type.bytes < words.size_bytes(); ++i) {
        if (type.bytes % 8 != 0) return;
        visit_value(words, i * type.bytes / 8, type, worth);
    }
}

void GoTypeFinder::visit_value(std::span<const uint64_t> words, uint64_t word, const GoType& type, Worth worth) {
    for (const GoPointerSpot& spot : plans_.of(type).spots) {
        const uint64_t at = word + spot.offset / 8;
        if (at >= words.size() || spot.offset % 8 != 0) continue;
        if (spot.kind == GoPointerKind::kRepeat) {
            visit_values(words.subspan(at), *spot.target, spot.count, worth);
        } else {
            visit_spot(words, at, spot, worth);
        }
    }
}

void GoTypeFinder::visit_spot(std::span<const uint64_t> words, uint64_t word, const GoPointerSpot& spot, Worth worth) {
    const uint64_t address = words[word];
    if (address == 0) return;
    const auto following = [&](uint64_t distance) {
        return word + distance < words.size() ? words[word + distance] : 0;
    };
    switch (spot.kind) {
        case GoPointerKind::kPointer: return found_pointer(address, *spot.target, worth);
        case GoPointerKind::kSlice:
            return found_array(address, following(2), *spot.target, GoObjectForm::kElements, worth);
        case GoPointerKind::kString: return found_text(address, following(1));
        case GoPointerKind::kInterface: return found_interface(address, following(1), worth);
        case GoPointerKind::kMap: return found_map_part(address, GoObjectForm::kMap, *spot.target, 48, worth);
        case GoPointerKind::kChannel: return found_channel(address, *spot.target, worth);
        case GoPointerKind::kFunction: return found_closure(address, worth);
        case GoPointerKind::kUntyped:
        case GoPointerKind::kRepeat: return;
    }
}

void GoTypeFinder::found_variable(uint64_t address, const GoType& type) {
    if (!type.has_pointers() || roots_.variables_at(address).size_bytes() < type.bytes) return;
    if (variables_.emplace(address, &type).second) open_variables_.emplace_back(address, &type);
}

void GoTypeFinder::found_pointer(uint64_t address, const GoType& target, Worth worth) {
    const GoObject object = object_at(address);
    if (!object.exists()) return found_variable(address, target);
    if (target.bytes == 0 || is_settled(object, {GoObjectForm::kValue, &target}, worth)) return;
    if (fits(object, target.bytes, target.has_pointers())) return set(object, {GoObjectForm::kValue, &target}, worth);
    if (target.has_pointers() && target.bytes <= model_.value_bytes(object))
        set(object, {GoObjectForm::kBeginning, &target}, Worth::kBeginning);
}

// A slice may begin behind the beginning of its array.
void GoTypeFinder::found_array(uint64_t address, uint64_t count, const GoType& element, GoObjectForm form,
                               Worth worth) {
    const GoObject object = model_.find(address);
    if (!object.exists() || element.bytes == 0 || address < model_.start(object)) return;
    if (is_settled(object, {form, &element}, worth) && form != GoObjectForm::kChannelBuffer) return;
    const uint64_t bytes = model_.value_bytes(object);
    const uint64_t before = address - model_.start(object);
    if (before > bytes || before % element.bytes != 0 || count > (bytes - before) / element.bytes) return;
    if (fits(object, before + count * element.bytes, element.has_pointers())) set(object, {form, &element}, worth);
}

void GoTypeFinder::found_text(uint64_t address, uint64_t length) {
    const GoObject object = object_at(address);
    if (!object.exists() || worth_[object.number] >= Worth::kText || length == 0 || length > model_.value_bytes(object))
        return;
    const GoModelSpan& span = model_.spans()[object.span];
    if (!span.has_pointers && !span.is_tiny) set(object, {GoObjectForm::kText}, Worth::kText);
}

void GoTypeFinder::found_interface(uint64_t type_word, uint64_t data, Worth worth) {
    if (data == 0) return;
    if (const GoType* type = dynamic_type(type_word)) found_dynamic(*type, data, worth);
}

void GoTypeFinder::found_dynamic(const GoType& type, uint64_t data, Worth worth) {
    if (!type.is_direct) {
        const GoObject object = object_at(data);
        if (!object.exists()) return found_variable(data, type);
        if (type.bytes != 0 && fits(object, type.bytes, type.has_pointers()))
            set(object, {GoObjectForm::kValue, &type}, worth);
        return;
    }
    // The value itself, which is a pointer or consists of one.
    visit_value({&data, 1}, 0, type, worth);
}

void GoTypeFinder::found_closure(uint64_t address, Worth worth) {
    const GoObject object = object_at(address);
    if (!object.exists()) return;
    const auto words = model_.words(object);
    if (!words.empty() && is_function(words[0])) set(object, {GoObjectForm::kClosure, nullptr, words[0]}, worth);
}

// Most pointers lead to what is known already: nothing more has to be looked at then.
bool GoTypeFinder::is_settled(GoObject object, const GoObjectKind& kind, Worth worth) const {
    const Worth known = worth_[object.number];
    return known > worth || (known == worth && scan_.kind(object) == kind);
}

void GoTypeFinder::set(GoObject object, const GoObjectKind& kind, Worth worth) {
    Worth& known = worth_[object.number];
    // The runtime's note is of the elements, what points to them says what they are used for.
    const bool is_refined = known == Worth::kHeader && kind.form == GoObjectForm::kChannelBuffer &&
                            kind.type == scan_.kind(object).type && scan_.kind(object).form != kind.form;
    if (worth < known && !is_refined) return;
    // Of two pointers to one place the one to the larger type is to the whole.
    if (worth == known && covered_bytes(object, kind) <= covered_bytes(object, scan_.kind(object))) return;
    known = std::max(known, worth);
    scan_.kind_of_[object.number] = number_of(kind);
    if (model_.spans()[object.span].has_pointers) open(object);
}

uint64_t GoTypeFinder::covered_bytes(GoObject object, const GoObjectKind& kind) const {
    const bool is_one = kind.form == GoObjectForm::kValue || kind.form == GoObjectForm::kBeginning;
    return is_one ? kind.type->bytes : model_.value_bytes(object) + 1;
}

GoObject GoTypeFinder::object_at(uint64_t address) const {
    const GoObject object = model_.find(address);
    return object.exists() && model_.start(object) == address ? object : GoObject{};
}

bool GoTypeFinder::fits(GoObject object, uint64_t bytes, bool has_pointers) const {
    const GoModelSpan& span = model_.spans()[object.span];
    return span.has_pointers == has_pointers && go_slot_bytes(bytes + (span.has_headers ? 8 : 0)) == span.element_bytes;
}

const GoType* GoTypeFinder::dynamic_type(uint64_t word) {
    if (types_.covers(word)) {
        if (const GoType* type = types_.at(word)) return type;
    }
    return type_of_itab(word);
}

// An itab names interface and type, and repeats the type's hash.
const GoType* GoTypeFinder::type_of_itab(uint64_t address) {
    struct Itab {
        uint64_t interface = 0;
        uint64_t type = 0;
        uint32_t hash = 0;
        uint32_t unused = 0;
    };
    if (address % 8 != 0) return nullptr;
    const auto [found, is_new] = itabs_.try_emplace(address, nullptr);
    if (!is_new || itab_reads_left_ == 0) return found->second;
    --itab_reads_left_;
    const auto itab = process_.memory().read_object<Itab>(address);
    const GoType* interface = itab ? types_.at(itab->interface) : nullptr;
    const GoType* type = itab ? types_.at(itab->type) : nullptr;
    if (interface && interface->kind == GoKind::kInterface && type && type->hash == itab->hash) found->second = type;
    return found->second;
}

bool GoTypeFinder::is_function(uint64_t address) {
    const GoModuleData& module = process_.code().module_data();
    if (process_.to_file(address) - module.text >= module.text_end - module.text) return false;
    const auto [found, is_new] = functions_.try_emplace(address, false);
    if (is_new) {
        const auto function = process_.function_at(address);
        found->second = function && function->entry == process_.to_file(address);
    }
    return found->second;
}

}  // namespace whoholds
