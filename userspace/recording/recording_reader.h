// RecordingReader: the reports of a recording, in order. What the file says is not trusted: sizes are bounded, what makes no sense is
// an error. Used by `whoholds report` and `whoholds diff`, which need neither root nor the files of the target.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "report/report.h"

namespace whoholds {

class RecordingReader {
public:
    // kMalformed: not a recording; kUnsupported: of a newer version.
    static Result<RecordingReader> open(const std::string& path);
    ~RecordingReader();
    RecordingReader(RecordingReader&&) noexcept;
    RecordingReader& operator=(RecordingReader&&) noexcept;

    // nullopt: there are no more; then is_cut() says whether the file ends in the middle of something. Without findings, see
    // replay.h.
    Result<std::optional<Report>> next();
    [[nodiscard]] bool is_cut() const;

private:
    struct State;
    explicit RecordingReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
