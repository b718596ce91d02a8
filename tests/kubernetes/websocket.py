"""The server's half of a WebSocket (RFC 6455), as far as kubectl attach needs it. Used by api_server.

kubectl sends its standard input in messages that begin with the number of a channel, and takes its output so:
the protocol v5.channel.k8s.io.
"""
import base64
import hashlib
import struct
import threading

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest()).decode()


class WebSocket:
    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()

    def _read(self, size):
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _frame(self):
        first, second = self._read(2)
        size = second & 127
        if size == 126:
            (size,) = struct.unpack(">H", self._read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._read(8))
        mask = self._read(4) if second & 128 else bytes(4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._read(size)))
        return first & 15, data

    def messages(self):
        """(channel, bytes) until the other side closes or goes away."""
        try:
            while True:
                kind, data = self._frame()
                if kind == _CLOSE:
                    return
                if kind == _PING:
                    self._send_frame(_PONG, data)
                elif data:
                    yield data[0], data[1:]
        except (EOFError, OSError):
            return

    def _send_frame(self, kind, data):
        size = len(data)
        head = bytes([128 | kind])
        if size < 126:
            head += bytes([size])
        else:
            head += bytes([126]) + struct.pack(">H", size) if size < 65536 else bytes([127]) + struct.pack(">Q", size)
        with self._lock:
            self._writer.write(head + data)
            self._writer.flush()

    def send(self, channel, data):
        self._send_frame(_BINARY, bytes([channel]) + data)

    def close(self):
        self._send_frame(_CLOSE, struct.pack(">H", 1000))
