#include "analyze/type_history.h"

#include <algorithm>

#include "analyze/thinning.h"

namespace whoholds {

void TypeHistory::look(const TypesReport& types, double time_s) {
    const double looked_s = time_s - types.age_s;
    if (!types.reached || types.looks <= seen_looks_) return;
    seen_looks_ = types.looks;
    if (!totals_.empty() && looked_s <= totals_.back().time_s) return;
    if (totals_.size() == kMostLooks) thin_out();
    const size_t now = totals_.size();
    totals_.push_back({looked_s, static_cast<double>(types.reached->bytes)});
    for (const TypeReport& type : types.types) {
        if (!type.is_known || !type.reached || type.telling == 0) continue;
        auto found = types_.find(type.name);
        if (found == types_.end()) {
            if (types_.size() >= kMostTypes) continue;
            found = types_.try_emplace(type.name, Series{.first = now, .looks = {}}).first;
        }
        Series& series = found->second;
        series.looks.resize(now - series.first);
        series.looks.push_back(
            {static_cast<double>(type.reached->amount.count), static_cast<double>(type.reached->whole_bytes)});
    }
}

void TypeHistory::thin_out() {
    keep_every_second(totals_, 0);
    for (auto& [name, series] : types_) {
        keep_every_second(series.looks, series.first);
        series.first /= 2;
    }
    absl::erase_if(types_, [](const auto& one) {
        return std::ranges::all_of(one.second.looks, [](const Look& look) { return look.count == 0; });
    });
}

std::vector<Sample> TypeHistory::total_bytes() const { return totals_; }

std::vector<Sample> TypeHistory::samples(const std::string& type, double Look::*number) const {
    const auto found = types_.find(type);
    if (found == types_.end()) return {};
    const Series& series = found->second;
    std::vector<Sample> samples = totals_;
    for (size_t i = 0; i < samples.size(); i++) {
        const bool is_known = i >= series.first && i - series.first < series.looks.size();
        samples[i].value = is_known ? series.looks[i - series.first].*number : 0;
    }
    return samples;
}

std::vector<Sample> TypeHistory::counts(const std::string& type) const { return samples(type, &Look::count); }

std::vector<Sample> TypeHistory::whole_bytes(const std::string& type) const {
    return samples(type, &Look::whole_bytes);
}

}  // namespace whoholds
