#include "attach/go_handles.h"

#include <fmt/format.h>

#include <algorithm>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

// Stenciling, which 1.20 did away with, put the dictionary of a generic method in front of its receiver.
constexpr unsigned kReceiverFirstMinor = 20;

std::string list_of(const std::vector<GoValue>& values) {
    std::string text;
    for (const GoValue& value : values) text += (text.empty() ? "" : ", ") + value.type;
    return text.empty() ? "nothing" : "(" + text + ")";
}

// The one word that stands for a value: a pointer, a number, or what an interface holds; also where it is all that a structure has.
std::optional<GoHandle> handle_in(const GoValue& value) {
    using enum GoWord;
    const bool is_interface = value.words == std::vector{kType, kData};
    if (value.first_word == 0 || (value.words.size() != 1 && !is_interface)) return std::nullopt;
    const unsigned word = value.first_word + (is_interface ? 1 : 0);
    if (word > kMaxArgument || value.words.back() == kOther) return std::nullopt;
    return GoHandle{.word = word, .holds = value.words.back(), .type = readable_go_name(value.type)};
}

bool are_alike(const GoHandle& acquired, const GoHandle& released) {
    const auto is_address = [](GoWord word) { return word == GoWord::kPointer || word == GoWord::kData; };
    return acquired.holds == released.holds || (is_address(acquired.holds) && is_address(released.holds));
}

Error unclear(const PairFunction& function, std::string_view does, const std::vector<GoValue>& values,
              std::string_view attribute) {
    return {ErrorCode::kUnsupported,
            fmt::format("{} {} {}, and none of it is clearly the handle: say which word is, as {}:{}2 (a pointer or "
                        "number is one word, a string or interface two, a slice three)",
                        function.symbol, does, list_of(values), function.symbol, attribute)};
}

bool is_generic_function(std::string_view name) { return name.ends_with(']'); }

}  // namespace

std::string go_receiver_of(std::string_view name) {
    const std::string readable = readable_go_name(name);
    const size_t open = readable.find(".(*");
    const size_t close = readable.find(").", open == std::string::npos ? 0 : open);
    if (open == std::string::npos || close == std::string::npos) return {};
    return "*" + readable.substr(0, open) + "." + readable.substr(open + 3, close - open - 3);
}

Result<GoHandle> choose_go_result(const PairFunction& function, const GoSignature& signature,
                                  const std::vector<GoHandle>& released) {
    std::vector<GoHandle> handles;
    for (const GoValue& value : signature.results)
        if (const auto handle = handle_in(value); handle && handle->type != "error") handles.push_back(*handle);
    const auto first = [&](auto is_it) -> std::optional<GoHandle> {
        const auto found = std::ranges::find_if(handles, [&](const GoHandle& acquired) {
            return std::ranges::any_of(released, [&](const GoHandle& one) { return is_it(acquired, one); });
        });
        return found == handles.end() ? std::nullopt : std::optional(*found);
    };
    if (auto same = first([](const auto& a, const auto& r) { return !a.type.empty() && a.type == r.type; }))
        return *std::move(same);
    const auto is_behind = [](const auto& a, const auto& r) {
        return a.holds == GoWord::kData && are_alike(a, r) && r.holds != GoWord::kOther;
    };
    if (auto behind = first(is_behind)) return *std::move(behind);
    if (auto alike = first([](const auto& a, const auto& r) { return r.holds == GoWord::kOther || are_alike(a, r); }))
        return *std::move(alike);
    return unclear(function, "returns", signature.results, "ret");
}

Result<GoHandle> choose_go_argument(const PairFunction& function, const GoSignature& signature) {
    if (!signature.parameters.empty())
        if (auto handle = handle_in(signature.parameters.front())) return *std::move(handle);
    return unclear(function, "takes", signature.parameters, "arg");
}

GoHandles::GoHandles(const ElfImage& image, const GoCode& code) : code_(code) {
    if (auto signatures = GoSignatures::open(image)) signatures_.emplace(*std::move(signatures));
}

// How many parameters stand before the dictionary of a generic function.
std::optional<size_t> GoHandles::dictionary_of(std::string_view name) const {
    if (name.find('[') == std::string_view::npos) return std::nullopt;
    return is_generic_function(name) || code_.minor_version() < kReceiverFirstMinor ? 0 : 1;
}

// The argument word that the user names, with what is known of it.
GoHandle GoHandles::told(unsigned word, const std::optional<GoSignature>& signature) {
    GoHandle handle{.word = word};
    if (!signature) return handle;
    for (const GoValue& value : signature->parameters) {
        if (value.first_word == 0 || word < value.first_word || word - value.first_word >= value.words.size()) continue;
        handle.holds = value.words[word - value.first_word];
        handle.type = readable_go_name(value.type);
    }
    return handle;
}

std::optional<GoSignature> GoHandles::signature_of(const GoFunction& function) const {
    if (!signatures_) return std::nullopt;
    return signatures_->find(function.entry, dictionary_of(code_.table().name_of(function)));
}

Result<GoHandle> GoHandles::released(const PairFunction& wanted, const GoFunction& function) const {
    const std::string_view name = code_.table().name_of(function);
    if (wanted.go_word != 0) {
        // Who counts words does not know of the dictionary. What stands in front of it is a receiver, one word.
        const auto before = dictionary_of(name);
        const bool is_behind = before && wanted.go_word > *before;
        return told(wanted.go_word + (is_behind ? 1 : 0), signature_of(function));
    }
    const unsigned first = dictionary_of(name) == size_t{0} ? 2 : 1;
    // A receiver without a name is not in the debug information of Go 1.19.
    if (std::string receiver = go_receiver_of(name); !receiver.empty())
        return GoHandle{.word = first, .holds = GoWord::kPointer, .type = std::move(receiver)};
    if (const auto signature = signature_of(function)) return choose_go_argument(wanted, *signature);
    return GoHandle{.word = first, .may_be_interface = true};
}

Result<GoHandle> GoHandles::acquired(const PairFunction& wanted, const GoFunction& function,
                                     const std::vector<GoHandle>& released) const {
    if (wanted.go_word != 0) return GoHandle{.word = wanted.go_word};
    if (const auto signature = signature_of(function)) return choose_go_result(wanted, *signature, released);
    return GoHandle{.may_be_interface = true};
}

}  // namespace whoholds
