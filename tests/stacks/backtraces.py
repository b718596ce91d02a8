# Run by gdb: at every call of some functions, the callers as gdb sees them; printed as JSON at the call of another function.
# WH_FUNCTIONS: their addresses. WH_END: the name of the other one. WH_OUTPUT: file for the result.
import json
import os

import gdb

MOST_FRAMES = 256
stacks = {}


class Allocation(gdb.Breakpoint):
    def stop(self):
        frames = []
        frame = gdb.newest_frame().older()
        while frame is not None and len(frames) < MOST_FRAMES:
            # gdb makes these two up; no call stands behind them.
            if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                frames.append(frame.pc())
            frame = frame.older()
        stacks[tuple(frames)] = stacks.get(tuple(frames), 0) + 1
        return False


for command in (
    "set pagination off",
    "set confirm off",
    "set print thread-events off",
    "set backtrace past-main on",
    "set backtrace past-entry on",
    "set backtrace limit unlimited",
    "handle SIGUSR1 SIGUSR2 SIGALRM nostop noprint pass",
):
    gdb.execute(command, to_string=True)
for address in os.environ["WH_FUNCTIONS"].split(","):
    Allocation("*" + address, internal=True)
gdb.Breakpoint(os.environ["WH_END"], temporary=True)
print("ready", flush=True)
gdb.execute("continue", to_string=True)
with open(os.environ["WH_OUTPUT"], "w") as output:
    json.dump([{"frames": list(frames), "count": count} for frames, count in stacks.items()], output)
gdb.execute("detach", to_string=True)
