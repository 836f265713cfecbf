"""For tests of servers that take bearer tokens: a loopback key server, and pytest fixtures.

    def test_my_server(jwks_server, mint_token):
        verifier = Verifier(issuer=jwks_server.issuer, audience="me")
        assert verifier.verify(jwks_server.mint(audience="me")).client_id == "fastmcp-user"
        jwks_server.fail(503)
        ...

With ``pytest_plugins = ["fastbearer.testing"]`` in a conftest.py there are three fixtures: ``rsa_key_pair`` (generated
once a session), ``mint_token`` (``rsa_key_pair.create_token``) and ``jwks_server`` (a fresh JWKSServer a test).
JWKSServer itself needs no pytest.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .keys import KeyPair, RSAKeyPair

__all__ = ["JWKSServer"]

_METADATA = "/.well-known/openid-configuration"


class JWKSServer:
    """An identity provider's key set on http://127.0.0.1, which can rotate its keys and misbehave on command; and the
    metadata by which discovery finds it.

    Args:
        key: the first key; an RSAKeyPair is generated when it is not given.
        kid: its key id.
        max_age: what Cache-Control says, in seconds; None sends none.

    Attributes:
        keys: kid -> KeyPair of what is published, in order. Change it as you like.
        kid: the key that ``mint`` signs with.
        hits: requests for the key set so far.
    """

    path = "/.well-known/jwks.json"

    def __init__(self, key: KeyPair | None = None, *, kid: str = "key-1", max_age: int | None = None) -> None:
        self.keys: dict[str, KeyPair] = {kid: key if key is not None else RSAKeyPair.generate()}
        self.kid: str = kid
        self.max_age: int | None = max_age
        self.hits: int = 0
        self._rotations = 1
        self._response: tuple[int, Mapping[str, str], bytes] | None = None
        self._responding = threading.Event()
        self._responding.set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="jwks-server", daemon=True
        )
        self._thread.start()

    # ---- what a client needs to know

    @property
    def issuer(self) -> str:
        """The provider's URL; what ``mint`` writes into ``iss``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def jwks_uri(self) -> str:
        """Where the key set is."""
        return self.issuer + self.path

    @property
    def document(self) -> dict[str, Any]:
        """The key set that is published now."""
        return {"keys": [jwk for kid, pair in self.keys.items() for jwk in pair.jwks(kid)["keys"]]}

    def mint(self, **claims: Any) -> str:
        """A token signed with the current key. Takes the arguments of ``KeyPair.create_token``."""
        claims.setdefault("issuer", self.issuer)
        claims.setdefault("kid", self.kid)
        return self.keys[self.kid].create_token(**claims)

    # ---- how it misbehaves

    def rotate(self, *, keep: bool = False, key: KeyPair | None = None) -> str:
        """Publishes a new key and signs with it from now on; the old ones are withdrawn unless ``keep``. Its kid."""
        self._rotations += 1
        kid = f"key-{self._rotations}"
        pair = key if key is not None else KeyPair.generate(self.keys[self.kid].algorithm)
        self.keys = {**self.keys, kid: pair} if keep else {kid: pair}
        self.kid = kid
        return kid

    def fail(self, status: int = 503) -> None:
        """Responds to every request with this status until ``recover``."""
        self.respond(status)

    def respond(self, status: int = 200, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> None:
        """Responds to every request with exactly this until ``recover``."""
        self._response = (status, headers or {}, body.encode() if isinstance(body, str) else body)

    def hang(self) -> None:
        """Accepts requests and responds to none of them until ``recover``."""
        self._responding.clear()

    def recover(self) -> None:
        """Serves the key set again."""
        self._response = None
        self._responding.set()

    def close(self) -> None:
        """Stops serving."""
        self.recover()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> JWKSServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reply(self, path: str, etag: str | None) -> tuple[int, Mapping[str, str], bytes]:
        if path == _METADATA:
            document = {"issuer": self.issuer, "jwks_uri": self.jwks_uri}
            return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()
        if path.partition("?")[0] != self.path:
            return 404, {}, b""
        with self._lock:
            self.hits += 1
        self._responding.wait()
        if self._response is not None:
            return self._response
        body = json.dumps(self.document).encode()
        headers = {"Content-Type": "application/jwk-set+json", "ETag": f'"{hash(body) & 0xFFFFFFFF:08x}"'}
        if self.max_age is not None:
            headers["Cache-Control"] = f"max-age={self.max_age}"
        return (304, headers, b"") if etag == headers["ETag"] else (200, headers, body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, body = owner._reply(self.path, self.headers.get("If-None-Match"))
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if status != 304:
                        self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:  # the client has gone
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


try:
    import pytest
except ImportError:
    pass
else:
    __all__ += ["jwks_server", "mint_token", "rsa_key_pair"]

    @pytest.fixture(scope="session")
    def rsa_key_pair() -> RSAKeyPair:
        """An RSAKeyPair, generated once for all tests."""
        return RSAKeyPair.generate()

    @pytest.fixture
    def mint_token(rsa_key_pair: RSAKeyPair) -> Callable[..., str]:
        """Mints a token with ``rsa_key_pair``; takes the arguments of ``create_token``."""
        return rsa_key_pair.create_token

    @pytest.fixture
    def jwks_server(rsa_key_pair: RSAKeyPair) -> Iterator[JWKSServer]:
        """A JWKSServer that publishes ``rsa_key_pair`` as "key-1"."""
        with JWKSServer(rsa_key_pair) as server:
            yield server
