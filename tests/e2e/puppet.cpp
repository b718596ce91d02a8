#include "e2e/puppet.h"
#include "e2e/places.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace whoholds::e2e {

namespace {

Launch launch_of(const std::string& name, const PuppetOptions& options) {
    Launch launch;
    launch.command = options.launcher;
    launch.command.push_back(target_path(name));
    launch.command.insert(launch.command.end(), options.arguments.begin(), options.arguments.end());
    launch.environment = options.environment;
    return launch;
}

pid_t only_child_of(pid_t parent) {
    std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
    pid_t child = -1;
    children >> child;
    return child;
}

}  // namespace

Puppet::Puppet(const std::string& name, const PuppetOptions& options) : process_(launch_of(name, options)) {
    const std::optional<std::string> greeting = process_.output().next();
    if (!greeting || !greeting->starts_with("DONE")) {
        ADD_FAILURE() << "puppet " << name << " did not get ready: " << greeting.value_or("no answer") << "\n"
                      << process_.errors().all();
    }
    pid_ = options.launcher.empty() ? process_.pid() : only_child_of(process_.pid());
}

std::string Puppet::ask(const std::string& text) {
    if (!process_.write_line(text)) return "";
    return process_.output().next().value_or("");
}

std::string Puppet::command(const std::string& text) {
    const std::string answer = ask(text);
    if (!answer.starts_with("DONE")) {
        ADD_FAILURE() << "puppet answered to \"" << text << "\": " << (answer.empty() ? "nothing, it is gone" : answer);
        return "";
    }
    return answer.size() > 5 ? answer.substr(5) : "";
}

nlohmann::json Puppet::command_json(const std::string& text) {
    return nlohmann::json::parse(command(text), nullptr, false);
}

std::string target_path(const std::string& name) {
    std::string path = targets_dir() + "/" + name;
    return access(path.c_str(), R_OK) == 0 ? path : "";
}

std::string system_library(const std::string& name) {
    for (const char* folder : {"/usr/lib/x86_64-linux-gnu/", "/lib/x86_64-linux-gnu/", "/usr/lib64/", "/usr/lib/"}) {
        std::string path = folder + name;
        if (access(path.c_str(), R_OK) == 0) return path;
    }
    return "";
}

}  // namespace whoholds::e2e
