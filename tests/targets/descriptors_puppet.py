"""descriptors_puppet: a Python program that opens descriptors and starts threads, and keeps some of them.

`leak SITE COUNT`, `cycle SITE COUNT` (opened and closed again), `mark`, `ledger`, which answers as JSON, and `quit`.
"""
import json
import os
import socket
import sys
import threading


def open_file():
    return [open("/dev/null", "rb")]


def open_descriptor():
    return [os.fdopen(os.open("/dev/null", os.O_RDONLY), "rb", buffering=0)]


def open_pipe():
    reader, writer = os.pipe()
    return [os.fdopen(reader, "rb"), os.fdopen(writer, "wb")]


class Number:
    def __init__(self, number):
        self.number = number

    def close(self):
        os.close(self.number)


def open_pidfd():  # before glibc 2.36 by syscall() only, and Python still does it so
    if not hasattr(os, "pidfd_open"):
        return open_file()
    return [Number(os.pidfd_open(os.getpid()))]


def open_socket():
    return [socket.socket()]


def open_pair():
    return list(socket.socketpair())


listener = socket.create_server(("127.0.0.1", 0))


def connect():
    client = socket.create_connection(listener.getsockname())
    return [client, listener.accept()[0]]


class Waiting:
    """A thread that goes on until it is closed."""

    def __init__(self):
        self.may_end = threading.Event()
        self.thread = threading.Thread(target=self.may_end.wait, name="puppet-python", daemon=True)
        self.thread.start()

    def close(self):
        task = f"/proc/self/task/{self.thread.native_id}"
        self.may_end.set()
        self.thread.join()
        while os.path.exists(task):
            os.sched_yield()


def start_thread():
    return [Waiting()]


KINDS = {
    open_file: "fd",
    open_descriptor: "fd",
    open_pipe: "fd",
    open_pidfd: "fd",
    open_socket: "socket",
    open_pair: "socket",
    connect: "socket",
    start_thread: "thread",
}
SITES = {function.__name__: function for function in KINDS}
COLUMNS = ("opened_before", "closed_before", "opened", "closed")

ledger = {name: dict.fromkeys(COLUMNS, 0) for name in SITES}
kept = []
marked = False


def run(leak, name, count):
    row = ledger[name]
    when = "" if marked else "_before"
    for _ in range(count):
        opened = SITES[name]()
        row["opened" + when] += len(opened)
        if leak:
            kept.extend(opened)
            continue
        for one in opened:
            one.close()
        row["closed" + when] += len(opened)


def answer(words):
    global marked
    if len(words) == 3 and words[0] in ("leak", "cycle") and words[1] in SITES:
        run(words[0] == "leak", words[1], int(words[2]))
    elif words == ["mark"]:
        marked = True
    elif words == ["ledger"]:
        rows = [{"function": name, "kind": KINDS[SITES[name]], **row} for name, row in ledger.items()]
        return "DONE " + json.dumps({"sites": rows})
    else:
        return "FAIL unknown command"
    return "DONE"


print("DONE ready", flush=True)
for line in sys.stdin:
    if line.strip() == "quit":
        break
    print(answer(line.split()), flush=True)
