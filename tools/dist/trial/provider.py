"""A key set over TLS on loopback, from an authority of its own and from one that nobody trusts, and a token."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any

from fastbearer import KeyPair
from tests.idp.certificates import Certificates  # type: ignore[import-untyped]

from ..lock import read


class Provider:
    def __init__(self, folder: Path) -> None:
        self.pair = KeyPair.generate("ES256")
        self.certificates = Certificates(folder)
        self.token = self.pair.create_token(
            subject="s", issuer="https://issuer.example", audience="a", scopes=["read"], expires_in_seconds=86400
        )
        self.document = json.dumps(self.pair.jwks()).encode()
        self.ca_file = Path(self.certificates.ca_file)
        self.good, self.unknown = (self.serve(kind) for kind in ("good", "unknown_ca"))

    def serve(self, kind: str) -> str:
        document = self.document

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        server.socket = self.certificates.context(kind).wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"https://localhost:{server.server_address[1]}/jwks"

    def given(self, arithmetic: dict[str, str | None], ca_file: str | None, **more: Any) -> str:
        """What the smoke programs are told; without a file the default trust is what is tested."""
        return json.dumps(
            {
                "arithmetic": arithmetic,
                "url": self.good,
                "untrusted_url": self.unknown,
                "token": self.token,
                "ca_file": ca_file,
                "versions": {name: read()[name].version for name in ("openssl", "jansson", "curl")},
                **more,
            }
        )
