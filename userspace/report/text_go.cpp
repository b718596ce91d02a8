// What a Go program's runtime says of its memory and its collector: why RSS and the heap differ.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>

#include "base/human.h"
#include "report/text_layout.h"
#include "report/text_parts.h"

namespace whoholds {
namespace {

std::string goal_text(const GoRuntimeFacts& facts) {
    if (!facts.gc_percent) return "GOGC off";
    const std::string percent = fmt::format("GOGC {}", *facts.gc_percent);
    return facts.heap_goal_bytes ? fmt::format("goal {} ({})", human_bytes(*facts.heap_goal_bytes), percent) : percent;
}

std::string collections_text(const GoReport& go) {
    std::string text = exact_count(go.facts.gc_count) + " collections";
    if (go.collections_per_min && std::isfinite(*go.collections_per_min))
        text += fmt::format(", {:.1f}/min", *go.collections_per_min);
    return text;
}

}  // namespace

void write_go(const ProcessReport& process, TextOutput& output) {
    if (!process.go) return;
    const GoRuntimeFacts& facts = process.go->facts;
    constexpr uint64_t kWorthSaying = 1 << 20;
    const uint64_t outside = process.go->outside_bytes_at_least.value_or(0);
    const std::array<std::string, 11> parts = {
        "Go heap " + human_bytes(facts.heap_in_use_bytes),
        human_bytes(facts.heap_idle_bytes) + " idle",
        human_bytes(facts.heap_released_bytes) + " given back",
        "stacks " + human_bytes(facts.goroutine_stack_bytes),
        "runtime " + human_bytes(facts.other_bytes),
        outside >= kWorthSaying ? "outside of Go at least " + human_bytes(outside) : "",
        goal_text(facts),
        facts.memory_limit_bytes ? "GOMEMLIMIT " + human_bytes(*facts.memory_limit_bytes) : "",
        collections_text(*process.go),
        fmt::format("GOMAXPROCS {}", facts.max_procs),
        process.go->goroutines + process.go->system_goroutines == 0
            ? ""
            : fmt::format("{} goroutines and {} of the runtime's own", exact_count(process.go->goroutines),
                          process.go->system_goroutines)};
    for (const std::string& line : join_parts(parts, output.width())) output.line(line);
}

}  // namespace whoholds
