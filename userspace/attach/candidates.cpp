#include "attach/candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "attach/call_shape.h"
#include "attach/probe_placement.h"
#include "attach/return_sites.h"
#include "symbolize/symbolizer.h"

namespace whoholds {
namespace {

constexpr size_t kStubBytes = 32;

// The candidate that a thunk jumps to, directly or through the PLT.
const Candidate* thunk_destination(const ModuleCode& code, const CandidatesByAddress& selected,
                                   const Candidate& thunk) {
    const uint64_t address = thunk.symbol->address;
    const uint64_t target = thunk_target(code.code_at(address, kStubBytes), address);
    if (target == 0 || target == address) return nullptr;
    if (const auto found = selected.find(target); found != selected.end()) return &found->second.front();
    const uint64_t slot = plt_slot(code.code_at(target, kStubBytes), target);
    const std::string import = slot == 0 ? std::string() : code.import_name(slot);
    if (import.empty()) return nullptr;
    for (const auto& [other_address, candidates] : selected) {
        if (other_address == address) continue;
        for (const Candidate& candidate : candidates) {
            if (candidate.symbol->name == import) return &candidate;
        }
    }
    return nullptr;
}

// A row says so of a name; one that may throw decides for all names of the address, and for thunks that lead there.
std::set<uint64_t> throwing_addresses(const ModuleCode& code, const CandidatesByAddress& selected) {
    std::set<uint64_t> throwing;
    for (const auto& [address, candidates] : selected) {
        const bool any = std::any_of(candidates.begin(), candidates.end(),
                                     [](const Candidate& candidate) { return candidate.may_throw; });
        const Candidate* destination = thunk_destination(code, selected, candidates.front());
        if (any || (destination != nullptr && destination->may_throw)) throwing.insert(address);
    }
    return throwing;
}

class ThrowingReturns {
public:
    ThrowingReturns(const ModuleCode& code, CandidatesByAddress& selected, Skips& skips)
        : code_(code), selected_(selected), skips_(skips), throwing_(throwing_addresses(code, selected)) {}

    std::map<uint64_t, std::vector<uint64_t>> find() {
        // A thunk whose function has been taken out has to stand on its own: again until nothing changes.
        size_t before = 0;
        do {
            before = selected_.size();
            for (const uint64_t address : throwing_) find_at(address);
        } while (selected_.size() != before);
        return std::move(found_);
    }

private:
    void find_at(uint64_t address) {
        const auto here = selected_.find(address);
        if (here == selected_.end() || found_.contains(address)) return;
        const Candidate& chosen = here->second.front();
        if (!needs_return(unpack(chosen.shape)) || covering_function(code_, selected_, chosen)) return;
        const ReturnSites sites =
            find_return_sites(code_, address, [this](uint64_t target) { return has_return_probe(target); });
        if (!sites.refusal.empty()) {
            return take_out(here, fmt::format("may throw, and its returns cannot all be found ({}): a return probe "
                                              "would end the process when it throws",
                                              sites.refusal));
        }
        if (sites.addresses.empty()) return take_out(here, "always ends in functions that are probed themselves");
        for (const uint64_t site : sites.addresses) found_[address].push_back(code_.offset_of(site).value_or(0));
    }

    [[nodiscard]] bool has_return_probe(uint64_t address) const {
        const auto here = selected_.find(address);
        if (here == selected_.end() || throwing_.contains(address)) return false;
        const Candidate& chosen = here->second.front();
        return needs_return(unpack(chosen.shape)) && covering_function(code_, selected_, chosen) == nullptr;
    }

    void take_out(CandidatesByAddress::iterator here, const std::string& why) {
        for (const Candidate& candidate : here->second) skips_.add(candidate.symbol->name, why);
        selected_.erase(here);
    }

    const ModuleCode& code_;
    CandidatesByAddress& selected_;
    Skips& skips_;
    std::set<uint64_t> throwing_;
    std::map<uint64_t, std::vector<uint64_t>> found_;
};

}  // namespace

void Skips::move_to(const std::string& path, std::vector<Skipped>& skipped) const {
    for (const auto& [why, symbols] : names_) {
        constexpr size_t kNamesShown = 6;
        std::vector<std::string> names;  // overloads have one
        for (const std::string& symbol : symbols) {
            std::string name = demangle_short(symbol);
            if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
        }
        std::string what;
        for (size_t i = 0; i < names.size() && i < kNamesShown; ++i) what += (i == 0 ? "" : ", ") + names[i];
        if (names.size() > kNamesShown) what += fmt::format(" and {} more", names.size() - kNamesShown);
        skipped.push_back({what + " in " + path, why});
    }
}

const Candidate* covering_function(const ModuleCode& code, const CandidatesByAddress& selected,
                                   const Candidate& thunk) {
    const Candidate* destination = thunk_destination(code, selected, thunk);
    return destination != nullptr && destination->shape == thunk.shape ? destination : nullptr;
}

std::map<uint64_t, std::vector<uint64_t>> find_throwing_returns(const ModuleCode& code, CandidatesByAddress& selected,
                                                                Skips& skips) {
    return ThrowingReturns(code, selected, skips).find();
}

}  // namespace whoholds
