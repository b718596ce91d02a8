# Children are started with a pipe each and remembered, not waited for. One a second.
# expect: leak of fd
import subprocess

from support import verdict

children = []


def start_check(number):
    child = subprocess.Popen(["cat", "/proc/loadavg"], stdout=subprocess.PIPE)  # LEAK HERE
    children.append(child)
    return child


def handle_request(number):
    start_check(number).stdout.readline()


verdict.start()
verdict.every(1, handle_request)
