// The sentences of findings. Used by findings.cpp. Pure.
#pragma once

#include <string>
#include <string_view>

#include "analyze/suspects.h"
#include "report/report.h"

namespace whoholds {

// The frame's name for people.
std::string headline_words(const Frame& frame);
// Of a kind, as its row of the report has it.
std::string title_of(const ProcessReport& process, std::string_view kind);
// "+12 connections, +48 goroutines, +1.6 MiB Go heap a minute, ..."
std::string growth_sentence(const Suspect& suspect, const Finding& finding, double span_s);
// "each time 1 connection, 4 goroutines, 132 KiB Go heap; 12 times a minute"; "" if the parts do not go together.
std::string each_sentence(const Finding& finding);
// What became of what is old; "" if that is not known.
std::string survival_sentence(const Suspect& suspect);
// What helps until it is mended.
std::string interim_words(const Finding& finding, const ProcessReport& process);

}  // namespace whoholds
