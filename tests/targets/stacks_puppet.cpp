#include "stacks_puppet.h"

#include <cstdlib>
#include <cstring>

#include "puppet.h"

namespace {

using namespace stacks;

constexpr Scenario kScenarios[] = {
    {"templates", templates},
    {"standard_library", standard_library},
    {"regular_expressions", regular_expressions},
    {"exceptions", exceptions},
    {"calls_without_return", calls_without_return},
    {"quick_sort", quick_sort},
    {"stack_arrays", stack_arrays},
    {"realigned_frames", realigned_frames},
    {"tail_calls", tail_calls},
    {"c_library", c_library},
    {"fibers", fibers},
    {"threads", threads},
    {"raised_signals", raised_signals},
    {"interrupted_code", interrupted_code},
    {"alternate_stack", alternate_stack},
    {"busy_frame_pointer", busy_frame_pointer},
    {"ledger", ledger},
    // Those whose stacks the kernel part cannot finish, or not at once.
    {"deep_recursion", deep_recursion},
    {"even_library", even_library},
    {"odd_library", odd_library},
    {"code_without_information", code_without_information},
};

void list() {
    char names[kPuppetLineMax] = "";
    for (const Scenario& scenario : kScenarios) {
        std::strcat(names, " ");
        std::strcat(names, scenario.name);
    }
    puppet_answer("DONE%s", names);
}

void run(char* arguments) {
    const char* name = strtok(arguments, " ");
    const char* times = strtok(nullptr, " ");
    const long count = times != nullptr ? std::strtol(times, nullptr, 10) : 1;
    for (const Scenario& scenario : kScenarios) {
        if (name == nullptr || std::strcmp(name, scenario.name) != 0) continue;
        for (long i = 0; i < count; i++) scenario.run();
        puppet_answer("DONE");
        return;
    }
    puppet_answer("FAIL no such scenario");
}

}  // namespace

void stacks::allocate(size_t size) {
    void* block = std::malloc(size);
    keep(block);
    std::free(block);
}

int main() {
    char line[kPuppetLineMax];
    puppet_answer("DONE ready");
    while (puppet_read_line(line)) {
        if (std::strncmp(line, "run ", 4) == 0)
            run(line + 4);
        else if (std::strcmp(line, "list") == 0)
            list();
        else if (std::strcmp(line, "ledger") == 0)
            print_ledger();
        else
            puppet_answer("FAIL unknown command");
    }
    return 0;
}
