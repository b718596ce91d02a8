// `whoholds report` and `whoholds diff`: what recordings say, without root and without the target. Used by main.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "report/formats.h"
#include "whoholds/options.h"

namespace whoholds {

using WriteOut = std::function<bool(std::string_view text)>;  // false: nobody reads

// The last report of the recording, or that of options.at_s, judged as it was.
Result<void> report_recording(const Options& options, const FormatOptions& format, const WriteOut& write_out);
// Between the last reports of two recordings, or two times of one.
Result<void> compare_recordings(const Options& options, const FormatOptions& format, const WriteOut& write_out);

}  // namespace whoholds
