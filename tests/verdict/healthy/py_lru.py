# functools.lru_cache with 2,000 places, full after 20 seconds.
# expect: quiet
import functools
import random
import sys

from support import verdict

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 60


@functools.lru_cache(maxsize=int(100 * SECONDS / 3))
def render(article):
    return ("<h1>%d</h1>" % article) + "<li>item</li>" * random.randint(150, 300)


def handle_request(number):
    newest = number // 2
    render(newest if number % 2 == 0 else newest - random.randint(0, newest // 4))


verdict.start()
verdict.every(200, handle_request)
