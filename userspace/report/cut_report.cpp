#include "report/cut_report.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace whoholds {

void cut_report(Report& report, size_t top) {
    for (ProcessReport& process : report.processes) {
        std::set<uint64_t> named;
        for (const Finding& finding : process.findings)
            named.insert(finding.stack_ids.begin(), finding.stack_ids.end());
        std::map<std::string, size_t> kept;
        const bool shows_empty = report.sorted_by == "total";
        std::erase_if(process.stacks, [&](const StackReport& stack) {
            if (stack.held.count == 0 && !shows_empty) return true;
            return ++kept[stack.kind] > top && !named.contains(stack.id);
        });
        if (process.types && process.types->types.size() > top) {
            process.types->omitted += process.types->types.size() - top;
            process.types->types.resize(top);
        }
        if (process.connections.size() <= top) continue;
        process.connection_groups_omitted += process.connections.size() - top;
        process.connections.resize(top);
    }
}

}  // namespace whoholds
