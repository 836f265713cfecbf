"""One request in, one answer out, byte by byte: a server of the standard library could not be made to err like this."""

from __future__ import annotations

import dataclasses
import email.utils
import functools
import hashlib
import http.client
import socket
import struct
import threading
import time
import zlib

from .faults import Behaviour


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case


def read_request(connection: socket.socket) -> Request | None:
    """None when the connection ends."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece or len(data) > 65536:
            return None
        data += piece
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, path, *_ = [*first.split(" "), ""]
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(method, path, headers)


def reset(connection: socket.socket) -> None:
    """Ends the connection with RST in place of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@functools.lru_cache(maxsize=8)
def _encoded(document: bytes, padding: int, coding: str) -> bytes:
    """The document, then white space, compressed as it would come over the wire; the plain text is never held whole."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    parts = [compressor.compress(document)]
    block = b" " * (1 << 20)
    for left in range(padding, 0, -len(block)):
        parts.append(compressor.compress(block[:left]))
    parts.append(compressor.flush())
    return b"".join(parts)


def encode(behaviour: Behaviour, document: bytes) -> bytes:
    """The body as the behaviour has it: coded, or padded."""
    body = document if behaviour.body is None else behaviour.body
    coding = behaviour.encoding or behaviour.transfer_encoding
    return _encoded(body, behaviour.padding, coding) if coding else body + b" " * behaviour.padding


class Answer:
    """What a behaviour makes of one request. ``send`` says whether the connection may be used again."""

    def __init__(self, behaviour: Behaviour, request: Request, document: bytes, changed: threading.Event) -> None:
        self.behaviour = behaviour
        self.request = request
        self.changed = changed
        self.not_modified = False
        self.body = b""
        plain = document if behaviour.body is None else behaviour.body
        self.etag = f'"{hashlib.sha256(plain).hexdigest()[:16]}"'
        if behaviour.always_304 or (behaviour.etag and request.headers.get("if-none-match") == self.etag):
            self.not_modified = True
        else:
            self.body = encode(behaviour, document)

    def _chunked(self) -> bool:
        return self.behaviour.chunked or self.behaviour.endless or bool(self.behaviour.transfer_encoding)

    def head(self) -> bytes:
        behaviour = self.behaviour
        status = 304 if self.not_modified else behaviour.status
        reason = behaviour.reason or http.client.responses.get(status, "Unknown")
        lines = [
            f"HTTP/1.1 {status} {reason}",
            f"Date: {email.utils.formatdate(time.time() + behaviour.date_skew, usegmt=True)}",
            f"Content-Type: {behaviour.content_type}",
        ]
        if 300 <= status < 400 and status != 304:
            lines.append("Location: /elsewhere")
        if self._chunked():
            coding = f"{behaviour.transfer_encoding}, chunked" if behaviour.transfer_encoding else "chunked"
            lines.append(f"Transfer-Encoding: {coding}")
        elif not self.not_modified:
            lines.append(f"Content-Length: {behaviour.length}")
        for name, value in (
            ("Content-Encoding", behaviour.encoding or None),
            ("Cache-Control", behaviour.cache_control),
            ("Age", behaviour.age),
            ("ETag", self.etag if behaviour.etag else None),
            *behaviour.headers,
        ):
            if value is not None:
                lines.append(f"{name}: {value}")
        length = str(max(0, len(self.body) + behaviour.declare))
        return "\r\n".join([*lines, "", ""]).replace("{length}", length).encode("latin-1")

    def _wait(self, seconds: float) -> bool:
        """False when the behaviour changed meanwhile, so that the connection is to be dropped."""
        return not (seconds > 0.0 and self.changed.wait(seconds))

    def send(self, connection: socket.socket) -> bool:
        behaviour = self.behaviour
        if behaviour.hang:
            self.changed.wait()
            return False
        if behaviour.reset == "request":
            reset(connection)
            return False
        if behaviour.close or not self._wait(behaviour.header_delay):
            return False
        if behaviour.raw is not None:
            connection.sendall(behaviour.raw)
            return False
        if behaviour.endless_header:
            return self._send_endless(connection, b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"a" * 1000 + b"\r\n")
        connection.sendall(self.head())
        if not self._wait(behaviour.body_delay):
            return False
        return self._send_body(connection)

    def _send_endless(self, connection: socket.socket, first: bytes, piece: bytes) -> bool:
        connection.sendall(first)
        while not self.changed.is_set():
            connection.sendall(piece)
        return False

    def _send_body(self, connection: socket.socket) -> bool:
        behaviour = self.behaviour
        if behaviour.endless:
            return self._send_endless(connection, b"c\r\n" + b'{"keys":[   \r\n', b"1000\r\n" + b" " * 4096 + b"\r\n")
        if behaviour.reset == "body":
            connection.sendall(self.body[: len(self.body) // 2])
            time.sleep(0.05)  # so that the half arrives
            reset(connection)
            return False
        if behaviour.trickle > 0.0:
            for i in range(len(self.body)):
                connection.sendall(self.body[i : i + 1])
                if not self._wait(behaviour.trickle):
                    return False
            return True
        if self._chunked():
            for start in range(0, len(self.body), 4096):
                piece = self.body[start : start + 4096]
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
        else:
            connection.sendall(self.body)
        return behaviour.declare == 0
