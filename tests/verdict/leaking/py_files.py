# Files whose first line is a comment are put aside, and stay open; ten a second, one of five.
# expect: leak of fd
import tempfile

from support import verdict

put_aside = []


def open_checked(path):
    file = open(path, encoding="ascii")  # LEAK HERE
    if file.readline().startswith("#"):
        put_aside.append(file)
        return None
    return file


def handle_request(number):
    file = open_checked(comments.name if number % 5 == 0 else values.name)
    if file:
        with file:
            file.read()


with tempfile.NamedTemporaryFile("w") as comments, tempfile.NamedTemporaryFile("w") as values:
    for file, text in (comments, "# nothing\n"), (values, "1\n2\n"):
        file.write(text)
        file.flush()
    verdict.start()
    verdict.every(10, handle_request)
