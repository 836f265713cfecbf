"""The provider: keys, a listener that can be taken down, and who has asked for what."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .certificates import Certificates
from .faults import FAULTS, METADATA_FAULTS, Behaviour, Metadata
from .keys import SigningKey, claims_of
from .wire import Answer, Request, encode, read_request

_BROKEN_KEYS: tuple[Any, ...] = (
    17,
    {},
    {"kty": "RSA", "kid": "broken-1", "n": "!!", "e": "AQAB"},
    {"kty": "RSA", "kid": "broken-2", "n": "AQAB", "e": "AQAB"},
    {"kty": "EC", "kid": "broken-3", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "new", "kid": "broken-4"},
    {"kty": "RSA", "kid": ["broken-5"], "use": 1},
)


class IdentityProvider:
    """A key set on a loopback port, and the metadata documents of its issuer, over HTTP or over TLS with an authority
    of its own.

    Args:
        tls: speak HTTPS. ``ca_file`` then names the authority's certificate.
        algorithms: one key is made for each.
        keys: in place of ``algorithms``.
        host: what it listens on, and what stands in ``jwks_uri``.
        issuer_path: what ``issuer`` has behind the port.

    Attributes:
        keys: what is published, in order. The last is the one that ``mint`` signs with. Change it as you like.
        requests: how many requests have arrived; ``log`` has them.
        connections: how many connections have been accepted.
        concurrent: the largest number of requests that were being answered at one time.
    """

    def __init__(
        self,
        *,
        tls: bool = False,
        algorithms: Sequence[str] = ("RS256",),
        keys: Sequence[SigningKey] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str = "/jwks",
        issuer_path: str = "",
    ) -> None:
        self.keys = list(keys) if keys is not None else [SigningKey(name) for name in algorithms]
        self.host, self.port, self.path, self.tls = host, port, path, tls
        self.issuer_path = issuer_path
        self.behaviour = Behaviour()
        self.metadata = Metadata()
        self.log: list[Request] = []
        self.connections = 0
        self.concurrent = 0
        self._answering = 0
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="idp-")) if tls else None
        self._certificates = Certificates(self._folder) if self._folder is not None else None

    # ---- addresses

    @property
    def _base(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def jwks_uri(self) -> str:
        return self._base + self.path

    @property
    def issuer(self) -> str:
        return self._base + self.issuer_path

    @property
    def ca_file(self) -> str | None:
        return None if self._certificates is None else str(self._certificates.ca_file)

    @property
    def requests(self) -> int:
        return len(self.log)

    # ---- life

    def start(self) -> IdentityProvider:
        self.up()
        return self

    def stop(self) -> None:
        self.down()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> IdentityProvider:
        return self.start()

    def __exit__(self, *details: object) -> None:
        self.stop()

    def up(self) -> None:
        """Listens, on the same port as before."""
        if self._listener is not None:
            return
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family, backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), name="idp", daemon=True).start()

    def down(self) -> None:
        """Refuses connections and ends those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # close alone does not wake the thread in accept
            listener.close()
        self._interrupt(drop=True)

    # ---- behaviour

    def behave(self, behaviour: Behaviour | None = None, /, **fields: Any) -> None:
        """From now on. No arguments: well. Answers that wait under the old behaviour are given up."""
        new = behaviour if behaviour is not None else Behaviour(**fields)
        drop = (new.certificate, new.tls_version) != (self.behaviour.certificate, self.behaviour.tls_version)
        drop = drop or new.no_handshake
        if self._certificates is not None:
            self._certificates.context(new.certificate, new.tls_version)
        self.behaviour = new
        encode(new, self._document())  # now: a bomb takes longer to make than a client waits
        self._interrupt(drop=drop)

    def misbehave(self, name: str) -> None:
        """One of FAULTS; it meets also who holds our ETag."""
        self.behave(replace(FAULTS[name], etag=False))

    def behave_metadata(self, metadata: Metadata | None = None, /) -> None:
        """The same for the metadata documents."""
        self.metadata = Metadata() if metadata is None else metadata
        encode(self.metadata.behaviour, self._metadata_document())
        self._interrupt(drop=False)

    def misbehave_metadata(self, name: str) -> None:
        """One of METADATA_FAULTS."""
        self.behave_metadata(METADATA_FAULTS[name])

    def forget(self) -> None:
        """Starts counting afresh."""
        with self._lock:
            self.log, self.connections, self.concurrent = [], 0, 0

    def _interrupt(self, *, drop: bool) -> None:
        with self._lock:
            self._changed.set()
            self._changed = threading.Event()
            connections = list(self._open) if drop else []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # ---- keys

    def rotate(self, *, overlap: bool = False, algorithm: str | None = None) -> SigningKey:
        """A new key, which ``mint`` uses from now on; without overlap the others are withdrawn."""
        key = SigningKey(algorithm if algorithm is not None else self.keys[-1].algorithm)
        self.keys = [*self.keys, key] if overlap else [key]
        return key

    def withdraw(self, kid: str) -> None:
        self.keys = [key for key in self.keys if key.kid != kid]

    def key(self, kid: str) -> SigningKey:
        return next(key for key in self.keys if key.kid == kid)

    def mint(self, *, key: SigningKey | None = None, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A good token; see keys.claims_of for the arguments. Others become claims."""
        return (key or self.keys[-1]).token(claims_of(self.issuer, **claims), header=header)

    def jwks(self) -> dict[str, Any]:
        behaviour = self.behaviour
        keys: list[Any] = [] if behaviour.empty_set else [key.jwk(private=behaviour.private_keys) for key in self.keys]
        if behaviour.broken_keys:
            half = len(_BROKEN_KEYS) // 2
            keys = [*_BROKEN_KEYS[:half], *keys, *_BROKEN_KEYS[half:]]
        return {"keys": keys}

    def _document(self) -> bytes:
        return json.dumps(self.jwks()).encode()

    # ---- discovery

    def _metadata_document(self) -> bytes:
        members = {"issuer": self.issuer, "jwks_uri": self.jwks_uri, "response_types_supported": ["code"]}
        for name, value in self.metadata.members.items():
            if isinstance(value, str):
                scheme = self._base.partition(":")[0]
                value = value.format(base=self._base, issuer=self.issuer, scheme=scheme, port=self.port)
            members[name] = value
        return json.dumps({name: value for name, value in members.items() if value is not None}).encode()

    def _is_metadata(self, path: str) -> bool:
        well_known, below = "/.well-known/", self.issuer_path.rstrip("/")
        places = {
            "inserted": f"{well_known}openid-configuration{below}",
            "oauth": f"{well_known}oauth-authorization-server{below}",
            "openid": f"{below}{well_known}openid-configuration",
        }
        return any(path == places[name] for name in self.metadata.served)

    # ---- connections

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are written apart
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="idp-connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        plain = connection
        try:
            if self.behaviour.no_handshake:
                self._changed.wait()
                return
            if self._certificates is not None:
                behaviour = self.behaviour
                context = self._certificates.context(behaviour.certificate, behaviour.tls_version)
                connection = context.wrap_socket(plain, server_side=True)
                with self._lock:
                    self._open.add(connection)
            while self._answer(connection):
                pass
        except (OSError, ssl.SSLError, ValueError):
            pass  # who asked has gone, or did not like the certificate
        finally:
            with self._lock:
                self._open -= {plain, connection}
            connection.close()
            plain.close()

    def _answer(self, connection: socket.socket) -> bool:
        request = read_request(connection)
        if request is None:
            return False
        with self._lock:
            self.log.append(request)
            self._answering += 1
            self.concurrent = max(self.concurrent, self._answering)
            behaviour, changed = self.behaviour, self._changed
        document = self._document()
        try:
            if self._is_metadata(request.path):
                behaviour, document = self.metadata.behaviour, self._metadata_document()
            elif request.path == "/elsewhere":
                behaviour = Behaviour()
            elif request.path.partition("?")[0] != self.path:
                behaviour = FAULTS["not_found"]
            return Answer(behaviour, request, document, changed).send(connection)
        finally:
            with self._lock:
                self._answering -= 1
