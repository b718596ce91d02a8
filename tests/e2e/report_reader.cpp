#include "e2e/report_reader.h"

#include <algorithm>

namespace whoholds::e2e {

using nlohmann::json;

namespace {

// Null if it is not there. Reports of many stacks are large: nothing is copied on the way to what is asked for.
const json& member(const json& object, const char* name) {
    static const json none;
    if (!object.is_object()) return none;
    const auto found = object.find(name);
    return found == object.end() ? none : *found;
}

Totals totals_of(const json& row) {
    return {sum_of(member(row, "held")), sum_of(member(row, "acquired")), sum_of(member(row, "released")),
            sum_of(member(row, "lost"))};
}

bool names_function(const json& frame, std::string_view function) {
    const json& name = member(frame, "function");
    return name.is_string() && name.get_ref<const std::string&>() == function;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Sum& sum) { return out << sum.count << " of " << sum.bytes << " B"; }

std::ostream& operator<<(std::ostream& out, const Totals& totals) {
    return out << "held " << totals.held << ", acquired " << totals.acquired << ", released " << totals.released
               << ", lost " << totals.lost;
}

Sum sum_of(const json& amount) {
    if (!amount.is_object()) return {};
    return {amount.value("count", uint64_t{0}), amount.value("bytes", uint64_t{0})};
}

std::string text_of(const json& object, const char* name) {
    const json& text = member(object, name);
    return text.is_string() ? text.get<std::string>() : "";
}

bool ReportReader::is_final() const { return root_.is_object() && root_.value("final", false); }

const json& ReportReader::process_at(size_t index) const {
    const json& processes = member(root_, "processes");
    return index < processes.size() ? processes[index] : member(root_, "no such process");
}

json ReportReader::process(size_t index) const {
    const json& process = process_at(index);
    return process.is_null() ? json::object() : process;
}

Totals ReportReader::kind(const std::string& name) const {
    return totals_of(member(member(process_at(0), "kinds"), name.c_str()));
}

json ReportReader::stacks(const std::string& kind) const {
    json wanted = json::array();
    for (const json& stack : member(process_at(0), "stacks")) {
        if (kind.empty() || text_of(stack, "kind") == kind) wanted.push_back(stack);
    }
    return wanted;
}

Totals ReportReader::sum_if(const std::string& kind, const std::function<bool(const json&)>& wanted) const {
    Totals sum;
    for (const json& stack : member(process_at(0), "stacks")) {
        if (!kind.empty() && text_of(stack, "kind") != kind) continue;
        if (!wanted(stack)) continue;
        const Totals one = totals_of(stack);
        sum.held += one.held;
        sum.acquired += one.acquired;
        sum.released += one.released;
        sum.lost += one.lost;
    }
    return sum;
}

Totals ReportReader::caller(std::string_view function, const std::string& kind) const {
    return sum_if(kind, [&](const json& stack) {
        const json& frames = member(stack, "frames");
        return !frames.empty() && names_function(frames[0], function);
    });
}

Totals ReportReader::with_function(std::string_view function, const std::string& kind) const {
    return sum_if(kind, [&](const json& stack) {
        const json& frames = member(stack, "frames");
        return std::ranges::any_of(frames, [&](const json& frame) { return names_function(frame, function); });
    });
}

Totals ReportReader::all_stacks(const std::string& kind) const {
    return sum_if(kind, [](const json&) { return true; });
}

const json& ReportReader::coverage(const char* name) const { return member(member(root_, "coverage"), name); }

uint64_t ReportReader::events_lost() const {
    const json& lost = member(coverage("events"), "lost");
    return lost.is_number() ? lost.get<uint64_t>() : 0;
}

uint64_t ReportReader::loss(std::string_view name) const {
    for (const json& row : coverage("losses")) {
        if (text_of(row, "name") == name) return row.value("count", uint64_t{0});
    }
    return 0;
}

json ReportReader::probes() const {
    const json& probes = coverage("probes");
    return probes.is_array() ? probes : json::array();
}

std::string ReportReader::remarks() const {
    std::string text;
    for (const char* name : {"notes", "warnings"}) {
        for (const json& line : coverage(name))
            text += (line.is_string() ? line.get<std::string>() : line.dump()) + "\n";
    }
    return text;
}

}  // namespace whoholds::e2e
