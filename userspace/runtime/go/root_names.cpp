#include "runtime/go/root_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "bpf/shared/records.h"

namespace whoholds {

GoRootOwner GoRootNames::owner_of(const GoRoot& root) {
    const GoroutineRecord& record = roots_.goroutines[root.goroutine];
    const auto [found, is_new] = owners_.try_emplace({record.start, record.creator}, GoRootOwner::kLibrary);
    if (is_new) {
        const std::string start = function_name(record.start, false);
        if (start == "runtime.main" || is_go_users(process_, start) ||
            (record.creator != 0 && is_go_users(process_, function_name(record.creator, true))))
            found->second = GoRootOwner::kUser;
        else if (start.starts_with("runtime."))
            found->second = GoRootOwner::kRuntime;
    }
    // Of one that runs the stack is that of when it was suspended last: others are to be believed before it.
    const bool is_at_rest = record.state != GoroutineState::kRunning;
    return found->second == GoRootOwner::kUser && !is_at_rest ? GoRootOwner::kLibrary : found->second;
}

bool GoRootNames::is_of_runtime(uint64_t variable) const {
    const uint64_t in_file = process_.to_file(variable);
    return symbols_.is_empty() ? users_.is_of_runtime(process_, in_file)
                               : symbols_.name_at(in_file).starts_with("runtime.");
}

std::string GoRootNames::of_variable(uint64_t address) const {
    const uint64_t in_file = process_.to_file(address);
    const std::string name = symbols_.name_at(in_file);
    if (!name.empty()) return "variable " + name;
    std::string text = fmt::format("variable at {:#x}", in_file);
    if (const GoType* type = scan_.variable_type(address)) text += fmt::format(" ({})", type->name);
    const std::string users = users_.of(process_, in_file);
    return users.empty() ? text : text + ", used by " + users;
}

const std::string& GoRootNames::of_goroutine(uint32_t number) {
    const auto [found, is_new] = goroutines_.try_emplace(number);
    if (is_new) found->second = words_of(number);
    return found->second;
}

std::string GoRootNames::words_of(uint32_t number) {
    const GoroutineRecord& record = roots_.goroutines[number];
    std::string start = function_name(record.start, false);
    if (start == "runtime.main") start = "main.main";
    std::string text = "goroutine " + start;
    const std::string inside = users_function_of(number);
    if (!inside.empty() && inside != start) text += " in " + inside;
    const std::string creator = record.creator == 0 ? "" : function_name(record.creator, true);
    if (!creator.empty() && !creator.starts_with("runtime.")) text += ", started by " + creator;
    return text;
}

std::string GoRootNames::users_function_of(uint32_t number) {
    const GoroutineRecord& record = roots_.goroutines[number];
    const auto root = std::ranges::find(roots_.roots, number, &GoRoot::goroutine);
    if (!record.has_stack_to_walk() || root == roots_.roots.end() || root->address != record.sp) return "";
    const auto words = roots_.words_of(*root);
    const GoStack stack =
        walker_.walk(record, {reinterpret_cast<const uint8_t*>(words.data()), words.size() * sizeof(uint64_t)});
    if (stack.end != GoStackEnd::kComplete) return "";
    for (const uint64_t frame : stack.frames) {
        std::string name = function_name(frame & ~WH_FRAME_EXACT, (frame & WH_FRAME_EXACT) == 0);
        if (is_go_users(process_, name)) return name;
    }
    return "";
}

std::string GoRootNames::function_name(uint64_t address, bool is_call) const {
    const auto function = process_.function_at(is_call && address > 0 ? address - 1 : address);
    const std::string_view name = function ? process_.code().table().name_of(*function) : std::string_view();
    return name.empty() ? "?" : readable_go_name(name);
}

}  // namespace whoholds
