"""python_puppet: takes descriptors, sockets, threads and memory from known lines, and notes the lines that ran at that moment.

`run SITE COUNT`, `mark` (what follows is noted), `ledger`, which answers as JSON, and `quit`. What a site takes stands in one line with
chain(), which notes the frames.
"""
import asyncio
import contextlib
import functools
import json
import os
import socket
import sys
import threading

HEAP_BYTES = 100033
kept = []
taken = []  # kind and chain, if marked
marked = False


def chain(kind):
    frame = sys._getframe(1)
    lines = []
    while frame:
        code = frame.f_code
        lines.append([code.co_filename, frame.f_lineno, getattr(code, "co_qualname", code.co_name)])
        frame = frame.f_back
    if marked:
        taken.append([kind, lines])


def plain():
    kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY)))


def keep_descriptor():
    kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY)))


def called():
    keep_descriptor()


def lines_of_one_call():
    functools.partial(
        keep_descriptor,
    )()


def recursion(depth=7):
    if depth:
        return recursion(depth - 1)
    kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY)))
    return None


def deep():
    recursion(40)


def generate(count):
    for number in range(count):
        kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY)))
        yield number


def generator():
    for _ in generate(2):
        pass


def generator_by_next():
    numbers = generate(1)
    next(numbers)


def delegated():
    yield from generate(1)


def generator_of_generator():
    list(delegated())


def key_of(value):
    kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY)))
    return -value


def called_from_c():
    sorted([1, 2], key=key_of)


def mapped():
    list(map(lambda value: key_of(value), [1]))


def comprehension():
    return [kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY))) for _ in range(2)]


class Holder:
    def __init__(self, kind="fd"):
        self.descriptor = (chain(kind), os.open("/dev/null", os.O_RDONLY))
        kept.append(self.descriptor)

    @property
    def opened(self):
        return (chain("fd"), os.open("/dev/null", os.O_RDONLY))

    def __call__(self):
        keep_descriptor()

    def __del__(self):
        kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY)))


def constructor():
    Holder()


def attribute():
    kept.append(Holder().opened)


def callable_object():
    holder = Holder()
    holder()


@contextlib.contextmanager
def managed():
    kept.append((chain("fd"), os.open("/dev/null", os.O_RDONLY)))
    yield


def context():
    with managed():
        keep_descriptor()


made = compile("keep_descriptor()\n\nkeep_descriptor()", "<generated>", "exec")


def generated():
    exec(made)


def handled():
    try:
        raise ValueError
    except ValueError:
        keep_descriptor()
    finally:
        keep_descriptor()


async def awaited(number):
    await asyncio.sleep(0)
    keep_descriptor()
    return number


async def main_task():
    await asyncio.gather(awaited(1), awaited(2))
    await awaited(3)


loop = asyncio.new_event_loop()


def coroutine():
    loop.run_until_complete(main_task())


def open_socket():
    kept.append((chain("socket"), socket.socket()))


def memory():
    kept.append((chain("heap"), bytes(HEAP_BYTES)))


class Worker:
    """A thread of the program, which runs sites for the main one."""

    def __init__(self):
        self.wanted = []
        self.may_go = threading.Semaphore(0)
        self.done = threading.Semaphore(0)
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while True:
            self.may_go.acquire()
            self.wanted.pop()()
            self.done.release()

    def run(self, site):
        self.wanted.append(site)
        self.may_go.release()
        self.done.acquire()


def both_at_once(count=20):
    """Lines of several threads at the same time."""
    threads = [threading.Thread(target=lambda: [keep_descriptor() for _ in range(count)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


SITES = {site.__name__: site for site in (
    plain, called, lines_of_one_call, recursion, deep, generator, generator_by_next, generator_of_generator, called_from_c, mapped, comprehension,
    constructor, attribute, callable_object, context, generated, handled, coroutine, open_socket, memory, both_at_once)}


def answer(words):
    global marked
    if words == ["mark"]:
        marked = True
        return ""
    if len(words) == 3 and words[0] == "run" and words[1] in SITES:
        for _ in range(int(words[2])):
            SITES[words[1]]()
        return ""
    if len(words) == 3 and words[0] == "worker" and words[1] in SITES:
        for _ in range(int(words[2])):
            worker.run(SITES[words[1]])
        return ""
    if words == ["ledger"]:
        return json.dumps({"sites": list(SITES), "taken": taken, "version": list(sys.version_info[:2])})
    return None


worker = Worker()
print("DONE", flush=True)
while True:
    line = sys.stdin.readline()
    if not line or line == "quit\n":
        break
    text = answer(line.split())
    print("ERROR" if text is None else "DONE " + text, flush=True)
os._exit(0)
