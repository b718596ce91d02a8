// Which processes the user means by --container, --cgroup, --comm and --all-of: present ones, and whoever comes later, as the same
// question is asked again. Used by the session and the command line.
// What a process says of itself (its name, its environment, the path of its program) can be chosen by it; container ids and cgroups
// cannot. So nothing but the choice of processes depends on names.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

struct ProcessSelection {
    std::vector<std::string> containers;  // id (12 hex digits or more suffice), or a name: container, pod, host name
    std::vector<std::string>
        cgroups;  // below the mount of cgroups or below their root: the cgroup itself and all below it
    std::vector<std::string> commands;     // as comm: its first 15 bytes count
    std::vector<std::string> executables;  // with a slash: the path, or the same file; else the file's name
    // Who shows no container at all counts as one of those that are meant, unless it runs in our own: see widen_if_hidden().
    bool whose_container_is_hidden = false;

    [[nodiscard]] bool is_empty() const {
        return containers.empty() && cgroups.empty() && commands.empty() && executables.empty();
    }
    // "container 0123456789ab, command nginx": for sentences.
    [[nodiscard]] std::string words() const;
};

// Whether the container is the one that is meant: by id, else by name.
bool is_container(const Container& container, std::string_view host_name, std::string_view wanted);

// Whether one of the cgroups in the text of /proc/PID/cgroup is `wanted` or lies below it. cgroup_root: where they are mounted.
bool is_in_cgroup(std::string_view cgroup_text, std::string_view wanted, std::string_view cgroup_root);

// False as well if the process is gone, a zombie, or a kernel thread.
bool is_selected(const ProcRoot& root, pid_t pid, const ProcessSelection& selection);

// All processes below root that are selected, in the order of their numbers; `except` is left out. An error if /proc cannot be read.
Result<std::vector<pid_t>> selected_processes(const ProcRoot& root, const ProcessSelection& selection, pid_t except);

// Where whoholds has joined the PID namespace of a container (kubectl debug --target) and is shown nobody's control group, it cannot
// find a container by its id. Whoever is in that namespace is in the container then, but for those who see our own files. Widens
// the selection to these, if it names a container by its full id and nobody is selected otherwise.
void widen_if_hidden(const ProcRoot& root, ProcessSelection& selection, pid_t except);

}  // namespace whoholds
