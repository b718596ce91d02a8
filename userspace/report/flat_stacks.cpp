#include "report/flat_stacks.h"

#include <algorithm>

namespace whoholds {
namespace {

Amount less(const Amount& whole, const Amount& part) {
    return {whole.count - std::min(whole.count, part.count), whole.bytes - std::min(whole.bytes, part.bytes)};
}

void add(Amount& sum, const Amount& part) {
    sum.count += part.count;
    sum.bytes += part.bytes;
}

void add_stacks_of(const Report& report, const ProcessReport& process, const KindReport& kind,
                   std::vector<FlatStack>& rows) {
    Amount held_elsewhere = kind.held;
    Amount acquired_elsewhere = kind.acquired;
    for (const StackReport& stack : process.stacks) {
        if (stack.kind != kind.kind) continue;
        held_elsewhere = less(held_elsewhere, stack.held);
        acquired_elsewhere = less(acquired_elsewhere, stack.acquired);
        FlatStack row{&process, &kind, &stack, stack.held, stack.acquired, ""};
        if (stack.frames.empty()) row.place = stack.before_attach ? "[taken before attach]" : "[no stack]";
        rows.push_back(row);
    }
    Amount held_suppressed;
    Amount acquired_suppressed;
    for (const auto& [index, stack] : process.suppressed.stacks) {
        if (stack.kind != kind.kind) continue;
        add(held_suppressed, stack.held);
        add(acquired_suppressed, stack.acquired);
    }
    if (held_suppressed != Amount{} || acquired_suppressed != Amount{})
        rows.push_back({&process, &kind, nullptr, held_suppressed, acquired_suppressed, "[suppressed]"});
    if (!report.selection.empty()) return;
    held_elsewhere = less(held_elsewhere, held_suppressed);
    acquired_elsewhere = less(acquired_elsewhere, acquired_suppressed);
    if (held_elsewhere == Amount{} && acquired_elsewhere == Amount{}) return;
    rows.push_back({&process, &kind, nullptr, held_elsewhere, acquired_elsewhere, "[other stacks]"});
}

}  // namespace

std::vector<FlatStack> flat_stacks(const Report& report) {
    std::vector<FlatStack> rows;
    for (const ProcessReport& process : report.processes) {
        for (const KindReport& kind : process.kinds) add_stacks_of(report, process, kind, rows);
    }
    return rows;
}

bool has_bytes(const KindReport& kind) {
    const auto has = [](const Amount& amount) { return amount.bytes != 0; };
    if (has(kind.held) || has(kind.acquired)) return true;
    return kind.kind == "heap" || kind.kind == "go_heap" || kind.kind == "mapping";
}

const KindReport* memory_kind(const ProcessReport& process) {
    for (const char* name : {"go_heap", "heap"}) {
        const auto found = std::ranges::find(process.kinds, name, &KindReport::kind);
        if (found != process.kinds.end()) return &*found;
    }
    return nullptr;
}

}  // namespace whoholds
