// descriptors_puppet: opens descriptors in every way there is, each from a call site of its own, and keeps a ledger of them.
//   leak SITE COUNT   opens and keeps          cycle SITE COUNT   opens and closes again
//   all               cycles every site and leaks from each a number of its own
//   mark              what is opened from now on counts as opened after the attach
//   close_before N    closes N of those that were opened before the mark
//   ledger            answers the ledger as JSON
// What connects, forks, executes and churns is in descriptors_connections.c, _process.c and _churn.c; `quit` ends it.
#include "descriptors_common.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { kMaxDescriptor = 1 << 14, kMaxRecent = 64, kCycles = 7 };

struct entry {
    int site_plus_one;  // 0: not ours
    bool before_mark;
    bool is_socket;
    void* handle;
    int (*close_handle)(void*);
};

struct counts {
    unsigned opened;
    unsigned closed;
};

struct ledger_row {
    const char* function;
    enum reach reach;
    void (*run)(void);
    struct counts counts[2][2];  // [was opened before the mark][is a socket]
    unsigned failed;
    int failure;  // errno of the last one
};

static struct ledger_row ledger[kSites] = {
#define X(name, reach) {"site_" #name, reach, site_##name, {{{0, 0}}}, 0, 0},
    DESCRIPTOR_SITES(X)
#undef X
};

static struct entry entries[kMaxDescriptor];
static bool marked;
static __thread int recent[kMaxRecent];
static __thread int recent_count;

static void add(unsigned* counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

int track(enum site site, int descriptor) {
    if (descriptor < 0 || descriptor >= kMaxDescriptor) {
        ledger[site].failure = errno;
        add(&ledger[site].failed);
        return -1;
    }
    struct stat status;
    const bool is_socket = fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode);
    entries[descriptor] = (struct entry){(int)site + 1, !marked, is_socket, NULL, NULL};
    add(&ledger[site].counts[!marked][is_socket].opened);
    if (recent_count < kMaxRecent) recent[recent_count++] = descriptor;
    return descriptor;
}

void track_handle(enum site site, int descriptor, void* handle, int (*close_handle)(void*)) {
    if (track(site, handle ? descriptor : -1) < 0) return;
    entries[descriptor].handle = handle;
    entries[descriptor].close_handle = close_handle;
}

int is_tracked(int descriptor) {
    return descriptor >= 0 && descriptor < kMaxDescriptor && entries[descriptor].site_plus_one != 0;
}

void forget(int descriptor) {
    if (!is_tracked(descriptor)) return;
    struct entry* entry = &entries[descriptor];
    add(&ledger[entry->site_plus_one - 1].counts[entry->before_mark][entry->is_socket].closed);
    entry->site_plus_one = 0;
}

void note_closed_inside(enum site site, unsigned count) {
    struct counts* counts = &ledger[site].counts[!marked][false];
    __atomic_fetch_add(&counts->opened, count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counts->closed, count, __ATOMIC_RELAXED);
}

// Out of the ledger first: another thread may be given the number at once.
void close_tracked(int descriptor) {
    if (!is_tracked(descriptor)) return;
    const struct entry entry = entries[descriptor];
    forget(descriptor);
    if (entry.handle) {
        entry.close_handle(entry.handle);
    } else {
        close(descriptor);
    }
}

void forget_recent(void) { recent_count = 0; }

void close_recent(void) {
    for (int i = 0; i < recent_count; i++) close_tracked(recent[i]);
    recent_count = 0;
}

static void cycle(enum site site, int count) {
    for (int i = 0; i < count; i++) {
        forget_recent();
        ledger[site].run();
        close_recent();
    }
}

static void leak(enum site site, int count) {
    for (int i = 0; i < count; i++) ledger[site].run();
    forget_recent();
}

static void run_on_site(const char* arguments, void (*run)(enum site, int)) {
    char name[64] = "";
    int count = 0;
    if (sscanf(arguments, "%63s %d", name, &count) == 2) {
        for (int site = 0; site < kSites; site++) {
            if (strcmp(ledger[site].function, name) != 0) continue;
            run((enum site)site, count);
            puppet_answer("DONE");
            return;
        }
    }
    puppet_answer("FAIL no such site or no count: %s", arguments);
}

