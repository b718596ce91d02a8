// ReportReader: one line of `whoholds --json` and the sums that tests ask of it. It reads the contract's names only.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace whoholds::e2e {

struct Sum {
    uint64_t count = 0;
    uint64_t bytes = 0;
    friend bool operator==(const Sum&, const Sum&) = default;
    Sum& operator+=(const Sum& other) {
        count += other.count;
        bytes += other.bytes;
        return *this;
    }
};
std::ostream& operator<<(std::ostream& out, const Sum& sum);

struct Totals {
    Sum held;
    Sum acquired;
    Sum released;
    Sum lost;
    friend bool operator==(const Totals&, const Totals&) = default;
};
std::ostream& operator<<(std::ostream& out, const Totals& totals);

class ReportReader {
public:
    ReportReader() = default;
    explicit ReportReader(nlohmann::json report) : root_(std::move(report)) {}

    [[nodiscard]] const nlohmann::json& root() const { return root_; }
    [[nodiscard]] bool is_final() const;
    [[nodiscard]] nlohmann::json process(size_t index = 0) const;
    // Zeros if the report does not list the kind.
    [[nodiscard]] Totals kind(const std::string& name) const;
    [[nodiscard]] nlohmann::json stacks(const std::string& kind = "") const;
    // Sum of the stacks whose direct caller (frame 0) is this function; deeper frames may differ.
    [[nodiscard]] Totals caller(std::string_view function, const std::string& kind = "heap") const;
    // Sum of the stacks with this function in any frame.
    [[nodiscard]] Totals with_function(std::string_view function, const std::string& kind = "heap") const;
    [[nodiscard]] Totals all_stacks(const std::string& kind) const;
    [[nodiscard]] uint64_t events_lost() const;
    // A row of coverage.losses, 0 if it is not listed.
    [[nodiscard]] uint64_t loss(std::string_view name) const;
    [[nodiscard]] nlohmann::json probes() const;
    // Notes and warnings, one a line.
    [[nodiscard]] std::string remarks() const;

private:
    [[nodiscard]] Totals sum_if(const std::string& kind,
                                const std::function<bool(const nlohmann::json&)>& wanted) const;
    [[nodiscard]] const nlohmann::json& process_at(size_t index) const;  // null if there are fewer
    [[nodiscard]] const nlohmann::json& coverage(const char* name) const;

    nlohmann::json root_;
};

Sum sum_of(const nlohmann::json& amount);
// "" for null or a missing name.
std::string text_of(const nlohmann::json& object, const char* name);

}  // namespace whoholds::e2e
