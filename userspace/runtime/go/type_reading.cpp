#include "runtime/go/type_reading.h"

#include <absl/container/flat_hash_map.h>

#include <string_view>
#include <utility>

namespace whoholds {
namespace {

void add(GoReached& sum, const GoReached& more) {
    sum.count += more.count;
    sum.bytes += more.bytes;
    sum.whole_bytes += more.whole_bytes;
}

void note_reached(const GoHeapScan& scan, const std::vector<GoReached>& by_kind, GoTypeReading& reading) {
    absl::flat_hash_map<std::string_view, GoReached> by_name;
    reading.reached.emplace();
    for (uint32_t kind = 0; kind < by_kind.size(); ++kind) {
        add(*reading.reached, by_kind[kind]);
        add(by_name[scan.name(kind)], by_kind[kind]);
    }
    for (GoTypeRow& row : reading.rows)
        if (row.is_known) row.reached = by_name[row.name];
}

}  // namespace

Result<void> GoTypeReader::prepare(const GoProcess& process, const GoOn& go_on) {
    if (types_) return {};
    WH_TRY(types_, GoTypes::read(process));
    const GoModuleData& module = process.code().module_data();
    symbols_ = DataSymbols::read(process.image(), module.data, module.data_end);
    variables_ = find_go_typed_variables(process, go_on);
    return {};
}

GoTypeReading GoTypeReader::read(const GoProcess& process, const Choose& choose, const GoOn& go_on,
                                 uint64_t max_copy_bytes) {
    Result<GoTypeReading> reading = try_read(process, choose, go_on, max_copy_bytes);
    if (reading) return *std::move(reading);
    GoTypeReading failed;
    failed.problem = std::move(reading).error().message;
    if (types_ && choose({}).descriptors)
        if (auto waiters = read_waiters(process, max_copy_bytes)) failed.descriptors = *std::move(waiters);
    return failed;
}

Result<GoDescriptorHolders> GoTypeReader::read_waiters(const GoProcess& process, uint64_t max_copy_bytes) {
    WH_TRY(const GoRoots roots, read_go_roots(process, max_copy_bytes));
    WH_TRY(const auto waiters, find_go_descriptor_waiters(process, roots));
    const GoHeapScan nothing;
    GoRootNames names(process, roots, nothing, symbols_, variable_users_);
    GoDescriptorHolders holders;
    holders.add(waiters, names);
    return holders;
}

Result<GoTypeReading> GoTypeReader::try_read(const GoProcess& process, const Choose& choose, const GoOn& go_on,
                                             uint64_t max_copy_bytes) {
    constexpr size_t kWaysPerType = 3;
    WH_TRY_VOID(prepare(process, go_on));
    WH_TRY(const GoHeapModel model, GoHeapModel::read(process, max_copy_bytes, go_on));
    WH_TRY(const GoRoots roots, read_go_roots(process));
    WH_TRY(const GoHeapScan scan, GoHeapScan::scan(process, model, roots, variables_, *types_, go_on));
    GoTypeReading reading;
    reading.rows = go_type_rows(model, scan);
    reading.main_module = process.code().build_info().main_module.path;
    reading.objects = model.object_count();
    reading.bytes = model.object_bytes();
    reading.changed_objects = model.changed_objects();
    reading.changed_bytes = model.changed_bytes();
    reading.read_bytes = model.read_bytes();
    const Wanted wanted = choose(reading.rows);
    std::vector<GoDescriptorObject> descriptors;
    if (wanted.descriptors) {
        WH_TRY(descriptors, find_go_descriptor_objects(process, model, scan, *types_));
    }
    if (wanted.types.empty() && descriptors.empty()) return reading;
    GoRootNames names(process, roots, scan, symbols_, variable_users_);
    auto holders = GoHolders::find(process, model, roots, scan, *types_, names, go_on);
    if (holders) {
        if (const auto reached = holders->reached(reading.main_module, go_on)) note_reached(scan, *reached, reading);
        for (const std::string& name : wanted.types) {
            reading.holders.push_back({name, holders->of(name, kWaysPerType)});
            if (!go_on()) break;
        }
        reading.descriptors.find(descriptors, *holders, go_on);
    } else {  // the rows stand without
        reading.problem = std::move(holders).error().message;
    }
    if (wanted.descriptors)
        if (const auto waiters = find_go_descriptor_waiters(process, roots)) reading.descriptors.add(*waiters, names);
    return reading;
}

}  // namespace whoholds