static void run_leak(const char* arguments) { run_on_site(arguments, leak); }
static void run_cycle(const char* arguments) { run_on_site(arguments, cycle); }

static void run_all(const char* arguments) {
    (void)arguments;
    for (int site = 0; site < kSites; site++) {
        if (ledger[site].reach == kByCommand) continue;
        cycle((enum site)site, kCycles);
        leak((enum site)site, site % 4 + 1);
    }
    puppet_answer("DONE");
}

static void run_mark(const char* arguments) {
    (void)arguments;
    marked = true;
    puppet_answer("DONE");
}

static void run_close_before(const char* arguments) {
    int left = atoi(arguments);
    for (int descriptor = kMaxDescriptor - 1; descriptor > STDERR_FILENO && left > 0; descriptor--) {
        if (!is_tracked(descriptor) || !entries[descriptor].before_mark) continue;
        if (entries[descriptor].site_plus_one - 1 == SITE_prepared || descriptor == own_listener()) continue;
        close_tracked(descriptor);
        left--;
    }
    puppet_answer(left == 0 ? "DONE" : "FAIL so many are not open");
}

static size_t write_counts(char* text, size_t size, const char* name, const struct ledger_row* row, bool is_socket) {
    const struct counts* before = &row->counts[true][is_socket];
    const struct counts* after = &row->counts[false][is_socket];
    return (size_t)snprintf(
        text, size, ",\"%s\":{\"opened_before\":%u,\"closed_before\":%u,\"opened\":%u,\"closed\":%u}", name,
        __atomic_load_n(&before->opened, __ATOMIC_RELAXED), __atomic_load_n(&before->closed, __ATOMIC_RELAXED),
        __atomic_load_n(&after->opened, __ATOMIC_RELAXED), __atomic_load_n(&after->closed, __ATOMIC_RELAXED));
}

static void run_ledger(const char* arguments) {
    (void)arguments;
    static char text[kPuppetAnswerMax];
    size_t at = 0;
    for (int site = 0; site < kSites; site++) {
        const struct ledger_row* row = &ledger[site];
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "%s{\"function\":\"%s\",\"indirect\":%s,\"inside\":%s,\"failed\":%u,\"failure\":%d",
                               site ? "," : "", row->function, row->reach == kIndirect ? "true" : "false",
                               row->reach == kInside ? "true" : "false", row->failed, row->failure);
        at += write_counts(text + at, sizeof text - at, "fd", row, false);
        at += write_counts(text + at, sizeof text - at, "socket", row, true);
        at += (size_t)snprintf(text + at, sizeof text - at, "}");
    }
    puppet_answer("DONE {\"sites\":[%s]}", text);
}

static const struct descriptor_command kLedgerCommands[] = {
    {"leak", run_leak},
    {"cycle", run_cycle},
    {"all", run_all},
    {"mark", run_mark},
    {"close_before", run_close_before},
    {"ledger", run_ledger},
    {NULL, NULL},
};

static const struct descriptor_command* const kTables[] = {kLedgerCommands, kConnectionCommands, kProcessCommands,
                                                           kChurnCommands};

static const struct descriptor_command* find_command(const char* name, size_t length) {
    for (size_t table = 0; table < sizeof kTables / sizeof kTables[0]; table++) {
        for (const struct descriptor_command* command = kTables[table]; command->name; command++) {
            if (strlen(command->name) == length && strncmp(command->name, name, length) == 0) return command;
        }
    }
    return NULL;
}

static void allow_many_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max < kMaxDescriptor ? limit.rlim_max : kMaxDescriptor;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char** argv) {
    static char line[kPuppetLineMax];
    allow_many_descriptors();
    // What it was started with, whichever these are.
    for (int descriptor = 0; descriptor < kMaxDescriptor; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0) track(SITE_start, descriptor);
    }
    site_prepared();
    own_listener();
    forget_recent();
    puppet_answer("DONE %s", argc > 1 ? argv[1] : "ready");
    while (puppet_read_line(line) && strcmp(line, "quit") != 0) {
        size_t length = strcspn(line, " ");
        const struct descriptor_command* command = find_command(line, length);
        if (command) {
            command->run(line + length);
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    _exit(0);
}
