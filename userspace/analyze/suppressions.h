// Suppressions: what the user knows and does not want to be told again, from a file in the syntax of LeakSanitizer. Used by the
// session and by replays, around the judgement of each report.
// Invariant: nothing is lost. Suppressed stacks are moved aside (ProcessReport::suppressed), totals stay as they are, and what was
// moved is counted. Pure but for read().
//
// A line is `KIND:PATTERN`; lines that begin with # are comments.
//   leak:      stacks of every kind; otherwise the kind's JSON name, `pair` for all pairs of functions
//   finding:   findings by their headline or the name of their rule: some are about no stack ("page_cache")
// The pattern is searched in the function, source file and module of every frame. * stands for anything, ^ at the beginning and $ at
// the end for the beginning and the end.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/report.h"

namespace whoholds {

class SuppressionPattern {
public:
    explicit SuppressionPattern(std::string_view text);
    [[nodiscard]] bool matches(std::string_view text) const;  // never an empty text

private:
    bool at_start_ = false;
    bool at_end_ = false;
    std::vector<std::string> parts_;  // between the stars, at least one
};

class Suppressions {
public:
    // name: of the file, for errors, which name the line as well.
    static Result<Suppressions> parse(std::string_view text, std::string_view name);
    static Result<Suppressions> read(const std::string& path);

    // Before the process is judged: its suppressed stacks, and connections that belong to nothing else.
    void take_out_stacks(ProcessReport& process);
    // Afterwards.
    void take_out_findings(ProcessReport& process);
    // Once all processes were gone over: Report::suppressed.
    void sum_up(Report& report);

private:
    struct Suppression {
        std::string text;  // as in the file
        size_t line = 0;
        std::string kind;
        SuppressionPattern pattern;
        bool ever_matched = false;
        uint64_t stacks = 0;  // that it suppresses in the report at hand
        uint64_t findings = 0;
    };

    [[nodiscard]] bool is_suppressed(const StackReport& stack);
    // The suppressions whose pattern matches, whatever their kind.
    const std::vector<uint32_t>& matching(const std::string& text);

    std::vector<Suppression> suppressions_;
    absl::flat_hash_map<std::string, std::vector<uint32_t>> matching_;  // names come again and again
    uint64_t findings_ = 0;
};

// The report as it was before: for recordings, which keep everything.
void put_back_suppressed(Report& report);

}  // namespace whoholds
