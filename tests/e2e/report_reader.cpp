#include "e2e/report_reader.h"

namespace whoholds::e2e {

using nlohmann::json;

namespace {

Totals totals_of(const json& row) {
    return {sum_of(row.value("held", json())), sum_of(row.value("acquired", json())),
            sum_of(row.value("released", json())), sum_of(row.value("lost", json()))};
}

bool names_function(const json& frame, std::string_view function) {
    const json name = frame.value("function", json());
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
    if (!object.is_object() || !object.contains(name) || !object[name].is_string()) return "";
    return object[name].get<std::string>();
}

bool ReportReader::is_final() const { return root_.is_object() && root_.value("final", false); }

json ReportReader::process(size_t index) const {
    if (!root_.is_object()) return json::object();
    const json processes = root_.value("processes", json::array());
    return index < processes.size() ? processes[index] : json::object();
}

Totals ReportReader::kind(const std::string& name) const {
    const json kinds = process().value("kinds", json::object());
    return kinds.contains(name) ? totals_of(kinds[name]) : Totals();
}

json ReportReader::stacks(const std::string& kind) const {
    json wanted = json::array();
    for (const json& stack : process().value("stacks", json::array())) {
        if (kind.empty() || text_of(stack, "kind") == kind) wanted.push_back(stack);
    }
    return wanted;
}

Totals ReportReader::sum_if(const std::string& kind, const std::function<bool(const json&)>& wanted) const {
    Totals sum;
    for (const json& stack : stacks(kind)) {
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
        const json frames = stack.value("frames", json::array());
        return !frames.empty() && names_function(frames[0], function);
    });
}

Totals ReportReader::with_function(std::string_view function, const std::string& kind) const {
    return sum_if(kind, [&](const json& stack) {
        for (const json& frame : stack.value("frames", json::array())) {
            if (names_function(frame, function)) return true;
        }
        return false;
    });
}

Totals ReportReader::all_stacks(const std::string& kind) const {
    return sum_if(kind, [](const json&) { return true; });
}

json ReportReader::coverage(const char* name) const {
    if (!root_.is_object()) return {};
    return root_.value("coverage", json::object()).value(name, json());
}

uint64_t ReportReader::events_lost() const {
    const json events = coverage("events");
    return events.is_object() ? events.value("lost", uint64_t{0}) : 0;
}

uint64_t ReportReader::loss(std::string_view name) const {
    const json losses = coverage("losses");
    if (!losses.is_array()) return 0;
    for (const json& row : losses) {
        if (text_of(row, "name") == name) return row.value("count", uint64_t{0});
    }
    return 0;
}

json ReportReader::probes() const {
    const json probes = coverage("probes");
    return probes.is_array() ? probes : json::array();
}

std::string ReportReader::remarks() const {
    std::string text;
    for (const char* name : {"notes", "warnings"}) {
        const json lines = coverage(name);
        if (!lines.is_array()) continue;
        for (const json& line : lines) text += (line.is_string() ? line.get<std::string>() : line.dump()) + "\n";
    }
    return text;
}

}  // namespace whoholds::e2e
