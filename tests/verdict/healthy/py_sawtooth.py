# Trees whose nodes refer to their parents: garbage that the collector takes away now and then.
# expect: quiet
from support import verdict


class Node:
    def __init__(self, parent, text):
        self.parent = parent
        self.children = []
        self.text = text


def parse(text):
    root = Node(None, text)
    root.children = [Node(root, text + str(i)) for i in range(4)]
    return root


def handle_request(number):
    tree = parse("element %d " % number * 40)
    assert len(tree.children) == 4


verdict.start()
verdict.every(150, handle_request)
