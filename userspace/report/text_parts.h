// The sections of the text report, one file each; text.cpp puts them together. Used by report/text*.cpp and, for its pages, by top/.
// Invariant: every line goes through TextOutput::line, so none is wider than the options say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "report/formats.h"

namespace whoholds {

enum class Verdict { kNone, kDoubtful, kBad };  // what colour means: a number may be off; the report cannot be trusted

class TextOutput {
public:
    explicit TextOutput(const FormatOptions& options) : options_(options) {}

    void line(std::string_view text, Verdict verdict = Verdict::kNone);
    void blank() { text_ += '\n'; }
    // "  label    text", wrapped; later lines begin where the text begins.
    void labelled(std::string_view label, size_t label_width, std::string_view text, Verdict verdict = Verdict::kNone);

    [[nodiscard]] const FormatOptions& options() const { return options_; }
    [[nodiscard]] size_t width() const { return options_.width; }
    [[nodiscard]] std::string take() && { return std::move(text_); }

private:
    const FormatOptions& options_;
    std::string text_;
};

// "+1.6 MiB", "+12 blocks" where bytes stay, "steady" (less than one byte and a tenth of a block a minute), and when it
// is not known "not yet" or, in the final report, "n/a".
// counted: of a kind without bytes, where the count is all there is: "+12".
std::string growth_text(const std::optional<Rate>& growth, bool final, bool counted = false);
// Whether resources of this kind have no bytes (descriptors, threads): their number is what is shown of them.
bool is_counted(const KindReport& kind);
// "29 min", "> 29 min", "n/a" when not known
std::string age_text(const std::optional<double>& age_s, bool is_at_least = false);

// Those that hold most in full, then a line for each that exited since the last report.
void write_processes(const Report& report, size_t top, TextOutput& output);
// brief: what a colleague reads over one's shoulder, no stack and no evidence.
[[nodiscard]] bool is_brief(const Report& report, const TextOutput& output);
void write_process(const Report& report, const ProcessReport& process, TextOutput& output);
// "reached in 29 min (24 to 37 min)"; with the limit's name in front unless it is the one just named.
std::string forecast_words(const Forecast& forecast, std::string_view named);
// "LEAK"
std::string word_of(const Finding& finding);
// "Api::create_user  users.cpp:88"
std::string place_of(const Finding& finding);
// What to look at first, and why.
void write_findings(const Report& report, const ProcessReport& process, TextOutput& output);
void write_go(const ProcessReport& process, TextOutput& output);
// The types on a Go heap, and who holds them.
void write_types(const Report& report, const ProcessReport& process, TextOutput& output);
void write_kinds(const Report& report, const ProcessReport& process, TextOutput& output);
void write_stacks(const Report& report, const ProcessReport& process, const KindReport& kind, TextOutput& output);
// The first of them, a line each.
void write_ranking(const Report& report, const ProcessReport& process, const KindReport& kind, TextOutput& output);
void write_connections(const Report& report, const ProcessReport& process, TextOutput& output);
// A stack in one line of so many columns: the frame to look at, its line, of Go code what of a library it was taken in.
std::string headline_cell(const StackReport& stack, size_t room);
// Its numbers, what its resources are now, its frames.
void write_stack(const StackReport& stack, bool counted, TextOutput& output);
// What the resources of one stack are now, `indent` columns in.
void write_item_groups(const StackReport& stack, size_t indent, TextOutput& output);
void write_holders(const StackReport& stack, size_t indent, TextOutput& output);
void write_frames(const StackReport& stack, TextOutput& output);
// "name  place" in `width` columns, places aligned behind names of `name_width`. The place is what one opens next: the name
// gives way first, down to a third.
std::string name_and_place(std::string_view name, size_t name_width, const std::string& place, size_t width);
void write_coverage(const Report& report, TextOutput& output);
// Only what a number may be off by.
void write_what_was_lost(const Report& report, TextOutput& output);

}  // namespace whoholds
