#include "runtime/go/heap_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "runtime/go/type_finder.h"

namespace whoholds {

GoHeapScan GoTypeFinder::take() {
    scan_.variables_.assign(variables_.begin(), variables_.end());
    std::ranges::sort(scan_.variables_, {}, &std::pair<uint64_t, const GoType*>::first);
    return std::move(scan_);
}

const GoType* GoHeapScan::variable_type(uint64_t address) const {
    constexpr size_t kMostBefore = 64;  // that may begin within a larger one
    const GoType* largest = nullptr;
    auto at = std::ranges::upper_bound(variables_, address, {}, &std::pair<uint64_t, const GoType*>::first);
    for (size_t i = 0; i < kMostBefore && at != variables_.begin(); ++i) {
        const auto& [start, type] = *--at;
        if (address - start < type->bytes && (!largest || type->bytes > largest->bytes)) largest = type;
    }
    return largest;
}

Result<GoHeapScan> GoHeapScan::scan(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots,
                                    std::span<const GoTypedVariable> variables, GoTypes& types, const GoOn& go_on) {
    GoTypeFinder finder(process, model, roots, types);
    WH_TRY_VOID(finder.find(variables, go_on));
    return finder.take();
}

bool is_go_users_package(std::string_view package, std::string_view main_module) {
    if (package == "main") return true;
    return !main_module.empty() && package.starts_with(main_module) &&
           (package.size() == main_module.size() || package[main_module.size()] == '/');
}

std::vector<GoTypeRow> go_type_rows(const GoHeapModel& model, const GoHeapScan& scan) {
    struct Amount {
        uint64_t count = 0;
        uint64_t bytes = 0;
        std::string_view package;
    };
    std::vector<Amount> by_kind(scan.kinds().size());
    std::map<std::pair<uint64_t, int>, Amount> unknown;  // by size of slot; tiny, without and with pointers
    for (const GoModelSpan& span : model.spans()) {
        const int what = span.is_tiny ? 0 : span.has_pointers ? 2 : 1;
        Amount* of_unknown = nullptr;
        for (uint32_t i = 0; i < span.element_count; ++i) {
            if (!model.is_allocated(span.first_number + i)) continue;
            const uint32_t kind = scan.kind_number(span.first_number + i);
            const bool is_unknown = scan.name(kind).empty();
            if (is_unknown && !of_unknown) of_unknown = &unknown[{span.element_bytes, what}];
            Amount& amount = is_unknown ? *of_unknown : by_kind[kind];
            ++amount.count;
            amount.bytes += span.element_bytes;
        }
    }
    std::map<std::string_view, Amount> by_name;
    for (uint32_t kind = 0; kind < by_kind.size(); ++kind) {
        if (by_kind[kind].count == 0) continue;
        Amount& amount = by_name[scan.name(kind)];
        amount.count += by_kind[kind].count;
        amount.bytes += by_kind[kind].bytes;
        amount.package = scan.package(kind);
    }
    std::vector<GoTypeRow> rows;
    for (const auto& [name, amount] : by_name)
        rows.push_back({std::string(name), std::string(amount.package), true, amount.count, amount.bytes, {}});
    for (const auto& [slot, amount] : unknown) {
        constexpr const char* kWhat[] = {"values under 16 bytes, several in one",
                                         "type not known, {} bytes, no pointers", "type not known, {} bytes"};
        rows.push_back(
            {fmt::format(fmt::runtime(kWhat[slot.second]), slot.first), "", false, amount.count, amount.bytes, {}});
    }
    std::ranges::stable_sort(rows, std::greater(), &GoTypeRow::bytes);
    return rows;
}

}  // namespace whoholds
