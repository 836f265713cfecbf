"""A key-set endpoint on a loopback port that answers as a test tells it to, byte for byte."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Behaviour = Callable[[socket.socket, bytes], None]


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Issuer:
    """Serves document, or does what behave says. requests counts what arrived."""

    def __init__(self) -> None:
        self.document: Any = {"keys": []}
        self.behave: Behaviour | None = None
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/jwks"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            if self.behave is not None:
                self.behave(connection, request)
            else:
                connection.sendall(answer("200 OK", json.dumps(self.document).encode(), "Content-Type: application/json"))

    def close(self) -> None:
        self.stopping.set()
        self._listener.close()


@contextlib.contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()
    try:
        yield issuer
    finally:
        issuer.close()


def faults(issuer: Issuer) -> dict[str, Behaviour]:
    """What can go wrong with a provider. Each good answer inside is the issuer's own document."""

    def document() -> bytes:
        return json.dumps(issuer.document).encode()

    def send(data: Callable[[], bytes]) -> Behaviour:
        return lambda connection, request: connection.sendall(data())

    def hang(connection: socket.socket, request: bytes) -> None:
        issuer.stopping.wait(20)

    def drip(connection: socket.socket, request: bytes) -> None:
        for byte in answer("200 OK", document()):
            connection.sendall(bytes([byte]))
            if issuer.stopping.wait(0.05):
                return

    def endless(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        until = time.monotonic() + 20
        while not issuer.stopping.is_set() and time.monotonic() < until:
            connection.sendall(b" " * 65536)

    def cut(connection: socket.socket, request: bytes) -> None:
        connection.sendall(answer("200 OK", document())[:-20])

    return {
        "hang": hang,
        "drip": drip,
        "endless": endless,
        "cut": cut,
        "reset": lambda connection, request: connection.close(),
        "too-large": send(lambda: answer("200 OK", document() + b" " * 70000)),
        "gzip": send(lambda: answer("200 OK", gzip.compress(document()), "Content-Encoding: gzip")),
        "bomb": send(lambda: answer("200 OK", gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip")),
        "redirect": send(lambda: answer("302 Found", document(), f"Location: {issuer.url}?again")),
        "500": send(lambda: answer("500 Internal Server Error", document())),
        "404": send(lambda: answer("404 Not Found", document())),
        "206": send(lambda: answer("206 Partial Content", document())),
        "304": send(lambda: answer("304 Not Modified", b"")),
        "html": send(lambda: answer("200 OK", b"<!doctype html><title>Sign in</title>")),
        "no-keys": send(lambda: answer("200 OK", b'{"keys":[]}')),
        "array": send(lambda: answer("200 OK", b"[]")),
    }
