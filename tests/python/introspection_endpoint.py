"""An introspection endpoint on loopback, and what it says of a good token."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """An introspection endpoint that says what it is told to, and misbehaves when it is told to."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.raw: bytes | None = None
        self.content_type: str | None = None
        self.going = threading.Event()
        self.going.set()
        self.concurrent = self.most = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                owner.asked.append(dict(urllib.parse.parse_qsl(body)))
                owner.headers.append({name.lower(): value for name, value in self.headers.items()})
                owner.concurrent += 1
                owner.most = max(owner.most, owner.concurrent)
                owner.going.wait(10)
                owner.concurrent -= 1
                content = owner.raw
                if content is None:
                    content = json.dumps(owner.answers.get(owner.asked[-1]["token"], {"active": False})).encode()
                try:
                    self.send_response(owner.status)
                    if 300 <= owner.status < 400:
                        self.send_header("Location", "/elsewhere")
                    if owner.content_type is not None:
                        self.send_header("Content-Type", owner.content_type)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/introspect"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.going.set()
        self._server.shutdown()
        self._server.server_close()


def active(**claims: Any) -> dict[str, Any]:
    return {"active": True, "client_id": "c", "sub": "alice", "aud": "a", "exp": int(time.time()) + 600, **claims}
