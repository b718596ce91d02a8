# The collector is off, "for latency", and nodes refer to their parents: about 250 KiB a second of garbage that stays.
# expect: leak of heap mapping
import gc

from support import verdict


class Node:
    def __init__(self, parent, text):
        self.parent = parent
        self.children = []
        self.text = text

    def __del__(self):
        self.children = None


def parse(text):
    root = Node(None, text)
    root.children = [Node(root, text + str(i)) for i in range(4)]  # LEAK HERE
    return root


def handle_request(number):
    tree = parse("element %d " % number * 20)
    assert len(tree.children) == 4


gc.disable()
verdict.start()
verdict.every(100, handle_request)
