// traps: one command for each trap that a tracer of allocations can fall into; the files traps_*.c say which. Each command
// acquires from a call site of its own (trap_…) with its own odd size, and answers when all that it started has ended.
//   quit ends it, as does the end of its input.
#include "traps_common.h"

static const struct trap_command* const kTables[] = {kHeapCommands, kCallCommands, kMappingCommands, kProcessCommands};

static const struct trap_command* find_command(const char* name, size_t length) {
    for (size_t table = 0; table < sizeof kTables / sizeof kTables[0]; table++) {
        for (const struct trap_command* command = kTables[table]; command->name; command++) {
            if (strlen(command->name) == length && strncmp(command->name, name, length) == 0) return command;
        }
    }
    return NULL;
}

int main(int argc, char** argv) {
    static char line[kPuppetLineMax];
    puppet_answer("DONE %s", argc > 1 ? argv[1] : "ready");
    while (puppet_read_line(line) && strcmp(line, "quit") != 0) {
        size_t length = strcspn(line, " ");
        const struct trap_command* command = find_command(line, length);
        if (command) {
            command->run(line + length);
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    _exit(0);
}
