// The Report: everything a summary says, as plain data. Made by the session, written by report/*.cpp (a write function
// per format, listed in formats.cpp). Counters are exact integers. Values that are not known are nullopt, never 0.
// The JSON names are the contract `whoholds/1`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proc/limits.h"
#include "proc/process.h"
#include "runtime/go/facts.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

struct Amount {
    uint64_t count = 0;
    uint64_t bytes = 0;
    friend bool operator==(const Amount&, const Amount&) = default;
};

struct Rate {  // per minute; may be negative
    double count = 0;
    double bytes = 0;
};

struct KindReport {
    std::string kind;   // JSON name, from resource_kinds.h
    std::string title;  // for people
    Amount held;
    Amount acquired;  // since attach
    Amount released;
    std::optional<Amount> before_attach;  // null where it cannot be known (heap)
    uint64_t released_unknown = 0;        // releases of what was taken before attach, or released twice
    Amount lost;                          // acquired, not recorded: held = acquired - released - lost + before_attach
    std::optional<double> oldest_s;
    bool oldest_is_at_least = false;     // it may be older
    std::optional<Rate> growth_per_min;  // null until there are enough intervals
    std::optional<Rate> acquired_per_min;
    std::optional<Rate> released_per_min;
    std::string note;        // why the numbers do not add up, "" when they do
    size_t stack_count = 0;  // stacks of this kind before the cut to --top; 0: not known
};

constexpr size_t kMaxItems = 20;  // listed of a stack

// One held resource as it is now. What does not apply is "", null or 0.
struct ItemReport {
    uint64_t key = 0;  // descriptor, thread id; where it is neither of them the address of the handle
    bool is_descriptor = false;
    bool is_thread = false;
    bool is_goroutine = false;
    std::string type;  // "TCP", "unix stream", "file", "pipe", "eventfd", "thread", …
    std::string name;  // path; a thread's name
    std::string local;
    std::string remote;
    std::string state;      // "CLOSE_WAIT"; of a thread "sleeping"
    std::string direction;  // "incoming", "outgoing", "listening"
    std::optional<uint64_t> inode;
    std::optional<double> age_s;
    std::optional<uint64_t> receive_bytes;  // waiting to be read
    std::optional<uint64_t> send_bytes;     // not acknowledged yet
    std::optional<uint64_t> waiting;        // of a listening socket: connections to be accepted
    std::optional<uint64_t> backlog;        // ... and how many may wait
    std::optional<uint64_t> size_bytes;     // of a file; of a thread its stack mapping
    bool deleted = false;
    std::optional<uint64_t> registered_files;  // of an io_uring: held by it without descriptors
    std::string wait_channel;                  // where a thread sleeps in the kernel
    std::string start_routine;                 // of a thread
    std::optional<double> cpu_s;               // used by a thread
    std::string wait_reason;                   // of a goroutine, in the runtime's words
    std::optional<double> blocked_s;           // ... at least so long
    std::string function;                      // ... where it is: the frame to look at
    uint64_t channel = 0;                      // ... that it waits for
    std::string held_by;                       // of a descriptor of a Go program: the way to the object that has it
};

// What of a stack's resources is the same now, taken together: "TCP to 10.0.0.5:443", "/tmp/a.log (deleted)",
// "thread sleeping in futex_wait".
struct ItemGroup {
    std::string what;
    uint64_t count = 0;
    std::vector<std::pair<std::string, uint64_t>> states;  // by count
    std::optional<uint64_t> size_bytes;                    // of files, each once; of threads' stacks
    bool sizes_are_stacks = false;
    std::optional<double> cpu_s;  // used by threads
};

