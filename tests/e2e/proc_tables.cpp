#include "e2e/proc_tables.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace whoholds::e2e {

using nlohmann::json;

namespace {

bool has_function(const json& stack, std::string_view function) {
    for (const json& frame : stack.value("frames", json::array())) {
        if (text_of(frame, "function") == function) return true;
    }
    return false;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ProcTables& tables) {
    return out << tables.descriptors << " descriptors, " << tables.sockets << " sockets, " << tables.threads
               << " threads";
}

ProcTables proc_tables_of(pid_t pid) {
    ProcTables tables;
    const std::string folder = "/proc/" + std::to_string(pid);
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd", ignored)) {
        const std::string target = std::filesystem::read_symlink(entry.path(), ignored).string();
        (target.starts_with("socket:") ? tables.sockets : tables.descriptors)++;
    }
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder + "/task", ignored)) {
        tables.threads++;
    }
    return tables;
}

ProcTables held_tables(const ReportReader& report) {
    return {report.kind("fd").held.count, report.kind("socket").held.count, report.kind("thread").held.count};
}

void expect_balanced(const ReportReader& report) {
    const json kinds = report.process().value("kinds", json::object());
    for (const char* name : {"fd", "socket", "thread", "joinable"}) {
        if (!kinds.contains(name)) continue;
        const Totals total = report.kind(name);
        const uint64_t before = sum_of(kinds[name].value("before_attach", json())).count;
        EXPECT_EQ(total.held.count, total.acquired.count - total.released.count - total.lost.count + before)
            << name << ": " << kinds[name];
        EXPECT_EQ(total.held.count, report.all_stacks(name).held.count) << name;
    }
}

uint64_t held_from(const ReportReader& report, const char* function, const char* kind) {
    return report.with_function(function, kind).held.count;
}

Totals innermost_site(const ReportReader& report, std::string_view site, const std::string& kind) {
    Totals sum;
    for (const json& stack : report.stacks(kind)) {
        std::string innermost;
        for (const json& frame : stack.value("frames", json::array())) {
            const std::string function = text_of(frame, "function");
            if (innermost.empty() && function.starts_with("site_")) innermost = function;
        }
        if (innermost != site) continue;
        sum.held += sum_of(stack["held"]);
        sum.acquired += sum_of(stack["acquired"]);
        sum.released += sum_of(stack["released"]);
    }
    return sum;
}

uint64_t held_before_attach(const ReportReader& report, const char* kind) {
    uint64_t count = 0;
    for (const json& stack : report.stacks(kind)) {
        if (stack.value("before_attach", false)) count += sum_of(stack["held"]).count;
    }
    return count;
}

json items_from(const ReportReader& report, std::string_view function, const char* kind) {
    json items = json::array();
    for (const json& stack : report.stacks(kind)) {
        if (!has_function(stack, function)) continue;
        for (const json& item : stack.value("items", json::array())) items.push_back(item);
    }
    return items;
}

}  // namespace whoholds::e2e
