// GoTypeLedger: the types on a Go heap from look to look: which grow, whose holders are worth a search, what a report shows.
// Used by the session, one for each process. Pure: readings and time are passed in.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analyze/growth.h"
#include "report/report.h"
#include "runtime/go/type_reading.h"

namespace whoholds {

class GoTypeLedger {
public:
    void look(GoTypeReading reading, double time_s, double took_s);
    // When the last look began.
    [[nodiscard]] std::optional<double> last_look_s() const { return last_look_s_; }

    // The types that the user asks for, those that grow most, those that hold most.
    [[nodiscard]] std::vector<std::string> worth_a_search(const std::vector<GoTypeRow>& rows,
                                                          const std::vector<std::string>& asked_for) const;
    // Of those with which more and more is held: whose places in the code are worth a search.
    [[nodiscard]] std::vector<std::string> grown_most() const { return grown_most(last_.rows); }
    // top: how many rows; those that were asked for are shown in any case.
    void fill(size_t top, const std::vector<std::string>& asked_for, double now_s, ProcessReport& report,
              Coverage& coverage) const;

private:
    struct Series {
        GrowthSeries growth;
        GrowthSeries whole;                // of what is reached
        std::array<uint64_t, 3> early{};   // counts of the first looks, in a process that runs already
        std::array<uint64_t, 3> recent{};  // and of the last
        uint32_t looks = 0;
    };
    [[nodiscard]] std::optional<Rate> growth_of(const std::string& name) const;
    [[nodiscard]] bool grows(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> grown_most(const std::vector<GoTypeRow>& rows) const;

    std::map<std::string, Series> series_;
    GoTypeReading last_;
    std::optional<double> last_look_s_;
    double took_s_ = 0;
    uint32_t looks_ = 0;
};

// "*main.session" is also meant by "main.session" and by "session".
bool means_go_type(std::string_view asked_for, std::string_view name);

}  // namespace whoholds