// Sockets with one remote endpoint, taken together. A socket with several descriptors (dup) counts once.
struct ConnectionGroup {
    std::string protocol;   // "TCP", "UDP", "unix stream", …
    std::string direction;  // "incoming", "outgoing", "listening", "" where it is not known
    std::string remote;     // outgoing: address:port; incoming: address; listening: the local address:port; unix: path
    uint64_t count = 0;
    std::vector<std::pair<std::string, uint64_t>> states;  // by count
    uint64_t before_attach = 0;                            // of count: opened before the attach
    std::optional<double> oldest_s;                        // null if one is from before the attach
    uint64_t receive_bytes = 0;
    uint64_t send_bytes = 0;
    std::optional<uint64_t> waiting;  // of listening sockets, as in ItemReport
    std::optional<uint64_t> backlog;
    std::optional<double> growth_per_min;
    std::vector<uint64_t> stack_ids;  // of StackReport
};

struct ConnectFailure {
    std::string error;  // "connection refused"
    std::string headline;
    uint64_t stack_id = 0;
    uint64_t count = 0;  // since attach
};

// Who holds objects of a Go program.
struct HolderReport {
    std::string way;     // from a goroutine or a variable to such an object
    uint64_t count = 0;  // of those looked at
    uint64_t looked_at = 0;
};

// By which line of its own functions what is held of a stack is kept: there a function is made whose variables lead to it.
struct KeeperReport {
    Frame line;
    uint64_t count = 0;  // of those looked at
    uint64_t looked_at = 0;
    uint64_t functions = 0;  // so many were made there that keep them
};

struct StackReport {
    std::string kind;
    uint64_t id = 0;  // 64-bit hash of the stack
    Amount held;
    Amount acquired;
    Amount released;
    bool before_attach = false;
    std::optional<double> oldest_s;
    bool oldest_is_at_least = false;  // it may be older
    std::optional<double> median_age_s;
    std::optional<Rate> growth_per_min;
    // Of what is held, how much was acquired in each slice of time (ProcessReport::slice_ends_s); empty where that is not known.
    std::vector<uint64_t> held_by_slice;
    bool complete = false;
    std::string why_incomplete;     // "" when complete
    std::string headline;           // the frame to look at
    std::vector<Frame> frames;      // innermost first; index 0 is the caller of the acquiring function
    std::vector<ItemReport> items;  // the oldest, at most kMaxItems
    uint64_t items_omitted = 0;
    std::vector<ItemGroup> item_groups;  // largest first; may cover the items only, see item_groups_of
    uint64_t item_groups_of = 0;         // how many resources of this stack they cover
    std::vector<uint32_t> stacks;        // its indexes in the session; not written
    std::optional<uint64_t> samples;     // the numbers are estimated from so many
    std::vector<HolderReport>
        held_by;  // of descriptors that no line is known of, the most common first; of the first so many ways
    uint64_t held_by_unknown = 0;  // of those looked at, how many nobody is known to hold
    std::optional<KeeperReport> kept_at;
    std::optional<uint64_t>
        not_judged;  // of JavaScript's heap: samples of which nobody has told yet what became of them
};

// What a Go heap holds by size of its objects, as of the last collection.
struct GoSizeReport {
    uint64_t element_bytes = 0;  // 0: large objects, of any size
    bool has_pointers = false;
    uint64_t spans = 0;
    uint64_t span_bytes = 0;
    Amount held;
    Amount since;  // allocated since the last collection
};

// What a Go program's runtime says.
struct GoReport {
    GoRuntimeFacts facts;
    std::optional<double> collections_per_min;
    uint64_t goroutines = 0;         // the user's
    uint64_t system_goroutines = 0;  // the runtime's own
    uint64_t torn_goroutines = 0;    // changed each time they were read: in neither number
    // Anonymous memory beyond all that the runtime has taken: C code, mappings, the program's variables. At least, as not all that
    // the runtime has taken need be resident.
    std::optional<uint64_t> outside_bytes_at_least;
    std::vector<GoSizeReport> sizes;  // of programs without a heap profile, most bytes first
};

