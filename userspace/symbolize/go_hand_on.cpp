#include "symbolize/go_hand_on.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr size_t kMaxFunctions = 10'000;

std::vector<std::string> handles_among(const GoSignature& signature) {
    std::vector<std::string> types;
    for (const GoValue& value : signature.results) {
        const bool is_handle =
            !value.words.empty() && (value.words[0] == GoWord::kPointer || value.words[0] == GoWord::kType);
        if (is_handle && !value.type.empty() && value.type != "error") types.push_back(value.type);
    }
    return types;
}

}  // namespace

void GoHandOn::learn(std::span<const Frame* const> frames, const std::function<Result<GoSignatures>()>& open) {
    std::optional<GoSignatures> signatures;
    for (const Frame* frame : frames) {
        if (has_none_ || frame->function.empty() || functions_.size() >= kMaxFunctions) continue;
        const auto [found, is_new] = functions_.try_emplace(frame->function);
        if (!is_new) continue;
        if (!signatures) {
            auto opened = open();
            if (!opened) {
                has_none_ = true;
                return;
            }
            signatures.emplace(*std::move(opened));
        }
        if (auto signature = signatures->find(frame->function))
            found->second = {handles_among(*signature), signature->tells_results, std::move(signature->variables)};
    }
}

// Whether what the frame before `at` returned goes to the one behind.
bool GoHandOn::hands_on(std::span<const Frame> frames, size_t at) const {
    const auto function_of = [&](size_t i) {
        const auto found = i < frames.size() ? functions_.find(frames[i].function) : functions_.end();
        return found == functions_.end() ? nullptr : &found->second;
    };
    const Function* const callee = function_of(at - 1);
    const Function* const function = function_of(at);
    const Function* const caller = function_of(at + 1);
    if (callee == nullptr || function == nullptr || caller == nullptr) return false;
    const bool is_told = function->tells_results;
    const std::vector<std::string>& goes_to = is_told ? function->results : caller->variables;
    return (is_told || frames[at].inlined) && std::ranges::any_of(callee->results, [&](const std::string& type) {
               return std::ranges::find(goes_to, type) != goes_to.end();
           });
}

bool GoHandOn::mark(std::span<Frame> frames) const {
    bool marked = false;
    for (size_t i = 1; i + 1 < frames.size(); ++i) {
        if (frames[i].created_by || frames[i + 1].created_by) continue;
        frames[i].hands_on = hands_on(frames, i);
        marked |= frames[i].hands_on;
    }
    return marked;
}

}  // namespace whoholds
