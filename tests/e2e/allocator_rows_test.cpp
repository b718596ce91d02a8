// Every row of the table of allocator functions, called once against the real library that defines it, each from a call site
// and with an odd size of its own. A row that no session covers fails.
#include <algorithm>
#include <map>
#include <set>

#include "e2e/whoholds.h"
#include "runtime/native/allocators.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

struct Library {
    std::string name;
    std::string puppet;
    std::vector<std::string> preload;  // of the system, or of tests/targets
    std::string module;                // where the rows of this session are defined
    // False where the C++ library's operators call malloc: then the direct caller of malloc is the operator.
    bool caller_is_direct = true;
};

std::ostream& operator<<(std::ostream& out, const Library& library) { return out << library.name; }

const std::vector<Library> kLibraries = {
    {"glibc", "rows", {}, "libc.so.6"},
    {"libstdcxx", "rows", {"libstdc++.so.6"}, "libstdc++.so.6", false},
    {"jemalloc", "rows", {"libjemalloc.so.2"}, "libjemalloc.so.2"},
    {"tcmalloc", "rows", {"libtcmalloc_minimal.so.4"}, "libtcmalloc_minimal.so.4"},
    {"mimalloc", "rows", {"libmimalloc.so.2"}, "libmimalloc.so.2"},
    {"others", "rows", {"librows_extra.so", "libstdc++.so.6"}, "librows_extra.so"},
    {"musl", "rows_musl", {}, "ld-musl-x86_64.so.1"},
    {"musl_static", "rows_musl_static", {}, "linked"},
};

// "" or the reason why the session cannot run here.
std::string missing(const Library& library) {
    if (target_path(library.puppet).empty()) return library.puppet + " was not built: musl-tools are missing";
    for (const std::string& name : library.preload) {
        if (target_path(name).empty() && system_library(name).empty()) return name + " is not installed";
    }
    return "";
}

PuppetOptions options_for(const Library& library) {
    std::string preload;
    for (const std::string& name : library.preload) {
        const std::string ours = target_path(name);
        preload += (preload.empty() ? "" : ":") + (ours.empty() ? system_library(name) : ours);
    }
    PuppetOptions options;
    if (!preload.empty()) options.environment = {"LD_PRELOAD=" + preload};
    return options;
}

std::vector<std::string> all_names() {
    std::vector<std::string> names;
    for (const AllocatorFunction& function : allocator_functions()) {
        names.emplace_back(function.symbol);
        if (function.in_jemalloc_api) names.push_back("je_" + std::string(function.symbol));
    }
    return names;
}

// The module that defines the name in this process.
std::string defined_in(Puppet& puppet, const std::string& name) {
    std::string module = puppet.command("where " + name);
    // musl's loader and its C library are one file with two names.
    return module == "libc.so" ? "ld-musl-x86_64.so.1" : module;
}

class AllocatorRows : public E2eTest, public ::testing::WithParamInterface<Library> {};

TEST_P(AllocatorRows, each_is_counted_once_at_its_caller) {
    const Library& library = GetParam();
    if (const std::string why = missing(library); !why.empty()) GTEST_SKIP() << why;
    Puppet puppet(library.puppet, options_for(library));
    std::map<std::string, json> expected;
    std::vector<std::string> names;  // asked before the attach: a look-up that finds nothing takes heap for its message
    for (const std::string& name : all_names()) {
        if (defined_in(puppet, name) == library.module) names.push_back(name);
    }
    defined_in(puppet, names.empty() ? "malloc" : names.front());  // one that succeeds frees that message

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    size_t size = 9;
    for (const std::string& name : names) {
        expected[name] = puppet.command_json("do " + name + " " + std::to_string(size));
        size += 6;
    }
    const ReportReader report = whoholds.finish();

    EXPECT_GE(expected.size(), 10U);
    std::map<std::string, Totals> sums;
    for (const auto& [name, row] : expected) {
        ASSERT_TRUE(row.is_object()) << name;
        const std::string kind = row["kind"];
        Totals totals{{}, sum_of(row["acquired"]), sum_of(row["released"]), {}};
        totals.held = {totals.acquired.count - totals.released.count, totals.acquired.bytes - totals.released.bytes};
        sums[kind].held += totals.held;
        sums[kind].acquired += totals.acquired;
        sums[kind].released += totals.released;
        // A je_ name shares the call site of its name without prefix.
        const bool shared = expected.contains("je_" + name) || name.starts_with("je_");
        // Forms of delete that we add to the C++ library get their blocks from its operators, and these call malloc.
        const bool by_operator = name.starts_with("_Zd") && library.module == "librows_extra.so";
        if (library.caller_is_direct && !shared && !by_operator) {
            EXPECT_EQ(report.caller(row["function"].get<std::string>(), kind), totals) << name;
        }
    }
    for (const auto& [kind, sum] : sums) {
        const Totals reported = report.kind(kind);
        EXPECT_EQ(reported.held.count, sum.held.count) << kind;
        EXPECT_EQ(reported.acquired.count, sum.acquired.count) << kind;
        EXPECT_EQ(reported.released.count, sum.released.count) << kind;
        // The C++ library's aligned operators round the size up before they ask aligned_alloc.
        const bool rounds = std::ranges::find(library.preload, "libstdc++.so.6") != library.preload.end();
        if (!rounds) {
            EXPECT_EQ(reported, sum) << kind;
        }
    }
    EXPECT_EQ(report.events_lost(), 0U);
}

// T14: aliases share an address, and an address gets one probe.
TEST_P(AllocatorRows, T14_each_address_is_probed_once) {
    const Library& library = GetParam();
    if (const std::string why = missing(library); !why.empty()) GTEST_SKIP() << why;
    Puppet puppet(library.puppet, options_for(library));

    const ReportReader report = trace(puppet, {});

    std::set<std::pair<std::string, uint64_t>> places;
    for (const json& probe : report.probes()) {
        const auto place = std::pair(text_of(probe, "module"), probe.value("offset", uint64_t{0}));
        EXPECT_TRUE(places.insert(place).second) << probe;
    }
    EXPECT_FALSE(places.empty());
}

INSTANTIATE_TEST_SUITE_P(Each, AllocatorRows, ::testing::ValuesIn(kLibraries),
                         [](const auto& one) { return one.param.name; });

TEST(AllocatorTable, every_row_is_covered_by_a_session) {
    std::set<std::string> covered;
    for (const Library& library : kLibraries) {
        if (!missing(library).empty()) GTEST_SKIP() << missing(library);
        Puppet puppet(library.puppet, options_for(library));
        for (const std::string& name : all_names()) {
            if (defined_in(puppet, name) == library.module) covered.insert(name);
        }
    }

    for (const std::string& name : all_names())
        EXPECT_TRUE(covered.contains(name)) << "no end-to-end case for " << name;
}

TEST(AllocatorTable, the_puppet_has_every_row) {
    Puppet puppet("rows");
    const json names = puppet.command_json("rows");

    for (const AllocatorFunction& function : allocator_functions()) {
        const std::string symbol(function.symbol);
        EXPECT_NE(std::find(names.begin(), names.end(), json(symbol)), names.end())
            << "say in tests/targets/rows_table.h how " << symbol << " is called";
    }
}

}  // namespace
}  // namespace whoholds::e2e