// When a limit is reached, if what grows goes on as it did.
struct Forecast {
    std::string limit;  // "memory.max", "RLIMIT_NOFILE", "pids.max", "GOMEMLIMIT", "physical memory"
    uint64_t limit_value = 0;
    uint64_t now_value = 0;
    double in_s = 0;
    double low_s = 0;   // the range that the confidence of the slope gives
    double high_s = 0;  // infinity: not surely ever
};

// What of one kind a finding is made of.
struct FindingPart {
    std::string kind;   // JSON name
    std::string title;  // for people
    Amount held;
    Rate growth_per_min;
};

// What the numbers mean: one suspect with all that grows by it.
struct Finding {
    std::string verdict;   // "leak", "growing", "holding"; what each takes is written down in analyze/findings.h
    std::string rule;      // the name of the rule that found it
    std::string headline;  // the frame to look at; where no code is to blame, what it is about
    std::string file;      // "" where it is not known
    int line = 0;
    std::string reason;                 // one sentence
    std::vector<std::string> evidence;  // further ones
    std::vector<FindingPart> parts;     // the kinds that grow together, the most urgent one first
    std::optional<Forecast> forecast;
    std::vector<uint64_t> stack_ids;  // of StackReport
    std::string interim;              // what helps until it is mended, "" nothing
};

// How a number went over the whole attachment. Bounded: older points are thinned.
struct MetricSeries {
    std::string name;  // "rss_bytes", "fd", "goroutine", ...
    std::vector<double> times_s;
    std::vector<double> values;
};

struct ReachedReport {  // of such objects, those that variables and goroutines lead to: no garbage
    Amount amount;
    // With all that they lead to and that is not part of a type of the user's further in: of all types together, what is held.
    uint64_t whole_bytes = 0;
};

struct TypeReport {  // of objects on the Go heap
    std::string name;
    bool is_known = true;  // false: all objects of one size whose type is not known
    Amount held;
    std::optional<Rate> growth_per_min;
    bool grows = false;         // even its lowest counts do
    bool is_asked_for = false;  // by the user
    int telling = 0;            // how well a leak is known by it, the more the better: 3 is a type of the user's own
    std::vector<HolderReport> held_by;
    std::optional<ReachedReport> reached;
    std::vector<Frame> made_at;  // where the user's own code allocates them; looked up where what is reached grows only
};

struct TypesReport {
    std::vector<TypeReport> types;  // those that grow first, then the largest; cut
    size_t omitted = 0;
    Amount all;
    Amount unknown;           // of these
    Amount changed;           // not in any of these: swept while it was read
    uint64_t read_bytes = 0;  // of the heap
    double took_s = 0;
    double age_s = 0;               // of what is said
    std::optional<Amount> reached;  // of all; null where there was no time to tell
    uint64_t looks = 0;             // at the heap, so far
};

// Of a process that was attached to because it was forked, or executed something: what it did in its first milliseconds, before
// its probes were in place, is not counted.
struct MissedStart {
    double ms = 0;  // from the fork or exec to the moment when all is counted
    bool after_exec = false;
};

// Taken out of a process's report by suppressions, each with its index there; not written.
struct SuppressedRows {
    std::vector<std::pair<size_t, StackReport>> stacks;
    std::vector<std::pair<size_t, ConnectionGroup>> connections;
};

