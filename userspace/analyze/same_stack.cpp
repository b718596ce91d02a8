#include "analyze/same_stack.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace whoholds {
namespace {

// Lengths go before texts, so that no two sequences give the same key.
void append_text(std::string& key, std::string_view text) {
    key += std::to_string(text.size());
    key += ':';
    key += text;
}

void append_number(std::string& key, uint64_t number) {
    key += std::to_string(number);
    key += ';';
}

std::string key_of(const StackReport& stack) {
    std::string key;
    append_text(key, stack.kind);
    append_text(key, stack.why_incomplete);
    append_number(key, stack.complete ? 1 : 0);
    append_number(key, stack.before_attach ? 1 : 0);
    // Without frames nothing says that two stacks are the same.
    if (stack.frames.empty()) append_number(key, stack.id);
    return key + same_stack_key(stack.frames);
}

void add(Amount& to, const Amount& what) {
    to.count += what.count;
    to.bytes += what.bytes;
}

void merge_into(StackReport& to, const StackReport& from) {
    add(to.held, from.held);
    add(to.acquired, from.acquired);
    add(to.released, from.released);
    if (from.oldest_s) to.oldest_s = std::max(to.oldest_s.value_or(*from.oldest_s), *from.oldest_s);
    if (to.median_age_s != from.median_age_s) to.median_age_s.reset();
    if (from.growth_per_min) {
        Rate& rate = to.growth_per_min ? *to.growth_per_min : to.growth_per_min.emplace();
        rate.count += from.growth_per_min->count;
        rate.bytes += from.growth_per_min->bytes;
    }
    to.id = std::min(to.id, from.id);
}

}  // namespace

std::string same_stack_key(std::span<const Frame> frames) {
    std::string key;
    for (const Frame& frame : frames) {
        append_text(key, frame.module);
        append_text(key, frame.file);
        append_number(key, static_cast<uint64_t>(frame.line));
        append_number(key, frame.inlined ? 1 : 0);
        append_text(key, frame.line > 0 ? frame.function : frame.raw_function);
        if (frame.function.empty())
            append_number(key, frame.module_address != 0 ? frame.module_address : frame.address);
    }
    return key;
}

std::vector<StackReport> merge_same_stacks(std::vector<StackReport> stacks) {
    std::vector<StackReport> merged;
    absl::flat_hash_map<std::string, size_t> place;
    for (StackReport& stack : stacks) {
        const auto [found, is_new] = place.try_emplace(key_of(stack), merged.size());
        if (is_new) {
            merged.push_back(std::move(stack));
        } else {
            merge_into(merged[found->second], stack);
        }
    }
    return merged;
}

}  // namespace whoholds
