# Rows are collected for ten seconds, then written and let go.
# expect: quiet
import io
import json

from support import verdict

rows = []
next_write = 10


def add_row(number):
    rows.append({"number": number, "text": "x" * 500, "tags": [str(number)]})


def write_rows():
    io.StringIO().write(json.dumps(rows))
    rows.clear()


def handle_request(number):
    global next_write
    add_row(number)
    if verdict.now() > next_write:
        write_rows()
        next_write += 10


verdict.start()
verdict.every(150, handle_request)
