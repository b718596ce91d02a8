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
// Which functions of the user's own call that of the frame to look at, the ones through which most is held first: where a function
// that many use hands out what they ought to give back, it is them. `first`: the stack of that frame. "" if there is only one.
std::string callers_sentence(const Suspect& suspect, const GrowingStack& first, std::string_view exe);
// Who keeps what is made at the frame to look at, or where most of it is made if that frame is of who keeps it; "" if neither is known.
std::string keeper_sentence(const GrowingStack& first);
// Who gave it to the function that is named; "" if it took it itself. `first`: the stack of that frame.
std::string hand_on_sentence(const GrowingStack& first);
// Of what is given back: that it stays longer; "" if it does not.
std::string stay_sentence(const Suspect& suspect);
// What helps until it is mended.
std::string interim_words(const Finding& finding, const ProcessReport& process);

}  // namespace whoholds
