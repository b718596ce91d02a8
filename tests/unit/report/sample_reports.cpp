#include "unit/report/sample_reports.h"

#include <gtest/gtest.h>

#include <limits>

#include "analyze/headline.h"
#include "unit/report/sample_resources.h"

namespace whoholds {
namespace {

constexpr uint64_t kKi = 1024;
constexpr uint64_t kMi = 1024 * kKi;
constexpr uint64_t kGi = 1024 * kMi;
constexpr const char* kExe = "/opt/shop/bin/payments-api";
constexpr const char* kLibc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
constexpr const char* kFramePointers =
    "frame pointers end here: the direct caller is exact, what lies behind it was built without them";

Frame source_frame(std::string function, std::string file, int line, bool inlined = false) {
    Frame frame;
    frame.function = frame.raw_function = std::move(function);
    frame.file = std::move(file);
    frame.line = line;
    frame.module = kExe;
    frame.build_id = "8d3f0c9ab1e2d4f60718293a4b5c6d7e8f901234";
    frame.address = 0x55d0c0de1000 + static_cast<uint64_t>(line);
    frame.module_address = 0x1000 + static_cast<uint64_t>(line);
    frame.inlined = inlined;
    return frame;
}

Frame library_frame(std::string function, std::string module, uint64_t module_address) {
    Frame frame;
    frame.function = frame.raw_function = std::move(function);
    frame.module = std::move(module);
    frame.build_id = "51657f818beb1ae70372216a99b7412b8a100a20";
    frame.address = 0x7f3400000000 + module_address;
    frame.module_address = module_address;
    return frame;
}

StackReport leaking_stack() {
    StackReport stack;
    stack.kind = "heap";
    stack.id = 0x00c0ffee12345678;
    stack.held = {1'648, 56'727'962};
    stack.acquired = {502'111, 1'181'116'006};
    stack.released = {500'463, 1'124'388'044};
    stack.oldest_s = 60.2;
    stack.median_age_s = 30.05;
    stack.growth_per_min = Rate{48, 1.6 * kMi};
    stack.complete = true;
    stack.frames = {source_frame("std::vector<char>::vector", "/usr/include/c++/12/bits/stl_vector.h", 378, true),
                    source_frame("shop::WriteBuffer::WriteBuffer", "src/net/write_buffer.cpp", 31),
                    source_frame("shop::Session::open", "src/net/session.cpp", 112),
                    source_frame("shop::Server::accept_loop", "src/net/server.cpp", 88),
                    source_frame("main", "src/main.cpp", 40),
                    library_frame("__libc_start_call_main", kLibc, 0x2724a),
                    library_frame("", "/opt/shop/bin/payments-api", 0x18e1)};
    return stack;
}

StackReport stripped_stack() {
    StackReport stack;
    stack.kind = "heap";
    stack.id = 0xfedcba9876543210;
    stack.held = {12, 64 * kKi};
    stack.acquired = {12, 64 * kKi};
    stack.oldest_s = 59;
    stack.median_age_s = 12;
    stack.growth_per_min = Rate{0, 0};
    stack.why_incomplete = kFramePointers;
    stack.frames = {library_frame("CRYPTO_malloc", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", 0x17a2b1),
                    library_frame("", "/usr/lib/x86_64-linux-gnu/libssl.so.3", 0x2f0c4)};
    Frame nowhere;
    nowhere.address = 0x7f00deadbeef;
    stack.frames.push_back(nowhere);
    return stack;
}

KindReport kind_row(std::string kind, std::string title, Amount acquired, Amount released) {
    KindReport row;
    row.kind = std::move(kind);
    row.title = std::move(title);
    row.acquired = acquired;
    row.released = released;
    row.held = {acquired.count - released.count, acquired.bytes - released.bytes};
    return row;
}

ProcessReport payments() {
    ProcessReport process;
    process.pid = 4711;
    process.host_pid = 90312;
    process.start_time = "2026-11-18T22:51:00.000Z";
    process.uptime_s = 187'385;
    process.command = "payments-api";
    process.exe = kExe;
    process.container = Container{.id = "3f1a2b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708",
                                  .pod = "payments-7d9f",
                                  .pod_namespace = "shop"};
    process.memory.rss_bytes = 2'083'059'138;
    process.memory.anon_bytes = 2'000'000'000;
    process.memory.file_bytes = 83'059'138;
    process.memory.virtual_bytes = 6 * kGi;
    process.memory.limit_bytes = 2 * kGi;
    process.memory.limit_source = "memory.max";
    process.rss_change_bytes = 2'202'010;
    process.rss_growth_bytes_per_min = 2.1 * kMi;

    KindReport heap = kind_row("heap", "native heap", {512'111, 1'200'116'006}, {502'991, 1'180'927'165});
    heap.oldest_s = 60.2;
    heap.growth_per_min = Rate{48, 1.6 * kMi};
    heap.released_unknown = 3'204;
    heap.stack_count = 212;
    KindReport mapping = kind_row("mapping", "mappings", {3, 384 * kKi}, {2, 320 * kKi});
    mapping.oldest_s = 12.9;
    mapping.growth_per_min = Rate{0, 0};
    mapping.stack_count = 1;
    process.kinds = {heap, mapping};

    StackReport map_stack = leaking_stack();
    map_stack.kind = "mapping";
    map_stack.id = 7;
    map_stack.held = {1, 64 * kKi};
    map_stack.acquired = {3, 384 * kKi};
    map_stack.released = {2, 320 * kKi};
    map_stack.oldest_s = map_stack.median_age_s = 12.9;
    map_stack.growth_per_min = Rate{0, 0};
    map_stack.frames.erase(map_stack.frames.begin(), map_stack.frames.begin() + 3);
    StackReport second_stripped = stripped_stack();
    second_stripped.id = 8;
    second_stripped.held = second_stripped.acquired = {1, 96};
    process.stacks = {leaking_stack(), stripped_stack(), second_stripped, map_stack};
    process.stack_count = 213;
    for (StackReport& stack : process.stacks) stack.headline = headline_of(stack.frames, process.exe);
    return process;
}

Coverage usual_coverage() {
    Coverage coverage;
    coverage.events_seen = 1'204'553;
    coverage.stacks_complete = 211;
    coverage.stacks_incomplete = 2;
    coverage.probes = {{"malloc", kLibc, 0x9f1a0, 502'111, "uprobe_multi", 4711},
                       {"free", kLibc, 0x9f6b0, 502'991, "uprobe_multi", 4711},
                       {"calloc", kLibc, 0x9fe30, 12'040, "uprobe_multi", 4711},
                       {"realloc", kLibc, 0x9f9a0, 811, "uprobe_multi", 4711},
                       {"munmap", kLibc, 0x10f2a0, 2, "uprobe_multi", 4711},
                       {"mmap", kLibc, 0x10f1e0, 3, "uprobe_multi", 4711},
                       {"valloc", kLibc, 0xa0500, 0, "uprobe_multi", 4711},
                       {"pvalloc", kLibc, 0xa0560, 0, "uprobe_multi", 4711}};
    coverage.events_per_s = 18'016.4;
    coverage.cost_core_percent = 0.94;
    return coverage;
}

Report leaking_report() {
    Report report;
    report.seq = 12;
    report.time = "2026-11-21T03:04:05.123Z";
    report.attached_s = 60;
    report.processes = {payments()};
    report.coverage = usual_coverage();
    return report;
}

Report losses_report() {
    Report report = leaking_report();
    Coverage& coverage = report.coverage;
    coverage.events_lost = 1'234;
    coverage.losses = {
        {"releases_lost",
         "releases that found no room in ring and backlog: up to this many resources are shown as held although they "
         "were "
         "released",
         1'200, true},
        {"acquires_lost", "acquired but not recorded, because young table and ring were full", 34, true},
        {"releases_proved", "missed releases that were proved by a new acquire of the same address, and corrected", 17,
         false},
        {"backlog_used", "releases that found the ring full and were kept in the backlog", 0, false}};
    coverage.skipped = {{"operator new in /opt/shop/lib/libpool.so", "the same address as malloc is probed already"},
                        {"/opt/shop/lib/libold.so", "32-bit"}};
    coverage.notes = {"2 child processes were forked; what they hold is not counted"};
    coverage.warnings = {
        "NOTHING SEEN: no allocation was seen in 10 s although RSS grew by 12.1 MiB; the program may use an allocator "
        "that was "
        "not recognised (whoholds plan -p 4711 shows what is attached)"};
    KindReport& heap = report.processes[0].kinds[0];
    heap.lost = {34, 8'192};
    heap.held.count -= 34;
    heap.held.bytes -= 8'192;
    report.processes[0].kinds[1].note = "2 mappings were replaced by MAP_FIXED and count as released";
    return report;
}

Report hostile_report() {
    Report report = leaking_report();
    report.processes[0].command = "a\x1b[31mred\n{\"pid\":1}\xff\xfe";
    report.processes[0].exe = std::string("/tmp/\x1b]0;title\x07") + std::string(300, 'x');
    report.processes[0].container = Container{.id = "../../etc",
                                              .name = "n\x1b[31mame",
                                              .pod = "pod\r\nname",
                                              .pod_namespace =
                                                  "\xe2\x80\xae"
                                                  "evil"};
    StackReport& stack = report.processes[0].stacks[0];
    stack.frames[1].function = "f<" + std::string(400, 'T') + ">\x1b[2J";
    stack.frames[2].function = "\xe5\x90\x8d\xe5\x89\x8d::" + std::string("\xe9\x96\xa2\xe6\x95\xb0");
    stack.frames[2].file = std::string(50, '/') + std::string(200, 'd') + "/\xc3\x28.cpp";
    stack.frames[5].module = "/usr/lib/lib\tc.so.6";
    stack.headline = stack.frames[1].function;
    stack.complete = false;
    stack.why_incomplete =
        "\x9b"
        "31m" +
        std::string(250, 'w');
    report.coverage.probes[0].symbol = "mal\nloc";
    add_hostile_resources(report.processes[0]);
    report.coverage.notes = {"note\nwith\x1b[0m lines"};
    report.coverage.warnings = {"warning\x07"};
    return report;
}

Report two_processes_report() {
    Report report = leaking_report();
    ProcessReport worker;
    worker.pid = worker.host_pid = 4712;
    worker.uptime_s = 59;
    worker.command = "worker";
    worker.exe = "/opt/shop/bin/worker";
    worker.memory.rss_bytes = 12 * kMi;
    worker.memory.virtual_bytes = 100 * kMi;
    report.processes.push_back(worker);
    return report;
}

// A child that was forked, and one that has executed something else.
Report followed_report() {
    Report report = leaking_report();
    report.has_arrivals = true;
    report.processes[0].stacks.clear();
    report.processes.push_back(report.processes[0]);
    report.processes[0].missed_start = {.ms = 23.4, .after_exec = false};
    report.processes[1].missed_start = {.ms = 151, .after_exec = true};
    report.processes[1].kinds.resize(1);
    return report;
}

Report huge_report() {
    constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
    Report report = leaking_report();
    report.seq = kMost;
    report.attached_s = 1e12;
    ProcessReport& process = report.processes[0];
    process.uptime_s = std::numeric_limits<double>::infinity();
    process.memory.rss_bytes = process.memory.virtual_bytes = kMost;
    process.rss_change_bytes = std::numeric_limits<int64_t>::min();
    process.rss_growth_bytes_per_min = std::numeric_limits<double>::quiet_NaN();
    for (KindReport& kind : process.kinds) {
        kind.held = kind.acquired = {kMost, kMost};
        kind.released = {};
        kind.before_attach = Amount{0, 0};
        kind.growth_per_min = Rate{1e300, -1e300};
    }
    for (StackReport& stack : process.stacks) {
        stack.held = stack.acquired = stack.released = {kMost, kMost};
        stack.growth_per_min = Rate{std::numeric_limits<double>::infinity(), 0};
        stack.oldest_s = 1e18;
    }
    report.coverage.events_seen = report.coverage.events_lost = kMost;
    report.coverage.events_per_s = std::numeric_limits<double>::infinity();
    report.coverage.cost_core_percent = 12'345.6;
    return report;
}

Report final_report() {
    Report report = leaking_report();
    report.final = true;
    report.end_reason = "the process exited";
    report.sorted_by = "total";
    report.selection = "blocks held for 2 min or longer";
    ProcessReport& process = report.processes[0];
    process.exited = true;
    process.container = std::nullopt;
    process.host_pid = process.pid;
    process.rss_growth_bytes_per_min = std::nullopt;
    process.kinds[0].growth_per_min = std::nullopt;
    StackReport churn = leaking_stack();
    churn.held = {};
    churn.released = churn.acquired;
    churn.oldest_s = churn.median_age_s = std::nullopt;
    churn.growth_per_min = std::nullopt;
    churn.headline = headline_of(churn.frames, process.exe);
    process.stacks = {churn};
    report.coverage.notes = {"payments-api ended with status 3"};
    return report;
}

Report resources_report() {
    Report report = leaking_report();
    ProcessReport& process = report.processes[0];
    process.stacks.resize(1);
    const std::vector<Frame>& frames = process.stacks[0].frames;
    const std::vector<Frame> where(frames.begin() + 3, frames.end());
    add_resources(where, process);
    process.stack_count = process.stacks.size();
    return report;
}

Frame go_frame(const std::string& function, const std::string& file, int line) {
    Frame frame;
    frame.function = frame.raw_function = function;
    frame.file = file;
    frame.line = line;
    frame.module = "/app/shop";
    frame.address = 0x4a1000 + static_cast<uint64_t>(line);
    frame.module_address = frame.address;
    frame.go = go_origin_of(function, std::vector<std::string>{"example.com/shop"});
    return frame;
}

StackReport sockets_of_go(const KindReport& sockets) {
    StackReport stack;
    stack.kind = "socket";
    stack.held = sockets.held;
    stack.before_attach = true;
    stack.item_groups = {{.what = "TCP to 10.0.0.5:443", .count = 506, .states = {{"ESTABLISHED", 506}}}};
    stack.item_groups_of = 506;
    stack.held_by = {
        {"variable main.client -> *http.Transport.idleConn -> *http.persistConn.conn -> *net.TCPConn", 500, 506},
        {"goroutine main.watch, started by main.main -> *net.TCPConn", 4, 506}};
    stack.held_by_unknown = 2;
    ItemReport item;
    item.key = 9;
    item.is_descriptor = true;
    item.type = "TCP";
    item.remote = "10.0.0.5:443";
    item.state = "ESTABLISHED";
    item.direction = "outgoing";
    item.held_by = "variable main.client -> *http.Transport.idleConn -> *http.persistConn.conn -> *net.TCPConn";
    stack.items = {item};
    stack.items_omitted = 505;
    return stack;
}

Report go_report() {
    Report report = leaking_report();
    ProcessReport& process = report.processes[0];
    process.runtime = "go";
    process.runtime_version = "1.26.1";
    KindReport heap = kind_row("go_heap", "Go heap", {9'100'000, 48 * kGi}, {6'690'000, 48 * kGi - 311 * kMi});
    heap.before_attach = Amount{};
    heap.growth_per_min = Rate{9'000, 1.6 * kMi};
    heap.stack_count = 1;
    KindReport goroutines = kind_row("goroutine", "goroutines", {48, 0}, {0, 0});
    goroutines.before_attach = Amount{1'654, 0};
    goroutines.held = {1'702, 0};
    goroutines.growth_per_min = Rate{48, 0};
    goroutines.stack_count = 1;

    StackReport allocated;
    allocated.kind = "go_heap";
    allocated.id = 0x60;
    allocated.held = {2'410'000, 311 * kMi};
    allocated.acquired = heap.acquired;
    allocated.released = heap.released;
    allocated.complete = true;
    allocated.frames = {go_frame("google.golang.org/grpc.newBufWriter", "/go/pkg/mod/grpc/transport.go", 340),
                        go_frame("example.com/shop/api.(*API).CreateUser", "/src/api/users.go", 88),
                        go_frame("net/http.HandlerFunc.ServeHTTP", "/usr/local/go/src/net/http/server.go", 2322),
                        go_frame("net/http.(*ServeMux).ServeHTTP", "/usr/local/go/src/net/http/server.go", 2861),
                        go_frame("net/http.serverHandler.ServeHTTP", "/usr/local/go/src/net/http/server.go", 3340),
                        go_frame("net/http.(*conn).serve", "/usr/local/go/src/net/http/server.go", 2109)};
    StackReport created;
    created.kind = "goroutine";
    created.id = 0x61;
    created.held = goroutines.held;
    created.acquired = goroutines.acquired;
    created.complete = true;
    created.frames = {go_frame("net/http.(*Transport).dialConn", "/usr/local/go/src/net/http/transport.go", 1945)};
    created.item_groups = {{.what = "in net/http.(*persistConn).readLoop transport.go:2391, blocked 29 min or longer",
                            .count = 1'702,
                            .states = {{"select", 1'700}, {"running", 2}},
                            .size_bytes = 13 * kMi,
                            .sizes_are_stacks = true}};
    created.item_groups_of = 1'702;
    created.oldest_s = goroutines.oldest_s = 187'000;
    created.oldest_is_at_least = goroutines.oldest_is_at_least = true;
    ItemReport item;
    item.key = 4242;
    item.is_goroutine = true;
    item.type = "goroutine";
    item.state = "waiting";
    item.wait_reason = "select";
    item.blocked_s = 1740;
    item.age_s = 187'000;
    item.function = "net/http.(*persistConn).readLoop transport.go:2391";
    item.channel = 0xc000123456;
    item.size_bytes = 8192;
    created.items = {item};
    created.items_omitted = 1'701;
    KindReport sockets = kind_row("socket", "sockets", {0, 0}, {0, 0});
    sockets.before_attach = sockets.held = Amount{506, 0};
    sockets.stack_count = 1;
    process.kinds = {heap, goroutines, sockets};
    process.stacks = {allocated, created, sockets_of_go(sockets)};
    for (StackReport& stack : process.stacks) stack.headline = headline_of(stack.frames, process.exe);
    process.stack_count = 3;

    GoReport go;
    go.facts = {.max_procs = 8,
                .heap_in_use_bytes = 340 * kMi,
                .heap_idle_bytes = 20 * kMi,
                .heap_released_bytes = 1'200 * kMi,
                .goroutine_stack_bytes = 14 * kMi,
                .other_bytes = 21 * kMi,
                .span_count = 43'210,
                .heap_live_bytes = 320 * kMi,
                .heap_goal_bytes = 640 * kMi,
                .memory_limit_bytes = 1'800 * kMi,
                .gc_percent = 100,
                .gc_count = 31'004,
                .gc_forced_count = 2,
                .gc_pause_ns = 1'234'567'890,
                .last_gc_unix_ns = 1'795'269'525'326'601'770,
                .profile_rate_bytes = 524'288};
    go.collections_per_min = 12.04;
    go.goroutines = 1'702;
    go.system_goroutines = 6;
    go.outside_bytes_at_least = 212 * kMi;
    process.go = go;
    return report;
}

TypeReport type_row(std::string name, Amount held, std::optional<Rate> growth) {
    TypeReport type;
    type.name = std::move(name);
    type.held = held;
    type.growth_per_min = growth;
    return type;
}

// Of a Go heap: one type that grows, one that was asked for, objects of no known type, a hostile name.
Report types_report() {
    Report report = go_report();
    ProcessReport& process = report.processes[0];
    process.kinds = {process.kinds[0]};
    process.stacks.clear();
    process.stack_count = 0;

    TypeReport sessions = type_row("*main.session", {84'000, 51 * kMi}, Rate{1'200, 0.75 * kMi});
    sessions.grows = true;
    sessions.telling = 3;
    sessions.reached = ReachedReport{{83'500, 50 * kMi}, 311 * kMi};
    sessions.held_by = {{"main.sessions -> map[string]*main.session", 990, 1000},
                        {"goroutine 17 in main.serve main.go:40, its local -> *main.request", 10, 1000}};
    sessions.made_at = {go_frame("main.openSession", "/src/main.go", 31), go_frame("main.handle", "/src/main.go", 88)};
    TypeReport transports = type_row("*http.Transport", {84, 28 * kKi}, Rate{-0.5, -170});
    transports.is_asked_for = true;
    TypeReport unknown = type_row("type not known, 48 bytes", {12'000, 576 * kKi}, std::nullopt);
    unknown.is_known = false;
    process.types =
        TypesReport{.types = {sessions, transports, unknown, type_row("main.\x1b[2J\n", {1, 8}, std::nullopt)},
                    .omitted = 211,
                    .all = {4'100'000, 335 * kMi},
                    .unknown = {12'000, 576 * kKi},
                    .changed = {40, 2 * kKi},
                    .read_bytes = 290 * kMi,
                    .took_s = 0.61,
                    .age_s = 4,
                    .reached = Amount{4'000'000, 330 * kMi},
                    .looks = 7};
    return report;
}

Report unattached_report() {
    Report report;
    report.time = "2026-11-21T03:04:05.123Z";
    report.attached_s = 5;
    ProcessReport process;
    process.pid = 99;
    process.uptime_s = 3;
    process.command = "sleep";
    report.processes = {process};
    report.coverage.warnings = {"NO PROBE ATTACHED: nothing can be seen of what this process takes"};
    return report;
}

Report findings_report() {
    Report report = leaking_report();
    ProcessReport& process = report.processes[0];
    process.memory_forecast = Forecast{"memory.max", uint64_t{2} << 30, uint64_t{1900} << 20, 1740, 1440, 2220};
    Finding first;
    first.verdict = "leak";
    first.rule = "growth";
    first.headline = "Api::create_user";
    first.file = "/src/api/users.cpp";
    first.line = 88;
    first.reason = "+12 connections, +48 threads, +1.6 MiB native heap a minute, steadily for 60 s";
    first.evidence = {"each time 1 connection, 4 threads, 133 KiB native heap; 12 times a minute"};
    first.parts = {{"socket", "connections", {.count = 412}, {.count = 12}},
                   {"thread", "threads", {.count = 1648}, {.count = 48}},
                   {"heap", "native heap", {.count = 412, .bytes = 56'728'944}, {.count = 12, .bytes = 1.6e6}}};
    first.forecast = Forecast{"RLIMIT_NOFILE", 1024, 500, 2620, 2500, std::numeric_limits<double>::infinity()};
    first.stack_ids = {process.stacks.front().id};
    first.interim = "restart it within 41 min";
    Finding second;
    second.verdict = "holding";
    second.rule = "close_wait";
    second.headline = "connections in CLOSE_WAIT";
    second.reason = "9 connections were closed by the other side and not by this process";
    process.findings = {first, second};
    process.series = {{"rss_bytes", {5, 10, 15}, {1e9, 1.1e9, 1.2e9}}};
    return report;
}

Frame script_frame(std::string function, int line) {
    Frame frame = source_frame(std::move(function), "/srv/shop/server.js", line);
    frame.module = "[javascript]";
    frame.build_id.clear();
    frame.address = frame.module_address = 0;
    frame.script = ScriptOrigin::kUser;
    return frame;
}

// Objects of JavaScript, and who keeps them.
Report javascript_report() {
    Report report = leaking_report();
    ProcessReport& process = report.processes[0];
    process.exe = "/usr/bin/node";
    process.runtime = "node";
    process.runtime_version = "V8 11.3.244";
    process.js_censuses = 3;
    process.js_census_s = 49.5;
    process.js_sample_bytes = 1 << 18;
    process.js_not_judged_elsewhere = 2;
    KindReport kind = kind_row("js_heap", "JavaScript heap", {96, 24 * kMi}, {50, 12 * kMi});
    kind.stack_count = 2;
    process.kinds.push_back(kind);
    StackReport stack;
    stack.kind = "js_heap";
    stack.id = 0x2efafd02;
    stack.held = {45, uint64_t{45} << 18};
    stack.acquired = {95, uint64_t{95} << 18};
    stack.released = {50, uint64_t{50} << 18};
    stack.samples = 45;
    stack.complete = true;
    stack.frames = {script_frame("parseRequest", 11), script_frame("handleRequest", 15),
                    script_frame("processTimers", 519)};
    stack.kept_at = KeeperReport{script_frame("handleRequest", 16), 44, 45, 43};
    stack.not_judged = 6;
    StackReport hidden = stack;
    hidden.id = 0x79ca57d6;
    hidden.held = hidden.acquired = {1, uint64_t{1} << 18};
    hidden.released = {};
    hidden.samples = 1;
    hidden.frames = {script_frame("handleRequest", 0), script_frame("processTimers", 519)};
    hidden.kept_at = KeeperReport{script_frame("handleRequest", 16), 1, 1, 1};
    hidden.not_judged = 0;
    process.stacks = {stack, hidden};
    process.stack_count = 2;
    for (StackReport& one : process.stacks) one.headline = headline_of(one.frames, process.exe);
    Finding finding;
    finding.verdict = "leak";
    finding.rule = "growth";
    finding.headline = "handleRequest";
    finding.file = "/srv/shop/server.js";
    finding.line = 16;
    finding.reason = "+11.3 MiB JavaScript heap a minute, steadily for 60 s";
    finding.evidence = {
        "most of it is made by parseRequest (/srv/shop/server.js:11), and kept by variables of functions that are made "
        "at this line: 44 of 45 objects that were looked at"};
    finding.parts = {{"js_heap", "JavaScript heap", stack.held, {.count = 45, .bytes = 11.3 * kMi}}};
    finding.stack_ids = {stack.id};
    process.findings = {finding};
    return report;
}

Report suppressed_report() {
    Report report = findings_report();
    report.reasons = {"payments-api (pid 4711): RSS is 2.01 GiB (--on-rss 2 GiB)"};
    ProcessReport& process = report.processes[0];
    process.suppressed.stacks.emplace_back(0, std::move(process.stacks.front()));
    process.stacks.erase(process.stacks.begin());
    const StackReport& stack = process.suppressed.stacks[0].second;
    report.suppressed = SuppressedReport{
        .stacks = 1,
        .findings = 1,
        .kinds = {{.kind = stack.kind, .title = "native heap", .stacks = 1, .held = stack.held}},
        .suppressions = {{.text = "leak:CreateUser*", .line = 2, .stacks = 1, .findings = 0, .ever_matched = true},
                         {.text = "finding:page_cache", .line = 3, .stacks = 0, .findings = 1, .ever_matched = true},
                         {.text = "socket:^dial\x1b[2J$", .line = 5}}};
    return report;
}

}  // namespace

std::vector<SampleReport> sample_reports() {
    return {{"empty", Report{}},
            {"unattached", unattached_report()},
            {"leaking", leaking_report()},
            {"losses", losses_report()},
            {"hostile", hostile_report()},
            {"two_processes", two_processes_report()},
            {"huge", huge_report()},
            {"final", final_report()},
            {"resources", resources_report()},
            {"followed", followed_report()},
            {"go", go_report()},
            {"types", types_report()},
            {"findings", findings_report()},
            {"javascript", javascript_report()},
            {"suppressed", suppressed_report()}};
}

Report sample_report(const std::string& name) {
    for (SampleReport& sample : sample_reports()) {
        if (sample.name == name) return sample.report;
    }
    ADD_FAILURE() << "no sample report is called " << name;
    return {};
}

}  // namespace whoholds
