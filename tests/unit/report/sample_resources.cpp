#include "unit/report/sample_resources.h"

namespace whoholds {
namespace {

constexpr uint64_t kMi = uint64_t{1} << 20;

KindReport kind_row(std::string kind, std::string title, uint64_t acquired, uint64_t released, uint64_t before) {
    KindReport row;
    row.kind = std::move(kind);
    row.title = std::move(title);
    row.acquired.count = acquired;
    row.released.count = released;
    row.held.count = acquired - released + before;
    if (before != 0) row.before_attach = Amount{before, 0};
    row.oldest_s = 59.5;
    row.growth_per_min = Rate{0, 0};
    row.stack_count = 1;
    return row;
}

StackReport stack_of(const KindReport& kind, uint64_t id, const std::vector<Frame>& where) {
    StackReport stack;
    stack.kind = kind.kind;
    stack.id = id;
    stack.acquired = kind.acquired;
    stack.released = kind.released;
    stack.held.count = kind.acquired.count - kind.released.count;
    stack.oldest_s = kind.oldest_s;
    stack.median_age_s = 30;
    stack.growth_per_min = kind.growth_per_min;
    stack.complete = true;
    stack.frames = where;
    stack.headline = "shop::Server::accept_loop";
    return stack;
}

StackReport before_attach_row(const KindReport& kind) {
    StackReport stack;
    stack.kind = kind.kind;
    stack.held = *kind.before_attach;
    stack.before_attach = true;
    return stack;
}

ItemReport connection_item() {
    ItemReport item;
    item.key = 7;
    item.is_descriptor = true;
    item.type = "TCP";
    item.local = "10.1.0.9:41022";
    item.remote = "10.0.0.5:443";
    item.state = "CLOSE_WAIT";
    item.direction = "outgoing";
    item.inode = 48'213;
    item.age_s = 59.5;
    item.receive_bytes = 31;
    item.send_bytes = 0;
    return item;
}

ItemReport listening_item() {
    ItemReport item;
    item.key = 4;
    item.is_descriptor = true;
    item.type = "TCP";
    item.local = "[::]:8080";
    item.state = "LISTEN";
    item.direction = "listening";
    item.waiting = 3;
    item.backlog = 511;
    return item;
}

ItemReport file_item() {
    ItemReport item;
    item.key = 12;
    item.is_descriptor = true;
    item.type = "file";
    item.name = "/tmp/a.log";
    item.age_s = 12;
    item.size_bytes = 12'687'770;
    item.deleted = true;
    return item;
}

ItemReport thread_item() {
    ItemReport item;
    item.key = 4'720;
    item.is_thread = true;
    item.type = "thread";
    item.name = "worker-3";
    item.state = "sleeping";
    item.wait_channel = "futex_wait_queue";
    item.cpu_s = 0.05;
    item.age_s = 59.5;
    item.start_routine = "shop::Worker::run";
    item.size_bytes = 8 * kMi;
    return item;
}

ItemReport joinable_item() {
    ItemReport item;
    item.key = 0x7f3412345640;
    item.type = "joinable thread";
    item.name = "thread 4733";
    item.state = "finished, never joined";
    item.age_s = 40;
    item.size_bytes = 8 * kMi;
    return item;
}

ItemReport pair_item() {
    ItemReport item;
    item.key = 0x55d0c0de2000;
    item.type = "handle";
    item.age_s = 3.25;
    return item;
}

void add_descriptors(const std::vector<Frame>& where, ProcessReport& process) {
    KindReport kind = kind_row("fd", "descriptors", 9'012, 9'000, 8);
    kind.growth_per_min = Rate{0.5, 0};
    StackReport stack = stack_of(kind, 0xfd01, where);
    stack.items = {file_item()};
    stack.items_omitted = 11;
    stack.item_groups = {{"file (deleted), 8 different ones, the oldest /tmp/a.log", 8, {}, 12'687'770, false, {}},
                         {"eventfd", 3, {}, {}, false, {}},
                         {"pipe:[48214]", 1, {}, {}, false, {}}};
    stack.item_groups_of = 12;
    process.stacks.push_back(stack);
    process.stacks.push_back(before_attach_row(kind));
    process.kinds.push_back(kind);
}

void add_sockets(const std::vector<Frame>& where, ProcessReport& process) {
    KindReport kind = kind_row("socket", "sockets", 502, 90, 19);
    kind.growth_per_min = Rate{12, 0};
    StackReport stack = stack_of(kind, 0x50c1, where);
    stack.items = {connection_item()};
    stack.items_omitted = 411;
    stack.item_groups = {{"TCP to 10.0.0.5:443", 409, {{"ESTABLISHED", 406}, {"CLOSE_WAIT", 3}}, {}, false, {}},
                         {"UDP, not connected", 3, {{"UNCONNECTED", 3}}, {}, false, {}}};
    stack.item_groups_of = 412;
    StackReport before = before_attach_row(kind);
    before.items = {listening_item()};
    before.items_omitted = 18;
    before.item_groups = {{"TCP from 10.1.2.3", 18, {{"ESTABLISHED", 18}}, {}, false, {}},
                          {"TCP listening on [::]:8080", 1, {{"LISTEN", 1}}, {}, false, {}}};
    before.item_groups_of = 19;
    process.stacks.push_back(stack);
    process.stacks.push_back(before);
    process.kinds.push_back(kind);
}

void add_threads(const std::vector<Frame>& where, ProcessReport& process) {
    const KindReport threads = kind_row("thread", "threads", 40, 4, 3);
    StackReport stack = stack_of(threads, 0x71d0, where);
    stack.items = {thread_item()};
    stack.items_omitted = 35;
    stack.item_groups = {{"thread sleeping in futex_wait_queue", 19, {}, 152 * kMi, true, 0.2},
                         {"thread running", 1, {}, 8 * kMi, true, 31.0}};
    stack.item_groups_of = 20;
    process.stacks.push_back(stack);
    process.stacks.push_back(before_attach_row(threads));
    process.kinds.push_back(threads);

    const KindReport joinable = kind_row("joinable", "joinable threads", 7, 4, 0);
    StackReport finished = stack_of(joinable, 0x70b1, where);
    finished.items = {joinable_item()};
    finished.items_omitted = 2;
    finished.item_groups = {{"joinable thread finished, never joined", 3, {}, 24 * kMi, true, {}}};
    finished.item_groups_of = 3;
    process.stacks.push_back(finished);
    process.kinds.push_back(joinable);
}

void add_pairs(const std::vector<Frame>& where, ProcessReport& process) {
    const KindReport kind = kind_row("pair:SSL", "SSL_new/SSL_free", 412, 4, 0);
    StackReport stack = stack_of(kind, 0x551, where);
    stack.items = {pair_item()};
    stack.items_omitted = 407;
    process.stacks.push_back(stack);
    process.kinds.push_back(kind);
}

void add_connections(ProcessReport& process) {
    ConnectionGroup leaking{"TCP", "outgoing", "10.0.0.5:443", 409, {{"ESTABLISHED", 406}, {"CLOSE_WAIT", 3}}};
    leaking.oldest_s = 59.5;
    leaking.receive_bytes = 93;
    leaking.send_bytes = 3'072;
    leaking.growth_per_min = 12;
    leaking.stack_ids = {0x50c1};
    ConnectionGroup incoming{"TCP", "incoming", "2001:db8::dead:beef", 18, {{"ESTABLISHED", 18}}, 18};
    incoming.growth_per_min = 0;
    ConnectionGroup listening{"TCP", "listening", "[::]:8080", 1, {{"LISTEN", 1}}, 1};
    listening.waiting = 3;
    listening.backlog = 511;
    ConnectionGroup database{"unix stream", "outgoing", "/var/run/postgresql/.s.PGSQL.5432", 3, {{"CONNECTED", 3}}};
    database.oldest_s = 4;
    process.connections = {leaking, incoming, database, listening};
    process.connection_groups_omitted = 5;
    process.connect_failures = {{"connection refused", "shop::Client::connect", 0x50c2, 231}, {"timed out", "", 0, 2}};
}

}  // namespace

void add_resources(const std::vector<Frame>& where, ProcessReport& process) {
    add_descriptors(where, process);
    add_sockets(where, process);
    add_threads(where, process);
    add_pairs(where, process);
    add_connections(process);
}

void add_hostile_resources(ProcessReport& process) {
    const std::string name = "@\x1b[2J\n\xff\xe2\x80\xae" + std::string(120, 'p');
    add_resources({}, process);
    for (StackReport& stack : process.stacks) {
        for (ItemReport& item : stack.items) item.name = item.local = item.wait_channel = item.start_routine = name;
        for (ItemGroup& group : stack.item_groups) {
            group.what = name;
            group.states.emplace_back(name, 1);
        }
    }
    process.connections[2].remote = process.connections[2].states[0].first = name;
    process.connect_failures[0].headline = process.connect_failures[1].error = name;
}

}  // namespace whoholds