struct ProcessReport {
    pid_t pid = 0;
    pid_t host_pid = 0;
    pid_t inner_pid = 0;    // in its own PID namespace; 0: not known
    double attached_s = 0;  // how long it was, or has been, attached to
    std::optional<MissedStart> missed_start;
    std::string start_time;  // ISO 8601 UTC
    double uptime_s = 0;
    std::string command;
    std::string exe;
    std::string runtime = "native";
    std::string runtime_version;
    std::optional<Container> container;
    bool exited = false;
    MemoryUse memory;
    Limits limits;
    int64_t rss_change_bytes = 0;  // since attach
    std::optional<double> rss_growth_bytes_per_min;
    std::vector<KindReport> kinds;
    std::vector<StackReport> stacks;   // already sorted and cut to --top
    std::vector<double> slice_ends_s;  // of the time since the attach, equally long; the last slice has not ended yet
    size_t stack_count = 0;            // before the cut, per all kinds
    uint64_t js_censuses = 0;          // how often it was counted what is alive on its heaps of V8
    double js_census_s = 0;            // what came until then, two have looked at
    uint64_t js_sample_bytes = 0;      // what a sample of these heaps stands for now
    uint64_t js_not_judged_elsewhere = 0;      // as StackReport::not_judged, of stacks without a row
    std::vector<ConnectionGroup> connections;  // largest first
    size_t connection_groups_omitted = 0;
    std::vector<ConnectFailure> connect_failures;
    std::optional<GoReport> go;               // of Go programs that could be read
    std::vector<Finding> findings;            // what to look at first comes first
    std::optional<Forecast> memory_forecast;  // of the process as a whole
    std::string why_no_verdict;               // too little was observed; "" otherwise
    std::vector<MetricSeries> series;
    std::optional<TypesReport> types;
    SuppressedRows suppressed;
};

// Of memory; where that is equal, of everything.
bool holds_more(const ProcessReport& a, const ProcessReport& b);

struct ProbeReport {
    std::string symbol;
    std::string module;
    uint64_t offset = 0;
    uint64_t hits = 0;
    std::string how;  // "uprobe_multi", "perf uprobe"
    pid_t pid = 0;
};

struct LossCounter {  // a row of bpf/shared/counters.h that is not zero, or one of the aggregator's own
    std::string name;
    std::string sentence;
    uint64_t value = 0;
    bool loses = true;  // false: an explanation, no number is off because of it
};

struct SkippedReport {
    std::string what;
    std::string why;
};

struct Coverage {
    uint64_t events_seen = 0;
    uint64_t events_lost = 0;
    uint64_t stacks_complete = 0;
    uint64_t stacks_incomplete = 0;
    std::vector<ProbeReport> probes;
    std::vector<SkippedReport> skipped;
    double events_per_s = 0;
    std::optional<double> cost_core_percent;  // estimate: events/s times the price of each event
    std::vector<LossCounter> losses;
    std::vector<std::string> notes;     // said in plain words
    std::vector<std::string> warnings;  // said loudly, at the top of the text report
};

struct SuppressedKind {
    std::string kind;   // JSON name
    std::string title;  // for people
    uint64_t stacks = 0;
    Amount held;
};

struct SuppressionUse {
    std::string text;  // as in the file of suppressions
    size_t line = 0;
    uint64_t stacks = 0;  // that hold something; each counts for the first suppression that it matches
    uint64_t findings = 0;
    bool ever_matched = false;  // anything, since the attach
};

// What suppressions kept from being listed and judged, and holds something. It is part of all totals.
struct SuppressedReport {
    uint64_t stacks = 0;
    uint64_t findings = 0;
    std::vector<SuppressedKind> kinds;
    std::vector<SuppressionUse> suppressions;
};

struct Report {
    uint64_t seq = 0;
    std::string time;  // ISO 8601 UTC with milliseconds
    double attached_s = 0;
    bool final = false;
    std::string end_reason;            // of the final report: "interrupted", "the process exited", "" otherwise
    std::vector<std::string> reasons;  // of a report out of turn: which thresholds were passed, one sentence each
    std::string sorted_by = "bytes";   // bytes, count, age, total: the order of stacks
    std::string selection;      // which blocks the stacks are limited to ("held for 2 min or longer"), "" for all
    bool has_arrivals = false;  // processes come and go: those that exited are listed this once
    std::vector<ProcessReport> processes;        // if they come and go: those that hold most first
    std::optional<SuppressedReport> suppressed;  // none: there are no suppressions
    Coverage coverage;
};

}  // namespace whoholds
