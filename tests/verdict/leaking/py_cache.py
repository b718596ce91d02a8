# A dictionary as a cache: four of five lookups find something, nothing is ever dropped. About 150 KiB a second.
# expect: leak of heap mapping
import random

from support import verdict

cache = {}


def render(article):
    return ("<h1>%d</h1>" % article) + "<li>item</li>" * random.randint(150, 300)  # LEAK HERE


def find_or_render(article):
    page = cache.get(article)
    if page is None:
        page = cache[article] = render(article)
    return page


def handle_request(number):
    newest = number // 5
    find_or_render(newest if number % 5 == 0 else random.randint(0, newest))


verdict.start()
verdict.every(250, handle_request)
