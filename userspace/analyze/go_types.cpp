#include "analyze/go_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "base/human.h"

namespace whoholds {
namespace {

constexpr size_t kMostSeries = 100'000;

bool is_asked_for(const std::vector<std::string>& asked_for, std::string_view name) {
    return std::ranges::any_of(asked_for, [&](const std::string& one) { return means_go_type(one, name); });
}

// What a package keeps to itself, and ciphers: parts of something else, whatever that is.
bool is_of_inner_parts(std::string_view package) {
    return package.starts_with("crypto/") || package.starts_with("internal/") ||
           package.find("/internal/") != std::string_view::npos || package.ends_with("/internal");
}

// What a leak is best known by: the user's own types, then those of libraries, then texts, arrays, tables and the inner parts of
// libraries; the runtime's last.
int telling(const GoTypeRow& row, const std::string& main_module) {
    if (!row.is_known || row.package == "runtime" || row.name.starts_with("*runtime.")) return 0;
    if (row.package.empty()) return 1;
    if (is_go_users_package(row.package, main_module)) return 3;
    return is_of_inner_parts(row.package) ? 1 : 2;
}

}  // namespace

bool means_go_type(std::string_view asked_for, std::string_view name) {
    if (asked_for == name) return true;
    if (!asked_for.starts_with('*') && name.starts_with('*')) name.remove_prefix(1);
    if (asked_for == name) return true;
    const size_t dot = name.substr(0, std::min(name.find('['), name.size())).rfind('.');
    return dot != std::string_view::npos && name.substr(dot + 1) == asked_for;
}

void GoTypeLedger::look(GoTypeReading reading, double time_s, double took_s) {
    last_look_s_ = time_s;
    took_s_ = took_s;
    if (!reading.rows.empty()) ++looks_;
    for (const GoTypeRow& row : reading.rows) {
        if (series_.size() >= kMostSeries && !series_.contains(row.name)) continue;
        Series& series = series_[row.name];
        series.growth.add(time_s, {row.count, row.bytes});
        if (row.reached) series.whole.add(time_s, {row.reached->count, row.reached->whole_bytes});
        if (series.looks < series.early.size()) series.early[series.looks] = row.count;
        series.recent[series.looks % series.recent.size()] = row.count;
        ++series.looks;
    }
    last_ = std::move(reading);
}

std::optional<Rate> GoTypeLedger::growth_of(const std::string& name) const {
    const auto found = series_.find(name);
    return found == series_.end() ? std::nullopt : found->second.growth.per_minute();
}

// Garbage makes counts go up and down between collections; what leaks is more even when there is least of it.
bool GoTypeLedger::grows(const std::string& name) const {
    const auto found = series_.find(name);
    if (found == series_.end() || found->second.looks < found->second.recent.size() + 1) return false;
    const Series& series = found->second;
    const auto rate = series.growth.per_minute();
    const size_t early = std::min<size_t>(series.looks - series.recent.size(), series.early.size());
    const auto most_early =
        *std::max_element(series.early.begin(), series.early.begin() + static_cast<ptrdiff_t>(early));
    return rate && rate->count > 0 && *std::ranges::min_element(series.recent) > most_early;
}

std::vector<std::string> GoTypeLedger::grown_most(const std::vector<GoTypeRow>& rows) const {
    constexpr size_t kMost = 4;
    constexpr double kWorthSayingBytes = 16'384;  // per minute
    std::vector<std::pair<double, const GoTypeRow*>> growing;
    for (const GoTypeRow& row : rows) {
        const auto found = series_.find(row.name);
        if (found == series_.end() || !row.is_known || telling(row, last_.main_module) == 0) continue;
        const auto rate = found->second.whole.per_minute();
        if (rate && rate->bytes >= kWorthSayingBytes) growing.emplace_back(-rate->bytes, &row);
    }
    std::ranges::sort(growing);
    std::vector<std::string> names;
    for (size_t i = 0; i < std::min(kMost, growing.size()); ++i) names.push_back(growing[i].second->name);
    return names;
}

std::vector<std::string> GoTypeLedger::worth_a_search(const std::vector<GoTypeRow>& rows,
                                                      const std::vector<std::string>& asked_for) const {
    constexpr size_t kLargest = 5;
    constexpr size_t kGrowing = 5;
    constexpr size_t kAskedFor = 20;
    std::vector<std::string> names;
    const auto add = [&](const GoTypeRow& row) {
        if (std::ranges::find(names, row.name) != names.end()) return false;
        names.push_back(row.name);
        return true;
    };
    size_t left = kAskedFor;
    for (const GoTypeRow& row : rows) {
        if (row.is_known && left > 0 && is_asked_for(asked_for, row.name) && add(row)) --left;
    }
    std::vector<std::tuple<int, double, const GoTypeRow*>> growing;
    for (const GoTypeRow& row : rows) {
        if (row.is_known && grows(row.name))
            growing.emplace_back(-telling(row, last_.main_module), -growth_of(row.name)->bytes, &row);
    }
    std::ranges::sort(growing);
    for (size_t i = 0; i < std::min(kGrowing, growing.size()); ++i) add(*std::get<2>(growing[i]));
    const std::vector<std::string> most = grown_most(rows);
    for (const GoTypeRow& row : rows) {
        if (std::ranges::find(most, row.name) != most.end()) add(row);
    }
    left = kLargest;
    for (const GoTypeRow& row : rows) {
        if (row.is_known && left > 0 && add(row)) --left;
    }
    return names;
}

void GoTypeLedger::fill(size_t top, const std::vector<std::string>& asked_for, double now_s, ProcessReport& report,
                        Coverage& coverage) const {
    if (!last_look_s_) return;
    if (!last_.problem.empty()) coverage.notes.push_back("Go types: " + last_.problem);
    if (last_.rows.empty()) return;
    TypesReport types{.read_bytes = last_.read_bytes, .took_s = took_s_};
    types.all = {last_.objects, last_.bytes};
    types.changed = {last_.changed_objects, last_.changed_bytes};
    types.age_s = std::max(0.0, now_s - *last_look_s_);
    types.looks = looks_;
    if (last_.reached) types.reached = {last_.reached->count, last_.reached->bytes};
    for (const GoTypeRow& row : last_.rows) {
        TypeReport type{.name = row.name, .is_known = row.is_known, .held = {row.count, row.bytes}};
        if (!row.is_known) {
            types.unknown.count += row.count;
            types.unknown.bytes += row.bytes;
        }
        type.growth_per_min = growth_of(row.name);
        type.grows = row.is_known && grows(row.name);
        type.is_asked_for = is_asked_for(asked_for, row.name);
        type.telling = telling(row, last_.main_module);
        if (row.reached) type.reached = {{row.reached->count, row.reached->bytes}, row.reached->whole_bytes};
        for (const GoTypeHolders& holders : last_.holders) {
            if (holders.type != row.name) continue;
            for (const GoHolder& holder : holders.ways)
                type.held_by.push_back({holder.way, holder.count, holder.looked_at});
        }
        types.types.push_back(std::move(type));
    }
    std::ranges::stable_sort(types.types, std::greater(), [](const TypeReport& type) {
        const double growth = type.grows && type.growth_per_min ? type.growth_per_min->bytes : 0;
        return std::tuple(type.is_asked_for, type.grows ? type.telling : 0, growth);
    });
    if (types.types.size() > top) {
        types.omitted = types.types.size() - top;
        types.types.resize(top);
    }
    report.types = std::move(types);
}

}  // namespace whoholds
