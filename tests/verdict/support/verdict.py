"""What the Python programs of the verdict matrix share, see verdict.h."""
import os
import sys
import threading
import time

_seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
_begin = time.monotonic()


def _wait_for_end():
    while os.read(0, 4096):
        pass
    os._exit(0)


def end_with_input():
    threading.Thread(target=_wait_for_end, daemon=True).start()


def start():
    global _begin
    end_with_input()
    _begin = time.monotonic()
    print("READY", flush=True)


def now():
    """Since the start, as if the program were watched for a minute."""
    return (time.monotonic() - _begin) * 60 / _seconds


def every(per_second, work):
    """Calls work(number) so many times a second, for ever."""
    due = time.monotonic()
    number = 0
    while True:
        work(number)
        number += 1
        due = max(due + 1 / per_second, time.monotonic() - 1)
        time.sleep(max(0, due - time.monotonic()))


def fork_server(serve):
    """serve(listener) in a child process, which is not watched; returns the address. Before start()."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    address = listener.getsockname()
    if os.fork() == 0:
        end_with_input()
        serve(listener)
        os._exit(0)
    listener.close()
    return address
