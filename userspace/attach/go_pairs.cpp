#include "attach/go_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attach/call_shape.h"
#include "attach/go_handles.h"

namespace whoholds {
namespace {

using Role = PlannedGoProbe::Role;

// As the user may have written it: instances of a generic function with their type arguments left out, or without brackets.
bool is_named(std::string_view in_table, std::string_view wanted) {
    if (in_table == wanted) return true;
    if (in_table.find_first_of("[%") == std::string_view::npos) return false;
    const std::string readable = readable_go_name(in_table);
    return readable == wanted || (readable.ends_with("[...]") && readable.substr(0, readable.size() - 5) == wanted);
}

const PairFunction* named(const std::vector<const PairFunction*>& wanted, std::string_view name) {
    const auto match =
        std::ranges::find_if(wanted, [&](const PairFunction* one) { return is_named(name, one->symbol); });
    return match == wanted.end() ? nullptr : *match;
}

struct Found {
    const PairFunction* wanted = nullptr;
    GoFunction function;
    GoFunctionSites sites;
    GoHandle handle;
};

class GoPairs {
public:
    GoPairs(const ElfImage& image, const GoCode& code, PairSearch& search, ModulePlan& module,
            std::vector<Skipped>& skipped)
        : image_(image), code_(code), search_(search), module_(module), skipped_(skipped) {}

    void plan(size_t pair) {
        const auto wanted = search_.go_functions(pair, module_.path);
        if (wanted.empty()) return;
        std::vector<Found> found = find(wanted);
        std::string why_not = look_for_inlined(wanted, found);
        if (why_not.empty() && !found.empty()) why_not = find_handles(found);
        if (!why_not.empty()) return skip_all(found, why_not);
        const bool acquires = std::ranges::any_of(
            found, [](const Found& one) { return one.wanted->role == PairFunction::Role::kAcquire; });
        if (!acquires) return skip_all(found, "nothing that acquires can be probed; releases alone would say nothing");
        for (const Found& one : found) add(one, found, pair);
    }

private:
    std::vector<Found> find(const std::vector<const PairFunction*>& wanted) {
        std::vector<Found> found;
        for (size_t i = 0; i < code_.table().function_count(); ++i) {
            const auto function = code_.table().function(i);
            if (!function) continue;
            const PairFunction* match = named(wanted, code_.table().name_of(*function));
            if (match == nullptr) continue;
            search_.note_go_function(*match, module_.path, function->entry);
            auto sites = go_function_sites(image_, code_, *function);
            if (sites && match->role == PairFunction::Role::kAcquire && sites->returns.empty())
                sites = Error{ErrorCode::kUnsupported, "it does not return"};
            if (sites)
                found.push_back({match, *function, *std::move(sites), {}});
            else
                skip(match->symbol, sites.error().message);
        }
        return found;
    }

    // What is taken out of `found` is skipped. Returns why the pair is not followed, "" if it is.
    std::string find_handles(std::vector<Found>& found) {
        if (!handles_) handles_.emplace(image_, code_);
        std::vector<GoHandle> released;
        for (Found& one : found) {
            if (one.wanted->role != PairFunction::Role::kRelease) continue;
            auto handle = handles_->released(*one.wanted, one.function);
            if (!handle) return handle.error().message;
            one.handle = *std::move(handle);
            released.push_back(one.handle);
        }
        std::erase_if(found, [&](Found& one) {
            if (one.wanted->role != PairFunction::Role::kAcquire) return false;
            auto handle = handles_->acquired(*one.wanted, one.function, released);
            if (!handle) {
                skip(one.wanted->symbol, handle.error().message);
                return true;
            }
            one.handle = *std::move(handle);
            return false;
        });
        return {};
    }

    void skip(const std::string& symbol, const std::string& why) {
        skipped_.push_back({fmt::format("{} in {}", symbol, module_.path), why});
    }

    void skip_all(const std::vector<Found>& found, const std::string& why) {
        for (const Found& one : found) skip(one.wanted->symbol, why);
    }

    void add(const Found& one, const std::vector<Found>& all, size_t pair) {
        const bool acquires = one.wanted->role == PairFunction::Role::kAcquire;
        // What it returns comes of another one of them, which is counted.
        const auto inner = std::ranges::find_if(all, [&](const Found& other) {
            return other.wanted->role == one.wanted->role && other.sites.entry != one.sites.entry &&
                   std::ranges::binary_search(one.sites.calls, other.sites.entry);
        });
        if (inner != all.end())
            return skip(one.wanted->symbol, fmt::format("it calls {}, which is probed", inner->wanted->symbol));
        module_.go_probes.push_back({.role = acquires ? Role::kAcquired : Role::kReleased,
                                     .symbol = one.sites.name,
                                     .address = one.sites.entry,
                                     .sites = acquires ? one.sites.returns : std::vector{one.sites.start},
                                     .shape = WH_SHAPE_PUT(KIND, WH_KIND_PAIR_FIRST + pair) |
                                              WH_SHAPE_PUT(KEY_ARG, one.handle.word) |
                                              WH_SHAPE_PUT(KEY_INDIRECT, one.handle.may_be_interface)});
    }

    // Calls that the compiler put into the caller are not seen. Of what acquires that is a miss, which is said; of what releases
    // the pair would show as held what is not: returns why it is not followed, "" if it is.
    std::string look_for_inlined(const std::vector<const PairFunction*>& wanted, const std::vector<Found>& found) {
        std::string why_not;
        for (size_t i = 0; i < code_.table().function_count(); ++i) {
            const auto function = code_.table().function(i);
            if (!function) continue;
            for (const std::string& name : code_.inlined_functions(image_, *function)) {
                const PairFunction* match = named(wanted, name);
                if (match == nullptr) continue;
                const std::string into = readable_go_name(code_.table().name_of(*function));
                const bool has_code = std::ranges::count(found, match, &Found::wanted) > 0;
                if (!has_code) search_.note_inlined(*match, into);
                if (match->role == PairFunction::Role::kRelease)
                    why_not = fmt::format(
                        "{} is inlined into {}: what it releases there would seem to be held, so the pair is not "
                        "followed",
                        match->symbol, into);
                else if (has_code)
                    skip(fmt::format("{} inside of {}", match->symbol, into), "inlined there, and not seen");
            }
        }
        return why_not;
    }

    const ElfImage& image_;
    const GoCode& code_;
    PairSearch& search_;
    ModulePlan& module_;
    std::vector<Skipped>& skipped_;
    std::optional<GoHandles> handles_;  // once a pair needs it: debug information may be large
};

}  // namespace

void plan_go_pairs(const ElfImage& image, const GoCode& code, PairSearch& search, ModulePlan& module,
                   std::vector<Skipped>& skipped) {
    GoPairs pairs(image, code, search, module, skipped);
    for (size_t pair = 0; pair < search.pairs().size(); ++pair) pairs.plan(pair);
}

}  // namespace whoholds
