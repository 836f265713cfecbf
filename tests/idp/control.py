"""The provider's remote control, for tests in other languages: plain HTTP on a port of its own, JSON both ways.

Every answer is the state: ``{"jwks_uri", "issuer", "ca_file", "requests", "connections", "concurrent", "last_headers",
"paths", "kids", "jwks", ...}``. Arguments come as a query (``GET /fault?name=hang``) or as a JSON object (``POST
/behave``).

    /state                              nothing but the state
    /fault?name=NAME                    misbehave as faults.FAULTS says
    /behave {"status": 503, ...}        misbehave as these fields of faults.Behaviour say; no fields: behave well
    /good                               behave well, metadata documents too
    /metadata?name=NAME                 misbehave with metadata documents as faults.METADATA_FAULTS says
    /metadata {"members": {...}}        as these fields of faults.Metadata say; no fields: behave well
    /issuer?path=/tenant                what the issuer has behind the port
    /rotate?overlap=1&algorithm=ES256   a new key; "kid" names it
    /withdraw?kid=KID
    /mint?kid=KID {"audience": ...}     "token", signed with this key, or the newest; arguments of claims_of
    /key?kid=KID                        "private_key", "public_key": PEM
    /forget                             count afresh
    /down, /up                          refuse connections; accept them again on the same port
    /stop
"""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

from .faults import behaviour_of, metadata_of
from .provider import IdentityProvider

Arguments = dict[str, Any]


class Control:
    """Serves ``provider``'s remote control on ``url`` until it is asked to stop; ``stopped`` is set then."""

    def __init__(self, provider: IdentityProvider) -> None:
        self.provider = provider
        self.stopped = threading.Event()
        self._retired = {key.kid: key for key in provider.keys}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="idp-control", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def state(self) -> dict[str, Any]:
        provider = self.provider
        return {
            "jwks_uri": provider.jwks_uri,
            "issuer": provider.issuer,
            "ca_file": provider.ca_file,
            "control": self.url,
            "requests": provider.requests,
            "connections": provider.connections,
            "concurrent": provider.concurrent,
            "last_headers": provider.log[-1].headers if provider.log else {},
            "paths": [request.path for request in provider.log],
            "kids": [key.kid for key in provider.keys],
            "jwks": provider.jwks(),
        }

    def do(self, command: str, arguments: Arguments) -> dict[str, Any]:
        actions: dict[str, Callable[[Arguments], dict[str, Any] | None]] = {
            "state": lambda _: None,
            "fault": lambda given: self.provider.misbehave(given["name"]),
            "behave": lambda given: self.provider.behave(behaviour_of(given)),
            "good": lambda _: self._good(),
            "metadata": self._metadata,
            "issuer": lambda given: setattr(self.provider, "issuer_path", given.get("path", "")),
            "rotate": self._rotate,
            "withdraw": lambda given: self.provider.withdraw(given["kid"]),
            "mint": self._mint,
            "key": self._key,
            "forget": lambda _: self.provider.forget(),
            "down": lambda _: self.provider.down(),
            "up": lambda _: self.provider.up(),
            "stop": lambda _: self.stopped.set(),
        }
        more = actions[command](arguments)
        return {**self.state(), **(more or {})}

    def _good(self) -> None:
        self.provider.behave()
        self.provider.behave_metadata()

    def _metadata(self, given: Arguments) -> None:
        if "name" in given:
            self.provider.misbehave_metadata(given["name"])
        else:
            self.provider.behave_metadata(metadata_of(given))

    def _rotate(self, given: Arguments) -> dict[str, Any]:
        key = self.provider.rotate(overlap=given.get("overlap") in (1, "1", True), algorithm=given.get("algorithm"))
        self._retired[key.kid] = key
        return {"kid": key.kid}

    def _key(self, given: Arguments) -> dict[str, Any]:
        key = self._retired[given["kid"]]
        return {"private_key": key.private_pem(), "public_key": key.public_pem()}

    def _mint(self, given: Arguments) -> dict[str, Any]:
        kid = given.pop("kid", None)
        return {"token": self.provider.mint(key=None if kid is None else self._retired[kid], **given)}

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        control = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                parts = urllib.parse.urlsplit(self.path)
                arguments: Arguments = dict(urllib.parse.parse_qsl(parts.query))
                length = int(self.headers.get("Content-Length") or 0)
                try:
                    arguments.update(json.loads(self.rfile.read(length)) if length else {})
                    status, answer = 200, control.do(parts.path.strip("/"), arguments)
                except (KeyError, TypeError, ValueError, StopIteration) as error:
                    status, answer = 400, {"error": repr(error)}
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
