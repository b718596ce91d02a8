# A thread pool with eight workers, which come when they are needed; 20 jobs a second, each with a file.
# expect: quiet
import concurrent.futures
import random
import time

from support import verdict

pool = concurrent.futures.ThreadPoolExecutor(8)


def read_status():
    with open("/proc/self/status", encoding="ascii") as file:
        text = file.read()
    time.sleep(random.random() / 5)
    return len(text)


verdict.start()
verdict.every(20, lambda number: pool.submit(read_status))
