#include "stacks/programs.h"

#include <fstream>

#include "stacks/sources.h"

namespace whoholds::stacks {

namespace {

using e2e::Launch;
using e2e::Process;

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::unique_ptr<Process> launch(const std::vector<std::string>& command) {
    return std::make_unique<Process>(Launch{.command = command, .environment = {}, .in_child = nullptr});
}

bool succeeds(const std::vector<std::string>& command) { return launch(command)->wait() == 0; }

std::string line_of(const std::vector<std::string>& command) {
    const auto process = launch(command);
    return process->output().next().value_or("");
}

// One that says "ready" when its work begins.
std::optional<Running> start_interpreter(const std::vector<std::string>& command) {
    Running running;
    running.target = launch(command);
    if (!running.target->output().next_with("ready")) return std::nullopt;
    return running;
}

std::optional<Running> start_puppet(const std::string&, bool) {
    Running running;
    running.target = launch({WH_STACKS_PUPPET});
    running.target->output().next();
    running.target->write_line("list");
    const std::string names = running.target->output().next().value_or("");
    for (size_t start = names.find(' '); start != std::string::npos;) {
        const size_t end = names.find(' ', start + 1);
        const std::string name = names.substr(start + 1, end - start - 1);
        // Meant to be incomplete; the tests in ledger_test.cpp are about those.
        const bool is_complete = name != "deep_recursion" && name != "code_without_information";
        if (is_complete) running.commands.push_back("run " + name);
        start = end;
    }
    return running;
}

std::optional<Running> start_python(const std::string& folder, bool) {
    write_file(folder + "/work.py", kPythonSource);
    return start_interpreter({"/usr/bin/python3", folder + "/work.py"});
}

std::optional<Running> start_node(const std::string& folder, bool) {
    write_file(folder + "/work.js", kNodeSource);
    return start_interpreter({"node", folder + "/work.js"});
}

std::optional<Running> start_redis(const std::string& folder, bool) {
    const std::string socket = folder + "/socket";
    Running running;
    running.target = launch({"redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder});
    if (!running.target->output().next_with("ready to accept")) return std::nullopt;
    running.others.push_back(
        launch({"redis-benchmark", "-s", socket, "-l", "-q", "-d", "200", "-r", "1000", "-n", "2000"}));
    running.others.push_back(
        launch({"redis-benchmark", "-s", socket, "-l", "-q", "-n", "2000", "eval", kLuaSource, "0"}));
    return running;
}

std::optional<Running> start_sqlite(const std::string& folder, bool) {
    std::string script;
    for (int i = 0; i < 20; i++) script += ".open :memory:\n" + std::string(kSqlSource);
    write_file(folder + "/work.sql", script);
    Running running;
    running.target = launch({"sqlite3", ":memory:", ".read " + folder + "/work.sql"});
    return running;
}

std::optional<Running> start_cc1plus(const std::string& folder, bool is_first) {
    const std::string source = folder + "/templates.cpp";
    const std::string preprocessed = folder + "/templates.ii";
    write_file(source, kTemplatesSource);
    if (is_first && !succeeds({"g++", "-std=c++17", "-E", source, "-o", preprocessed})) return std::nullopt;
    Running running;
    running.target = launch({line_of({"g++", "-print-prog-name=cc1plus"}), "-quiet", "-std=c++17", "-O2",
                             "-fpreprocessed", preprocessed, "-o", "/dev/null"});
    return running;
}

std::optional<Running> start_clang(const std::string& folder, bool) {
    const std::string source = folder + "/templates.cpp";
    write_file(source, kTemplatesSource);
    Running running;
    running.target = launch({"clang++-14", "-std=c++17", "-O2", "-c", source, "-o", "/dev/null"});
    return running;
}

std::optional<Running> start_rust(const std::string& folder, bool is_first) {
    const std::string source = folder + "/work.rs";
    write_file(source, kRustSource);
    if (is_first && !succeeds({"rustc", "-O", source, "-o", folder + "/rust_work"})) return std::nullopt;
    return start_interpreter({folder + "/rust_work"});
}

}  // namespace

const std::vector<Program>& programs() {
    static const std::vector<Program> kAll = {
        {"puppet", "every situation that is hard to unwind", {}, start_puppet, 0.2},
        {"python", "json, re, compile, xml, threads", {"python3"}, start_python, 0.1},
        {"redis", "redis-benchmark and Lua, on jemalloc", {"redis-server", "redis-benchmark"}, start_redis, 0.1},
        {"sqlite", "fts5, json, triggers", {"sqlite3"}, start_sqlite, 0.1},
        {"node", "JIT, zlib, crypto", {"node"}, start_node, 0.1},
        {"cc1plus", "g++ -O2 on templates", {"g++"}, start_cc1plus, 0.15},
        {"clang", "clang -O2 on templates", {"clang++-14"}, start_clang, 0.15},
        {"rust", "HashMap, String, closures, threads", {"rustc"}, start_rust, 0.1},
    };
    return kAll;
}

}  // namespace whoholds::stacks
