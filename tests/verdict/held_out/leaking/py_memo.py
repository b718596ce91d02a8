# functools.cache on a function whose argument is nearly always new: about 120 KiB a second.
# expect: leak of heap mapping
import functools
import random

from support import verdict


@functools.cache
def render(user, page):
    return ("<h1>%s %d</h1>" % (user, page)) * random.randint(20, 60)  # LEAK HERE


def handle_request(number):
    render("user %d" % (number % 1000), number // 3)


verdict.start()
verdict.every(150, handle_request)
