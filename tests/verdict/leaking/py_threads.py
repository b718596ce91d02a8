# A thread for each download that waits on a queue, and nobody puts the end into the queue. Two a second.
# expect: leak of thread
import queue
import threading

from support import verdict


def write_parts(parts):
    while parts.get() is not None:
        pass


def start_download(number):
    parts = queue.Queue()
    writer = threading.Thread(target=write_parts, args=(parts,), daemon=True)
    writer.start()  # LEAK HERE
    parts.put(b"part %d" % number)


verdict.start()
verdict.every(2, start_download)
