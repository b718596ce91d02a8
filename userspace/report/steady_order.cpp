#include "report/steady_order.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace whoholds {
namespace {

double size_of(const StackReport& stack, const std::string& sorted_by) {
    const Amount& amount = sorted_by == "total" ? stack.acquired : stack.held;
    const uint64_t size = sorted_by == "count" || amount.bytes == 0 ? amount.count : amount.bytes;
    return static_cast<double>(size);
}

// Small differences come and go.
bool is_clearly_more(double a, double b) {
    constexpr double kTenth = 0.1;
    return a - b > kTenth * std::min(std::fabs(a), std::fabs(b));
}

}  // namespace

void settle(std::vector<RankedRow>& rows) {
    std::ranges::stable_sort(rows, [](const RankedRow& a, const RankedRow& b) {
        return a.place && b.place ? *a.place < *b.place : a.place && !b.place;
    });
    const auto passes = [](const RankedRow& row, const RankedRow& above) {
        return row.place ? is_clearly_more(row.value, above.value) : row.value > above.value;
    };
    for (size_t i = 1; i < rows.size(); i++)
        for (size_t k = i; k > 0 && passes(rows[k], rows[k - 1]); k--) std::swap(rows[k], rows[k - 1]);
}

void SteadyOrder::apply(Report& report) {
    if (report.sorted_by == "age") return;
    std::map<Key, std::map<uint64_t, size_t>> places;
    for (ProcessReport& process : report.processes) {
        std::vector<std::string> kinds;
        std::map<std::string, std::vector<RankedRow>> by_kind;
        for (size_t i = 0; i < process.stacks.size(); i++) {
            const StackReport& stack = process.stacks[i];
            std::vector<RankedRow>& rows = by_kind[stack.kind];
            if (rows.empty()) kinds.push_back(stack.kind);
            RankedRow& row = rows.emplace_back();
            row.row = i;
            row.value = size_of(stack, report.sorted_by);
            const auto before = places_.find(Key{process.pid, stack.kind});
            if (before == places_.end()) continue;
            if (const auto place = before->second.find(stack.id); place != before->second.end())
                row.place = place->second;
        }
        std::vector<StackReport> ordered;
        ordered.reserve(process.stacks.size());
        for (const std::string& kind : kinds) {
            settle(by_kind[kind]);
            std::map<uint64_t, size_t>& now = places[Key{process.pid, kind}];
            for (const RankedRow& row : by_kind[kind]) {
                now.emplace(process.stacks[row.row].id, now.size());
                ordered.push_back(std::move(process.stacks[row.row]));
            }
        }
        process.stacks = std::move(ordered);
    }
    places_ = std::move(places);
}

}  // namespace whoholds
