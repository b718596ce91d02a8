# Every event is decoded and kept in a list of the module, for a statistic that nobody asks for: about 200 KiB a second.
# expect: leak of heap mapping
import json

from support import verdict

events = []


def decode(line):
    return json.loads(line)  # LEAK HERE


def handle_request(number):
    line = json.dumps({"number": number, "text": "x" * 600, "tags": ["a", "b", str(number)]})
    events.append(decode(line))


verdict.start()
verdict.every(200, handle_request)
